"""What every source is.

Promises of a source:
- Each frame carries its own time stamp.
- A lost device is an event and a new attempt, never the end of the thread.
- What the source loses is counted.

Relies on a thread of its own, on an `Inbox` and on a `StopSignal`, which it watches wherever it waits.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from telemetry.model.bit_rate import BitRate
from telemetry.sources.inbox import Inbox
from telemetry.sources.stop import StopSignal


class Source(ABC):
    """Fills batches with frames until it is stopped or has no more.

    name: as configured; the tag `source`.
    """

    name: str

    @property
    @abstractmethod
    def status(self) -> str:
        """Return one short clause for people: `receiving`, `waiting for can0: no such device`, `ended` …"""

    @property
    def device(self) -> str:
        """Return what the device that is connected now reports of itself: `model …, firmware …`.

        Empty: nothing.
        """
        return ""

    @property
    def devices(self) -> Mapping[str, str]:
        """Return what each of several devices does, by its name, in such clauses; none: it is one."""
        return {}

    @property
    def bit_rate(self) -> BitRate | None:
        """Return that of its bus, as the interface has it; None: not known, or no CAN bus.

        Any thread may ask.
        """
        return None

    @abstractmethod
    def run(self, output: Inbox, stop: StopSignal) -> None:
        """Do the work of the source's thread. Put a `SourceEnded` last, whatever happened."""

    @abstractmethod
    def counts(self) -> Mapping[str, int]:
        """Return the counts so far: `read`, `kernel_dropped`, `lost/REASON`, …; any thread may ask.

        Each counter is there from the first call on, as 0 before it runs. So the database and Prometheus hold
        where each counter began, and the first loss is a difference.
        `read` counts what came in as a frame, good or bad: `read` less all `lost/*` were delivered.
        """
