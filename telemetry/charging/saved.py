"""A plug's open session as JSON, which goes on in another process.

Promises:
- At most MOST_STATE bytes, whatever a bus sends: so the follower's numbers are there without their names.
- While it is not known whose session it is, the state has what was before the doubt, too.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from math import nan
from typing import Any, Final

from telemetry_core.charge.follow_spec import FollowedPhase, Numbers
from telemetry_core.charge.follower import no_numbers

from telemetry.charging.plug import Before, OpenSession, Plug

MOST_STATE: Final = 2048
_MOST_UNWRITTEN = 8  # phases without a row that a state keeps, the newest ones
_VERSION = 3
_NO_NUMBERS = no_numbers()
_LAYOUT = zlib.crc32(repr(_NO_NUMBERS).encode())
_UNDECIDED = 2  # `is_restored` of numbers: charging goes on, and may be another session's

Boot = tuple[str, int]  # stamps are of this boot, by its id; with so much more they are times since it


@dataclass(frozen=True, slots=True)
class SavedPlug:
    """What a state says."""

    boot: Boot | None  # None: stamps are times since 1970
    named: list[str]  # vehicle, charger, protocol, source
    last: dict[str, str | None]
    last_start_ns: int
    last_ns: int  # stamp of the last sign
    known: dict[str, Any]  # of the OpenSession
    before: list[Any]  # values of the OpenSession without the attempt under way, and facts said since
    places: int  # checksum of the names that places in the numbers stand for
    numbers: list[Numbers]  # of the follower, and of what may come of it; empty: they are in another order


def packed(plug: Plug, vehicle: str, places: int, state: tuple[Numbers, Numbers], boot: Boot | None) -> bytes:
    """Return the session that is open at `plug` as a state. state: of the follower."""
    now = replace(
        plug.known,
        cross=plug.cross.to_json() if plug.cross else None,
        unwritten=[list(astuple(phase)) for phase in plug.phases[plug.unwritten :][-_MOST_UNWRITTEN:]],
    )
    known, saved = state
    numbers, before = [known], plug.doubt
    if before is not None:
        numbers.append(before.numbers)
    elif known["below_ns"]:  # by power: the session is as it was when that fell, unless it returns
        numbers = [saved, known]
    elif known["again_ns"] or known["is_restored"] == _UNDECIDED:
        numbers.append(saved)
    parts = [
        boot,
        [vehicle, plug.settings.charger, plug.settings.protocol, plug.settings.source],
        *(plug.last, plug.last_start_ns, numbers[0]["last_ns"], _named_values(now)),
        [_named_values(before.known), before.said] if before else [],
        *(places, _LAYOUT, [_in_order(each) for each in numbers]),
    ]
    return zlib.compress(json.dumps([_VERSION, *parts], separators=(",", ":")).encode())


def unpacked(state: bytes) -> SavedPlug:
    """Return what a state says. Raises ValueError for bytes of another kind or version."""
    try:
        version, *parts = json.loads(zlib.decompress(state))
        if version == _VERSION:
            boot, *others, layout, found = parts
            numbers = [_named(_NO_NUMBERS, iter(each)) for each in found] if layout == _LAYOUT else []
            return SavedPlug(*[boot and tuple(boot), *others, numbers])
    except (zlib.error, ValueError, TypeError, StopIteration) as error:
        raise ValueError("the state is damaged") from error
    raise ValueError(f"the state is of version {version}, and not {_VERSION}")


def _in_order(numbers: Any) -> list[float]:
    found: list[float] = []
    for each in numbers.values() if isinstance(numbers, dict) else numbers:
        if isinstance(each, dict | list):
            found += _in_order(each)
        else:
            found.append(each)
    return found


def _named(names: Any, left: Iterator[float]) -> Any:
    if isinstance(names, dict):
        return {name: _named(inner, left) for name, inner in names.items()}
    return [_named(inner, left) for inner in names] if isinstance(names, list) else next(left)


def _named_values(session: OpenSession) -> dict[str, Any]:
    return {name: getattr(session, name) for name in OpenSession.__slots__}


def session_in(known: dict[str, Any]) -> OpenSession:
    """Return the session of the values that a state has by name."""
    return OpenSession(**{name: known[name] for name in OpenSession.__slots__ if name in known})


def before_in(found: SavedPlug) -> Before | None:
    """Return what was before the attempt under way, whose vehicle has not been recognised."""
    if not (found.before and found.numbers):
        return None
    known, said = found.before
    return Before(session_in(known), found.numbers[-1], said)


def state_in(found: SavedPlug) -> tuple[Numbers, Numbers]:
    """Return what the follower goes on with: what is open waits for the bus to show that it is the same."""
    first, *others = map(unheard, found.numbers)
    other = others[0] if others and not found.before else first
    return (other, first) if first["below_ns"] else (first, other)


def unheard(numbers: Numbers) -> Numbers:
    """Return the numbers of a session of which nothing has been heard since they were taken."""
    return {
        **numbers,
        "is_restored": int(bool(numbers["is_open"])),
        "has_new_soc": 0,
        "calm_until_ns": 0,
        "same_soc": nan,
    }


def head_of(state: bytes) -> tuple[Boot | None, bool]:
    """Return of which boot the stamps of `state` are, and whether both ends have finished its session.

    A damaged one says nothing.
    """
    try:
        found = unpacked(state)
    except ValueError:
        return None, False
    return found.boot, found.known["phase"] == FollowedPhase.ENDED
