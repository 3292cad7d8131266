"""Compares what was sent with what arrived, and says so. Pure: numbers in, findings and a report out.

The demonstration succeeds when every frame sent was read and decoded, every serial message too, every point
expected is stored, the accounts balance without a loss, and what is stored agrees with the plant's own view
within its sampling error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from telemetry.charging.session import Session
from telemetry.demo.gateway_config import SERIAL_DEVICES, SOURCE, SerialDevice, expected_points
from telemetry.demo.measured import Quantity
from telemetry.demo.plug import PLUG, PlugTruth, plug_faults
from telemetry.ledger import Counters, imbalances, total
from telemetry.live.summary import account_lines

# What points may have become other than stored or on their way.
POINT_LOSSES = ("evicted", "damaged", "dead")

_NS_PER_S = 1_000_000_000
_BUSY_S = 0.1  # a simulator that is so late stamps its frames wrongly


@dataclass(frozen=True, slots=True)
class SimulatorReport:
    """From the simulator's report."""

    frames: Mapping[str, int]  # by message
    frames_sent: int
    serial_sent: Mapping[str, int]  # messages that were heard, by device
    plant: Mapping[str, float]  # everything else that it knows about the vehicle
    start_ns: int  # simulated time
    duration_s: float
    late_max_s: float  # the most that a frame was sent late, in wall time

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> "SimulatorReport":
        """Take the report as it was written."""
        return cls(
            frames=report["frames"],
            frames_sent=report["frames_sent"],
            serial_sent={name: counts["sent"] for name, counts in report["serial"].items()},
            plant={name: value for name, value in report.items() if isinstance(value, float)},
            start_ns=report["time_start_ns"],
            duration_s=report["duration_s"],
            late_max_s=report["late_max_s"],
        )

    @property
    def span_ns(self) -> tuple[int, int]:
        """Return when it began and ended, in simulated time."""
        return self.start_ns, self.start_ns + round(self.duration_s * _NS_PER_S)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything the report shows."""

    truth: SimulatorReport
    quantities: Sequence[Quantity]
    stored: Mapping[str, int]  # points of the bus by measurement
    serial_stored: Mapping[str, int]  # messages with values, by device
    accounts: Counters
    incomplete_cycles: int  # of cell pages: sent too late for one reading, and counted by the gateway
    waiting_points: int  # in memory and on disk
    gateway_s: float  # for how long the gateway ran, in simulated time
    delivered: bool  # a database was there: nothing may be waiting at the end
    plug: PlugTruth
    sessions: Sequence[Session]

    @property
    def sent(self) -> Mapping[str, int]:
        """Return how many frames or messages were sent to each source."""
        serial = {device.name: self.truth.serial_sent.get(device.name, 0) for device in SERIAL_DEVICES}
        return {SOURCE: self.truth.frames_sent, **serial, PLUG: self.plug.frames}


def faults(outcome: Outcome) -> list[str]:
    """Return one sentence for each fault; an empty list is success."""
    return [
        *_frame_faults(outcome),
        *(sentence for device in SERIAL_DEVICES for sentence in _serial_faults(outcome, device)),
        *_point_faults(outcome),
        *_value_faults(outcome),
        *plug_faults(outcome.plug, outcome.sessions),
    ]


def _frame_faults(outcome: Outcome) -> Iterator[str]:
    """Yield the faults of the bus and of the plug, all of whose frames must have been read and known."""
    due = sum(outcome.truth.frames.values())
    if outcome.sent[SOURCE] != due:
        yield f"{due - outcome.sent[SOURCE]:,} frames of the simulator went nowhere"
    for source in (SOURCE, PLUG):
        frames, sent = f"frames/{source}/", outcome.sent[source]
        known = sum(outcome.accounts.get(f"{frames}{end}", 0) for end in ("decoded", "absorbed"))
        for name, count in (("read", outcome.accounts.get(f"bus/{source}/read", 0)), ("decoded", known)):
            if count != sent:
                yield f"{source}: {sent:,} frames were sent, {count:,} {name}"
        if lost := frames_lost(outcome.accounts, source):
            yield f"{source}: {lost:,} frames were lost"


def _serial_faults(outcome: Outcome, device: SerialDevice) -> Iterator[str]:
    sent = outcome.sent[device.name]
    decoded = _decoded(outcome.accounts, device.name)
    if decoded > sent or undecoded(outcome.truth, outcome.accounts, device):
        yield f"{device.name}: {sent:,} messages were sent, {decoded:,} decoded"
    lost = frames_lost(outcome.accounts, device.name)
    if lost:
        yield f"{device.name}: {lost:,} messages were lost"
    stored = outcome.serial_stored.get(device.name, 0)
    if not 0 <= decoded - stored <= silent_messages(device, outcome.gateway_s):
        yield f"{device.name}: {decoded:,} messages decoded, {stored:,} stored"


def undecoded(truth: SimulatorReport, accounts: Counters, device: SerialDevice) -> int:
    """Return the messages that were sent and should have been decoded, but were not.

    An answer that comes too late for its request is discarded, since it could be taken for the next one's.
    """
    decoded = _decoded(accounts, device.name)
    late = accounts.get(f"bus/{device.name}/timeouts", 0)
    return max(truth.serial_sent.get(device.name, 0) - decoded - late, 0)


def _decoded(accounts: Counters, source: str) -> int:
    """Return the messages that are known, also those without values."""
    return sum(accounts.get(f"frames/{source}/{end}", 0) for end in ("decoded", "without_signals"))


def silent_messages(device: SerialDevice, asked_s: float) -> int:
    """Return how many messages may have no values, of a device that was asked for so long."""
    return 0 if device.silent_every_s is None else 1 + int(asked_s / device.silent_every_s)


def frames_lost(accounts: Counters, source: str) -> int:
    """Return the frames that the kernel dropped, or that were lost for any reason after it."""
    return accounts.get(f"bus/{source}/kernel_dropped", 0) + total(accounts, f"frames/{source}/lost/")


def _point_faults(outcome: Outcome) -> Iterator[str]:
    for measurement, count in expected_points(outcome.truth.frames).items():
        stored = outcome.stored.get(measurement, 0)
        if not 0 <= count - stored <= given_up(outcome, measurement):
            yield f"{measurement}: {count:,} points expected, {stored:,} stored"
    for end in POINT_LOSSES:
        count = outcome.accounts.get(f"points/{end}", 0)
        if count:
            yield f"{count:,} points were lost ({end})"
    if outcome.delivered and outcome.waiting_points:
        yield f"{outcome.waiting_points:,} points are still waiting"
    yield from imbalances(outcome.accounts, outcome.waiting_points, {})


def given_up(outcome: Outcome, measurement: str) -> int:
    """Return how many points of it the gateway did not make: pages of cells too far apart in time."""
    return outcome.incomplete_cycles if measurement == "cells" else 0


def _value_faults(outcome: Outcome) -> Iterator[str]:
    for one in outcome.quantities:
        if not one.agrees:
            yield (
                f"{one.part}: {one.name}: {one.stored.value:,.{one.decimals}f} {one.unit} stored,"
                f" {one.true:,.{one.decimals}f} {one.unit} true, sampling explains {one.stored.error:.2g}"
            )


def render(outcome: Outcome, *, database: str, wall_s: float) -> str:
    """Return the whole report. database: where the points were read from; wall_s: how long the run took."""
    duration_s = outcome.truth.duration_s
    late_ms = 1000.0 * outcome.truth.late_max_s
    title = (
        f"{duration_s / 60.0:.0f} minutes of driving and charging in {wall_s:.0f} s"
        f" (no frame over {late_ms:.0f} ms late), read back from {database}"
    )
    sections = [
        _points(outcome),
        *(_part(part, list(lines)) for part, lines in groupby(outcome.quantities, lambda one: one.part)),
        _charge(outcome),
        _accounts(outcome),
        _conclusion(outcome),
    ]
    return "\n\n".join([title, *("\n".join(section) for section in sections)]) + "\n"


def _points(outcome: Outcome) -> Iterator[str]:
    yield f"  {'points':<28}{'expected':>14}{'stored':>14}"
    expected = expected_points(outcome.truth.frames)
    for measurement, count in expected.items():
        yield _counted(measurement, count, outcome.stored.get(measurement, 0), given_up(outcome, measurement))
    stored_all = sum(outcome.stored.get(measurement, 0) for measurement in expected)
    yield f"    {'all of the bus':<26}{sum(expected.values()):>14,}{stored_all:>14,}"
    for name, stored in outcome.serial_stored.items():
        decoded = _decoded(outcome.accounts, name)
        yield f"    {f'messages of {name}':<26}{decoded:>14,}{stored:>14,}"


def _counted(name: str, expected: int, stored: int, given_up: int) -> str:
    missing = expected - stored
    note = f"  {missing} in incomplete cycles" if 0 < missing <= given_up else "  <-" if missing else ""
    return f"    {name:<26}{expected:>14,}{stored:>14,}{note}"


def _part(part: str, lines: list[Quantity]) -> Iterator[str]:
    yield f"  {part:<28}{'the plant':>14}{'stored':>14}{'difference':>14}{'sampling error':>17}"
    for one in lines:
        texts = (f"{one.true:,.{one.decimals}f}", f"{one.stored.value:,.{one.decimals}f}")
        small = one.decimals + 1
        mark = "  <-" if not one.agrees else "" if one.is_measured else "  not measured"
        yield (
            f"    {one.name:<26}"
            + "".join(f"{text:>{13 - len(one.unit)}} {one.unit}" for text in texts)
            + f"{one.difference:>+{13 - len(one.unit)},.{small}f} {one.unit}"
            + f"{f'± {one.stored.error:,.{small}f}':>{16 - len(one.unit)}} {one.unit}{mark}"
        )


def _charge(outcome: Outcome) -> Iterator[str]:
    yield f"  {'DC charge':<28}{'the plant':>14}{'stored':>14}{'difference':>14}"
    for session in outcome.sessions:
        for side, true_wh, stored_wh in outcome.plug.energies(session):
            if stored_wh is not None:
                texts = f"{true_wh:>11,.1f} Wh{stored_wh:>11,.1f} Wh{stored_wh - true_wh:>+11,.1f} Wh"
                yield f"    {f'energy by the {side}':<26}{texts}"


def _accounts(outcome: Outcome) -> Iterator[str]:
    yield "  accounts"
    yield f"    sent: {', '.join(f'{source} {sent:,}' for source, sent in outcome.sent.items())}"
    for line in account_lines(outcome.accounts, {"points_waiting_disk": outcome.waiting_points}):
        yield f"    {line}"


def _conclusion(outcome: Outcome) -> Iterator[str]:
    found = faults(outcome)
    if not found:
        measured = (
            "all that is stored"
            if all(one.is_measured for one in outcome.quantities)
            else "what was measured"
        )
        yield "  Every frame sent is stored, every account balances, nothing was lost,"
        yield f"  and {measured} agrees with the plant within its own sampling error."
    for sentence in found:
        yield f"  NOT AS IT SHOULD BE: {sentence}"
    late_s = outcome.truth.late_max_s
    if late_s > _BUSY_S:
        yield f"  The machine was busy: frames went out up to {late_s:.1f} s late, so their stamps lie."
        yield "  A smaller --time-scale measures better."
