"""Compares what was sent with what arrived. Pure: numbers in, findings out.

The demonstration succeeds when every frame sent was read and decoded, every serial message too, every point
expected is stored, the accounts balance without a loss, and what is stored agrees with the plant's own view
within its sampling error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telemetry.charging.session import Session
from telemetry.demo.gateway_config import SERIAL_DEVICES, SOURCE, SerialDevice, expected_points
from telemetry.demo.measured import Quantity
from telemetry.demo.plug import PLUG, PlugTruth, plug_faults
from telemetry.ledger import Counters, imbalances, total

# What points may have become other than stored or on their way.
POINT_LOSSES = ("evicted", "damaged", "dead")

_NS_PER_S = 1_000_000_000


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
    decoded = outcome.accounts.get(f"frames/{device.name}/decoded", 0)
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
    decoded = accounts.get(f"frames/{device.name}/decoded", 0)
    late = accounts.get(f"bus/{device.name}/timeouts", 0)
    return max(truth.serial_sent.get(device.name, 0) - decoded - late, 0)


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
