"""docs/vehicles.md, made of the profiles of vehicles."""

from collections.abc import Iterator, Sequence

from telemetry.vehicles import profile as keys
from telemetry.vehicles.known import named, names
from telemetry.vehicles.listing import FACT_COLUMNS, MARK_WORDS, VEHICLE_COLUMNS, facts, listed
from telemetry.vehicles.profile import MARKS, Profile
from tools.pages.configuration import keys_table

_INTRODUCTION = """\
# Vehicles by name

Made by `make pages`; edit `telemetry/vehicles/` instead.

A profile says what a kind of vehicle broadcasts, and what its control units answer when a tester asks. With
its name a recording fills `battery` and `cells`, and so does a bus on which somebody's tester asks: no
database, no `[[map]]`. This program asks nothing itself.

```
nev-telemetry scan --log drive.log
nev-telemetry decode drive.log --vehicle-profile nissan-leaf-ze1
nev-telemetry vehicles nissan-leaf-ze1
```

`signals`, `plot`, [`sessions`](sessions.md) and `session` take `--vehicle-profile` as `decode` does.
In the configuration the keys `vehicle_profile` and `vehicle_bus` of a bus name it
([configuration](configuration.md)). Another vehicle gets [a profile of your own](#a-profile-of-your-own).

- Currents are positive into the battery, whatever sign the vehicle has. `battery.soc_pct` is the battery's
  own figure, where it tells one, and not the display's.
- Values without a measurement in front are of rows of the message itself.
- Bytes of an answer count from its first, the service; those of a frame from 0. `u16` is unsigned with 16
  bits, `s16` in two's complement, `le` has the least significant byte first. Bits have a DBC's numbers.
- Where a field has several origins, one with `prefer` fills it, then what is broadcast, then what is
  answered: the first of these that was heard within 10 s. Of two alike the latest value counts.
- `obd-ii` beside the vehicle's own profile adds what that one lacks, and fills a field where nothing else
  does. Otherwise two profiles of which both know one answer are refused.
- `decode` takes databases beside a profile, and no `--protocol`; a configuration takes both.
- The mark says how sure a fact is: {marks}. Facts on which
  sources contradict each other are left out.
"""

_OWN = """
## A profile of your own

A profile is a TOML file: `vehicle_profile = "my-van.toml"`. It may extend another one, by name or path: own
tables are added, and a read of the same unit and request, or a frame of the same bus and id, takes the
place of the other's. [`exchanges`](exchanges.md) shows what a tester asks and what is answered.

```toml
extends = "hyundai-kona-64"
title = "My van"

[[read]]                        # one more than the other profile has
unit = "bms"
what = "220106"
mark = "1"
fields = [{{ name = "something_c", unit = "°C", byte = 7, signed = true }}]
```

A pack's cells are all broadcast, or all asked for: a profile with some of each is refused, since nothing says
which values are of one moment. Cells that also come in the other way may be named values of their rows.

What takes the place of another read or frame tells all of it again, also its cells: the other's values are
gone.

A pack with fewer cells than a `[[broadcast]]` numbers gives rows of `cells` only after ten cycles and 10 s:
so long pages are waited for that never come. A profile of your own that `extends` it says how many there are:
`cells` above all tables, and the frame again, with all of its keys and `number.to` as the last that comes.

{tables}"""
_TABLES: Sequence[
    tuple[str, type, type | None]
] = (  # what it is, its keys, and what has some of them already
    ("Above all tables", keys.Profile, None),
    ("`[bus.NAME]`", keys.VehicleBus, None),
    ("`[unit.NAME]`", keys.Unit, None),
    ("`at` of a unit", keys.Pair, None),
    ("`[[read]]`", keys.Read, None),
    ("`[[broadcast]]`", keys.Broadcast, None),
    ("Each of `fields`; a value is raw * `scale` + `offset`", keys.Field, None),
    ("`cells` and `temperatures`, beside the keys of a value", keys.Cells, keys.Field),
    ("`number`, beside the keys of a place", keys.Number, keys.Place),
    ("`unless`, beside the keys of a place", keys.Unless, keys.Place),
)


def documentation() -> str:
    """Return docs/vehicles.md."""
    profiles = [named(name) for name in names()]
    marks = ", ".join(f"{mark} {words}" for mark, words in zip(MARKS, MARK_WORDS, strict=True))
    lines = [_INTRODUCTION.format(marks=marks)]
    linked = ([f"[`{name}`](#{name})", *others] for name, *others in map(listed, profiles))
    lines += _table(VEHICLE_COLUMNS, linked)
    for profile in profiles:
        lines += ["", *_vehicle(profile)]
    tables = "\n".join(f"{what}:\n\n{keys_table(cls, other)}" for what, cls, other in _TABLES)
    return "\n".join(lines) + "\n" + _OWN.format(tables=tables)


def _vehicle(profile: Profile) -> Iterator[str]:
    yield f"## {profile.name}"
    yield ""
    yield f"{profile.title}." + (f" {profile.note}" if profile.note else "")
    yield ""
    for name, bus in profile.buses.items():
        yield f"- Bus `{name}`: {bus.title}, {bus.bit_rate // 1000} kbit/s."
    for unit in profile.units.values():
        at = ", ".join(f"{pair.request} -> {pair.answer}" for pair in unit.at)
        yield f"- Unit `{unit.name}` on {' and '.join(unit.bus)}: {at}."
    yield ""
    yield from _table(FACT_COLUMNS, facts(profile))


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |")
