"""What is looked at: the messages of databases or of a protocol, and their rows in recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec

from telemetry.decode.channels import ChannelPlan
from telemetry.decode.rows import LogRows, Rows
from telemetry.decode.selection import select
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.stages.stages import Stages

_BUS = "recording"


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
        plan = CAN_PROTOCOLS[name].plan(_BUS, hidden=False)
        return of_plan(plan, ChannelPlan((), otherwise=0), globs, globs_by=globs_by, times=times)
    serial = protocol_of(name, registers, recordings, with_messages=True)
    plan = serial.plan(_BUS, hidden=False)
    chosen = select(plan, globs, where=globs_by) if globs else plan
    copied = CopiedRows()
    stages = Stages(chosen, None, vehicle="", output=copied)
    return Recording(chosen, stages, CaptureRows(serial, stages, copied))
