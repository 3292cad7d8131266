"""The compiled readers of logs: an entry here is measured against python-can's reader of the same file, and
its instructions are counted. Imports nothing else, so that callgrind need not."""

from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.logs.asc import AscReader
from telemetry_core.logs.blf import BlfReader
from telemetry_core.logs.candump import CandumpReader
from telemetry_core.logs.canhacker import CanHackerReader
from telemetry_core.logs.gvret import GvretReader
from telemetry_core.logs.mf4 import Mf4Reader
from telemetry_core.logs.pcap import PcapReader


class _Reader(Protocol):
    def read(self, batch: FrameBatch) -> int: ...


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A format with a compiled reader.

    suffix: python-can knows its writer and its reader by it. goal: how many times as fast, with decoding and
    encoding, as python-can's reader alone; None where it has none.
    """

    name: str
    suffix: str
    goal: float | None
    reader: Callable[[FileIO, Callable[[str], int]], _Reader]

    @property
    def stage(self) -> str:
        """What the tables call it."""
        return f"{self.name} log to lines"

    def file(self, folder: Path) -> Path:
        """Return where the workload lies in this format."""
        return folder / f"workload{self.suffix}"


CANDUMP = LogFormat("candump", ".log", 15, CandumpReader)
MF4 = LogFormat("MF4", ".mf4", 25, Mf4Reader)
LOG_FORMATS = (
    CANDUMP,
    LogFormat("ASC", ".asc", 15, AscReader),
    LogFormat("BLF", ".blf", 8, BlfReader),
    LogFormat("GVRET", ".csv", None, GvretReader),
    LogFormat("pcap", ".pcap", None, PcapReader),
    LogFormat("CANHacker", ".canhacker", None, CanHackerReader),
    MF4,
)
