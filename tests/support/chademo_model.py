"""A model of CHAdeMO sessions, written from docs/charging.md and docs/protocols/chademo.md.

It first cuts the frames of one plug into sessions and phases, by the bits of 102 and 109. Then it computes
each field, the points of the curve and the events from the frames of that session. Stamps are seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from math import floor, inf

from tests.support.cross_check_model import (
    Judge,
    Measured,
    Sample,
    Tolerance,
    integral,
    judged,
    stretches,
    trapezoids,
)

USUAL = Tolerance(current_a=2.0, current_pct=2.0, voltage_v=5.0, voltage_pct=1.0, for_s=30.0)
JOINED_S = 2.0  # what lies further apart is not guessed
SILENT_S = 10.0
OF_THE_VEHICLE = (0x100, 0x101, 0x102)
VEHICLE_REASONS = (
    *("fault_overvoltage", "fault_undervoltage", "fault_current_deviation", "fault_overtemperature"),
    *("fault_voltage_deviation", "not_in_park", "system_fault", "stop_before_charging"),
)
CHARGER_REASONS = ("charger_malfunction", "battery_incompatible", "system_malfunction")


@dataclass(frozen=True, slots=True)
class Message:
    """One frame: its number (102 or 109 …), numbers, and the names of the bits that are set."""

    at_s: float
    number: int
    bits: frozenset[str] = frozenset()
    values: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Charge:
    """The frames of one session and what its bits said."""

    messages: list[Message] = field(default_factory=list)
    phases: list[tuple[str, float]] = field(default_factory=list)
    has_charged: bool = False
    is_enabled: bool = False
    stop: tuple[str, str] | None = None
    outcome: str = ""
    over_s: float = inf  # the stamp of what shows that it is over

    @property
    def phase(self) -> str:
        return self.phases[-1][0]

    def enter(self, phase: str, at_s: float) -> None:
        self.phases.append((phase, at_s))


def charges(messages: Sequence[Message], log_end_s: float) -> Iterator[Charge]:
    """Yield the sessions of one plug, of which there are messages. Each begins with one of the vehicle."""
    charge = Charge()
    last_s = messages[0].at_s
    for message in messages:
        is_silent = message.at_s - last_s > SILENT_S + 1e-9
        if charge.messages and (is_silent or begins_the_next(charge, message)):
            charge.over_s = message.at_s
            yield over(charge, "cut")
            charge = Charge()
        last_s = message.at_s
        if not charge.messages:
            if message.number not in OF_THE_VEHICLE:
                continue  # without a vehicle nobody charges
            charge.enter("handshake", message.at_s)
        charge.messages.append(message)
        follow(charge, message)
    if charge.messages:
        yield over(charge, "cut" if log_end_s - last_s > SILENT_S + 1e-9 else "unfinished")


def begins_the_next(charge: Charge, message: Message) -> bool:
    """Return whether a contactor is closed again, or a charger charges after a start that failed."""
    if charge.phase == "ended":
        is_closed = "charging_enabled" in message.bits and "contactor_open" not in message.bits
        return message.number == 0x102 and is_closed
    return charge.phase == "stopping" and not charge.has_charged and is_charging(message)


def is_charging(message: Message) -> bool:
    return message.number == 0x109 and "charging" in message.bits and "stopped" not in message.bits


def follow(charge: Charge, message: Message) -> None:
    """Find the phase after this message."""
    if message.number == 0x102:
        reasons = [bit for bit in VEHICLE_REASONS if bit in message.bits]
        if charge.phase == "handshake" and "charging_enabled" in message.bits:
            charge.enter("configuration", message.at_s)
        elif charge.phase == "configuration" and "charging_enabled" not in message.bits and reasons:
            stop(charge, message, "vehicle", reasons)
        elif charge.phase == "charging" and "charging_enabled" not in message.bits:
            stop(charge, message, "vehicle", [each for each in reasons if each != "stop_before_charging"])
        if charge.phase == "stopping" and charge.has_charged and "contactor_open" in message.bits:
            charge.enter("ended", message.at_s)
    elif message.number == 0x109:
        reasons = [bit for bit in CHARGER_REASONS if bit in message.bits]
        if charge.phase in ("handshake", "configuration") and is_charging(message):
            charge.enter("charging", message.at_s)
            charge.has_charged = True
        elif (charge.phase, "stopped" in message.bits) == ("charging", True) or (
            charge.phase == "configuration" and reasons
        ):
            stop(charge, message, "charger", reasons)


def stop(charge: Charge, message: Message, side: str, reasons: Sequence[str]) -> None:
    charge.enter("stopping", message.at_s)
    charge.stop = side, ",".join(sorted(reasons)) or "unexplained"


def over(charge: Charge, why: str) -> Charge:
    """Return the session with its outcome. why: of one that no side stopped."""
    if charge.phase == "ended" and charge.stop and charge.stop[1] == "unexplained":
        charge.outcome = "complete"
    elif charge.stop:
        charge.outcome = "stopped"
    elif why == "cut" and not charge.has_charged:
        charge.outcome = "failed"
    else:
        charge.outcome = why
    return charge


def states_of_charge(messages: Sequence[Message]) -> Iterator[tuple[float, float]]:
    """Yield stamps and percent: the rate over the reference of the last two seconds."""
    reference: Message | None = None
    for message in messages:
        if message.number == 0x100:
            reference = message
        elif message.number == 0x102 and reference and message.at_s - reference.at_s <= JOINED_S + 1e-9:
            whole = reference.values["rate_reference"]
            yield from [(message.at_s, 100 * message.values["charged_rate"] / whole)] if whole else []


def outputs(charge: Charge) -> list[Sample]:
    """Return what the charger gives, by 109."""
    return [
        Sample(message.at_s, message.values["voltage_v"], message.values["current_a"])
        for message in charge.messages
        if message.number == 0x109
    ]


def discharged_wh(given: Sequence[Sample], discharged: Sequence[Message]) -> float:
    """Return the trapezoids of 208's current at the voltage that 109 had last, at most two seconds before."""
    rows: list[Sample | None] = []
    for message in discharged:
        before = [row for row in given if row.at_s < message.at_s]
        is_known = bool(before) and message.at_s - before[-1].at_s <= JOINED_S + 1e-9
        values = before[-1].voltage_v if is_known else 0.0, message.values["discharge_current_a"]
        rows.append(Sample(message.at_s, *values) if is_known else None)
    joined = [pair for pair in pairwise(rows) if None not in pair]
    return sum(trapezoids([row for row in pair if row])[0] for pair in joined)


def charging(charge: Charge) -> tuple[float, float] | None:
    """Return from when to when the session was in charging; to infinity if nothing stopped it."""
    stamps = [at_s for _, at_s in charge.phases] + [inf]
    for number, (phase, from_s) in enumerate(charge.phases):
        if phase == "charging":
            return from_s, stamps[number + 1]
    return None


def curve(charge: Charge, soc: Sequence[tuple[float, float]]) -> Iterator[dict[str, float | None]]:
    """Yield a point for each percent that charging reaches, means from there to the next percent."""
    from_s, stopped_s = charging(charge) or (inf, inf)
    end_s = charge.messages[-1].at_s
    heard = [(at_s, pct) for at_s, pct in soc if from_s < at_s < stopped_s and at_s <= end_s]
    stamps = [(floor(pct), at_s) for at_s, pct in heard]
    groups = [(percent, next(group)[1]) for percent, group in groupby(stamps, lambda pair: pair[0])]
    seen: set[int] = set()
    for (percent, reached_s), (_, left_s) in pairwise([*groups, (-1, min(stopped_s, end_s))]):
        if percent in seen:
            continue
        seen.add(percent)
        given = outputs(charge)
        first = [row for row in given if row.at_s <= reached_s][-1:]
        last_s = end_s if left_s == end_s < stopped_s else left_s - 1e-9
        rows = first + [row for row in given if reached_s < row.at_s <= last_s]
        energy_wh, charged_ah, covered_s = trapezoids(rows)
        means = (energy_wh, integral("voltage_v", list(stretches(rows))) / 3600, charged_ah)
        yield {
            "at": reached_s,
            "soc_pct": percent,
            "energy_wh": energy_wh if covered_s else None,
            "duration_s": covered_s or left_s - reached_s,
            **{
                name: mean * 3600 / covered_s if covered_s else None
                for name, mean in zip(("power_w", "voltage_v", "current_a"), means, strict=True)
            },
            **dict.fromkeys(("temp_max_c", "cell_min_v", "cell_max_v")),
        }


def requests(charge: Charge) -> Judge:
    """Return what was given held against what was asked for: nobody but the charger measures."""
    measured = Measured(end_s=charge.messages[-1].at_s)
    measured.sides["charger"] += outputs(charge)
    measured.requests += [
        (message.at_s, message.values["target_voltage_v"], message.values["requested_current_a"])
        for message in charge.messages
        if message.number == 0x102
    ]
    measured.charging += [lasting] if (lasting := charging(charge)) else []
    return judged(measured, USUAL)


def events(charge: Charge) -> Iterator[tuple[float, str, bool, str]]:
    """Yield the events from 200 to 212: stamp, code, whether it is active, text."""
    yield charge.messages[0].at_s, "charging_started", True, "by chademo"
    if charge.stop:
        stopped_s = next(at_s for phase, at_s in charge.phases if phase == "stopping")
        yield stopped_s, "charging_stopped", True, ": ".join(charge.stop)
    if charge.outcome == "cut":
        yield charge.messages[-1].at_s, "charging_cut", True, "the bus fell silent"
    yield from requests(charge).events


def fields(
    charge: Charge, soc: Sequence[tuple[float, float]], discharged: Sequence[Message]
) -> dict[str, object]:
    """Return what the session stores. soc: of the whole log; discharged: its messages 208."""
    from_s, to_s = charge.messages[0].at_s, charge.messages[-1].at_s
    given = outputs(charge)
    energy_wh, charged_ah, covered_s = trapezoids(given)
    ends = [at_s for _, at_s in charge.phases[1:]] + [to_s]
    lasting = [(at_s, end_s - at_s) for (_, at_s), end_s in zip(charge.phases, ends, strict=True)]
    entered = dict(charge.phases)
    began_s = entered.get("charging", entered.get("stopping", to_s + 1))
    own = [each for each in soc if from_s <= each[0] <= to_s]
    own = [each for each in own if each[0] < entered.get("ended", to_s + 1)] or own[:1]
    before = [each for each in own if each[0] < began_s][-1:] or own[:1]
    asked = [m.values["requested_current_a"] for m in charge.messages if m.number == 0x102]
    limits = [m.values for m in charge.messages if m.number == 0x108]
    return {
        "start": from_s,
        "end": to_s,
        "duration_s": to_s - from_s,
        "outcome": charge.outcome,
        "stop_side": charge.stop[0] if charge.stop else None,
        "stop_reason": charge.stop[1] if charge.stop else None,
        "attempts": 1.0,
        "phases": list(entered),
        "phases_s": [number for pair in lasting for number in pair],
        "charging_s": dict(zip(entered, lasting, strict=True)).get("charging", (0, 0))[1],
        "energy_wh": energy_wh if covered_s else None,
        "energy_charger_wh": energy_wh if covered_s else None,
        "covered_charger_s": covered_s or None,
        "energy_discharged_wh": discharged_wh(given, discharged) or None,
        "charged_ah": charged_ah if covered_s else None,
        "mean_power_w": energy_wh * 3600 / (to_s - from_s) if covered_s else None,
        "peak_power_w": max(row.power_w for row in given) if covered_s else None,
        "start_soc_pct": before[0][1] if own else None,
        "end_soc_pct": own[-1][1] if own else None,
        "requested_max_a": max(asked, default=None),
        "max_current_a": limits[-1]["available_current_a"] if limits else None,
        "max_voltage_v": limits[-1]["available_voltage_v"] if limits else None,
        **requests(charge).fields(),
        "energy_vehicle_wh": None,
        "vin": None,
        "station": None,
        "edition": None,
    }
