"""What a scan of a bus has found: in words, as a configuration to paste, and as plain values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from telemetry.errors import one_line
from telemetry.model.bit_rate import BitRate
from telemetry.model.ids import id_text
from telemetry.scan.can_scan import J1939, BusVerdict, Fit
from telemetry.scan.profiles import vin_begins
from telemetry.scan.toml_words import SourceNames, text, texts
from telemetry.scan.traffic import BusTraffic

_INTERFACE = re.compile("[A-Za-z0-9_.-]{1,15}")  # a channel of a log may be called otherwise
_MOST_RANKED = 8
_MOST_IDS = 12  # that nothing explains, which are listed


@dataclass(frozen=True, slots=True)
class BusFindings:
    """What was seen on a bus, or on a channel of a log, and what fits.

    where: for people. options: of python-can's `Bus`; empty: an interface of the kernel, or a log.
    bit_rate: None: it is not known.
    """

    where: str
    name: str
    traffic: BusTraffic
    verdict: BusVerdict
    bit_rate: BitRate | None = None
    options: Mapping[str, Any] | None = None


def words_of(bus: BusFindings) -> Iterator[str]:
    """Return what was seen, the ranking with its evidence, and what nothing explains; a line each."""
    traffic = bus.traffic
    kinds = f"{len(traffic.ids)} ids ({traffic.extended} of 29 bits)"
    rate = f" at {_rate_words(bus.bit_rate)}" if bus.bit_rate is not None else ""
    errors = f", and {traffic.errors} error frames" if traffic.errors else ""
    yield f"{bus.where}{rate}: {traffic.frames} frames of {kinds} in {traffic.seconds:.1f} s{errors}"
    for number, fit in enumerate(bus.verdict.ranking, 1):
        chosen = " <-" if fit in bus.verdict.chosen else ""
        if chosen or number <= _MOST_RANKED:
            yield f"{number}. {evidence(fit, traffic)}{chosen}"
    if vin := vin_begins(traffic.ids.values()):
        yield f"a unit has answered with a VIN that begins with {vin}"
    vehicles = [fit.candidate.vehicle for fit in bus.verdict.chosen if fit.candidate.vehicle]
    units = [unit for vehicle in vehicles for unit in vehicle.profile.units.values()]
    explained = {pair.request.id for unit in units for pair in unit.at}.union(
        *(fit.ids for fit in bus.verdict.chosen)
    )
    left = traffic.ids.keys() - explained
    if left and bus.verdict.chosen:
        shown = " ".join(id_text(id) for id in sorted(left)[:_MOST_IDS])
        more = f" and {len(left) - _MOST_IDS} more" if len(left) > _MOST_IDS else ""
        yield f"nothing proposed explains {len(left)} ids: {shown}{more}"


def _rate_words(rate: BitRate) -> str:
    return f"{rate.nominal} bit/s" if rate.data is None else f"{rate.nominal} and {rate.data} bit/s"


def evidence(fit: Fit, traffic: BusTraffic) -> str:
    """Return how a candidate fits, in one line."""
    vehicle = fit.candidate.vehicle
    how = " by PGN" if fit.candidate.by_pgn and fit.candidate.database is not None else ""
    how += f" (vehicle, {vehicle.bus})" if vehicle else ""
    periods = f", periods right {fit.periods_right} of {fit.periods_judged}" if fit.periods_judged else ""
    answers = f", answers explained {fit.answers - fit.unexplained} of {fit.answers}" if fit.answers else ""
    against = f", against it {' '.join(map(id_text, sorted(fit.against)))}" if fit.against else ""
    return one_line(
        f"{fit.candidate.name}{how}: score {fit.score:.2f}, {len(fit.ids)} of {len(traffic.ids)} ids, "
        f"{fit.frames / max(traffic.frames, 1):.0%} of frames, "
        f"lengths right {fit.lengths_right} of {len(fit.ids)}{periods}{answers}{against}"
    )


def block(bus: BusFindings, names: SourceNames) -> str:
    """Return [[can]] or [[python_can]] with what was chosen, and the evidence as comments; empty: nothing."""
    if not bus.verdict.chosen:
        return ""
    lines = [f"# {one_line(line)}" for line in words_of(bus)]
    chosen = bus.verdict.chosen
    for fit in chosen:
        if others := bus.verdict.alike[fit.candidate.name]:
            name = fit.candidate.name
            equal = ", ".join((name, *others))
            lines.append(
                one_line(
                    f"# Equally well fit: {equal}. If you have another than {name}, put that in its place."
                )
            )
    vehicles = [fit.candidate.vehicle for fit in chosen if fit.candidate.vehicle]
    protocols = [
        fit.candidate.name for fit in chosen if not fit.candidate.database and not fit.candidate.vehicle
    ]
    databases = [str(fit.candidate.database.absolute()) for fit in chosen if fit.candidate.database]
    if J1939 in protocols:
        lines.append("# Messages of J1939 need a database: scan again with --dbc FILE or FOLDER.")
        protocols.remove(J1939)
    lines += ["[[can]]" if bus.options is None else "[[python_can]]", f"name = {text(names.new(bus.name))}"]
    if bus.options is None:
        lines.append(f"interface = {text(bus.name if _INTERFACE.fullmatch(bus.name) else 'can0')}")
    lines += [f"{key} = {text(value)}" for vehicle in vehicles for key, value in vehicle.keys]
    lines += _keys(protocols, databases, by_pgn=any(fit.candidate.by_pgn for fit in chosen))
    if bus.options is not None:
        options = (f"{key} = {_value(value)}" for key, value in bus.options.items())
        lines.append(f"options = {{ {', '.join(options)} }}")
    elif bus.bit_rate is not None:
        lines.append(f"bitrate = {bus.bit_rate.nominal}")
        lines += [f"data_bitrate = {bus.bit_rate.data}"] if bus.bit_rate.data is not None else []
    return "\n".join(lines) + "\n"


def _keys(protocols: list[str], databases: list[str], *, by_pgn: bool) -> Iterator[str]:
    if protocols:
        yield f"protocol = {text(protocols[0]) if len(protocols) == 1 else texts(protocols)}"
    if databases:
        yield f"databases = {texts(databases)}"
    if len(databases) > 1:
        yield "first_wins = true"
    if by_pgn:
        yield "j1939 = true"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else text(str(value))


def as_json(bus: BusFindings) -> dict[str, Any]:
    """Return the same as plain values."""
    traffic = bus.traffic
    return {
        "bus": bus.where,
        "bitrate": None if bus.bit_rate is None else bus.bit_rate.nominal,
        "data_bitrate": None if bus.bit_rate is None else bus.bit_rate.data,
        "frames": traffic.frames,
        "error_frames": traffic.errors,
        "seconds": traffic.seconds,
        "ids": len(traffic.ids),
        "ranking": [_fit_json(fit, bus) for fit in bus.verdict.ranking],
        **({"vin_begins": vin} if (vin := vin_begins(traffic.ids.values())) else {}),
    }


def _fit_json(fit: Fit, bus: BusFindings) -> dict[str, Any]:
    return {
        "name": fit.candidate.name,
        "database": None if fit.candidate.database is None else str(fit.candidate.database),
        "profile": fit.candidate.vehicle.profile.name if fit.candidate.vehicle else None,
        "score": round(fit.score, 4),
        "proposed": fit in bus.verdict.chosen,
        "ids": len(fit.ids),
        "frames": fit.frames,
        "lengths_right": fit.lengths_right,
        "periods_right": fit.periods_right,
        "periods_judged": fit.periods_judged,
        **(_vehicle_json(fit) if fit.candidate.vehicle else {}),
    }


def _vehicle_json(fit: Fit) -> dict[str, Any]:
    return {
        "against": sorted(map(id_text, fit.against)),
        "answers": fit.answers,
        "answers_unexplained": fit.unexplained,
    }
