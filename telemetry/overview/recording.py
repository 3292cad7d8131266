"""What is looked at: the messages of databases or of a protocol, and their rows in recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec

from telemetry.decode.channels import ChannelPlan
from telemetry.decode.logs import Logs
from telemetry.decode.reading import Recordings
from telemetry.decode.rows import Rows
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
        """Return the names of the channels that have come so far, by their numbers."""
        return [channel.binding.tag for channel in self.stages.channels]


def of_plan(
    plan: PlanSpec,
    recordings: Recordings,
    globs: Sequence[str] = (),
    *,
    globs_by: str = "--signal",
    times: Times = ALL_AS_THEY_ARE,
) -> Recording:
    """Return recordings of messages.

    - globs: these signals alone, empty: all; globs_by: the argument that they were given by
    - times: which frames count
    """
    chosen = select(plan, globs, where=globs_by) if globs else plan
    stages = Stages(chosen, None, vehicle="")
    return Recording(chosen, stages, Rows(stages, recordings, times=times))


def of_protocol(
    name: str,
    registers: str | None,
    recordings: Sequence[Path],
    globs: Sequence[str] = (),
    *,
    globs_by: str = "--signal",
    times: Times = ALL_AS_THEY_ARE,
) -> Recording:
    """Return logs of a CAN bus, or captures of a serial port, by a protocol that is known by name.

    registers: of modbus; times: of a CAN bus. Raises ConfigError for a map of registers that is wrong.
    """
    from telemetry.decode.captures import Captures, OneProtocol  # with all protocols
    from telemetry.decode.modbus_capture import protocol_of
    from telemetry.protocols.known import CAN_PROTOCOLS

    if name in CAN_PROTOCOLS:
        plan, kind = CAN_PROTOCOLS[name].plan(_BUS, hidden=False), Logs(ChannelPlan((), otherwise=0))
        return of_plan(plan, kind, globs, globs_by=globs_by, times=times)
    serial = protocol_of(name, registers, recordings, with_messages=True)
    return of_plan(serial.plan(_BUS, hidden=False), Captures(OneProtocol(serial)), globs, globs_by=globs_by)
