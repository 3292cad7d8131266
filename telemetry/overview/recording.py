"""What is looked at: the messages of databases or of a protocol, and their rows in recordings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from telemetry_core.decode.spec import BusSpec, PlanSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.spec import RecordSpec

from telemetry.decode.channels import ChannelPlan
from telemetry.decode.rows import LogRows
from telemetry.decode.selection import select
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.stages.stages import Stages

_BUS = "recording"


class Rows(Protocol):
    """Rows of recordings, which are read once; see `LogRows`."""

    @property
    def first_ns(self) -> int: ...

    @property
    def frames_read(self) -> int: ...

    @property
    def frames_decoded(self) -> int: ...

    @property
    def frames_unknown(self) -> int: ...

    def read(self, paths: Sequence[Path]) -> Iterator[SampleBatch]: ...

    def warnings(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """plan: the messages and the chosen signals of them; stages, rows: read recordings by it."""

    plan: PlanSpec
    stages: Stages
    rows: Rows

    @property
    def channels(self) -> list[str]:
        """The names of the channels that have come so far, by their numbers."""
        return [channel.binding.tag for channel in self.stages.channels]


def of_plan(
    plan: PlanSpec,
    channels: ChannelPlan,
    globs: Sequence[str] = (),
    *,
    globs_by: str = "--signal",
    times: Times = ALL_AS_THEY_ARE,
) -> Recording:
    """Logs of databases.

    - globs: these signals alone, empty: all; globs_by: the argument that they were given by
    - times: which frames count
    """
    chosen = select(plan, globs, where=globs_by) if globs else plan
    stages = Stages(chosen, None, vehicle="")
    return Recording(chosen, stages, LogRows(stages, channels, times=times))


def of_protocol(
    name: str,
    registers: str | None,
    recordings: Sequence[Path],
    globs: Sequence[str] = (),
    *,
    globs_by: str = "--signal",
    times: Times = ALL_AS_THEY_ARE,
) -> Recording:
    """Logs of a CAN bus, or captures of a serial port, by a protocol that is known by name.

    registers: of modbus; times: of a CAN bus. Raises ConfigError for a map of registers that is wrong.
    """
    from telemetry.decode.capture_rows import CaptureRows, CopiedRows  # with all protocols
    from telemetry.decode.modbus_capture import protocol_of
    from telemetry.protocols.known import CAN_PROTOCOLS

    if name in CAN_PROTOCOLS:
        can = CAN_PROTOCOLS[name]
        plan = _plan(can.records_with(hidden=False, value_texts=False), can.bus(_BUS, value_texts=False))
        return of_plan(plan, ChannelPlan((), otherwise=0), globs, globs_by=globs_by, times=times)
    serial = protocol_of(name, registers, recordings, with_messages=True)
    plan = _plan([replace(record, hidden=False) for record in serial.records], serial.bus(_BUS))
    chosen = select(plan, globs, where=globs_by) if globs else plan
    copied = CopiedRows()
    stages = Stages(chosen, None, vehicle="", output=copied)
    return Recording(chosen, stages, CaptureRows(serial, stages, copied))


def _plan(records: Sequence[RecordSpec], bus: BusSpec) -> PlanSpec:
    return PlanSpec(tuple(records), (bus,))
