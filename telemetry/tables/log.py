"""The frames of a log as arrays, without a database."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from telemetry_core.columns.frames import copy_frames, longest
from telemetry_core.frames.batch import FrameBatch

from telemetry.logs import log as logs
from telemetry.logs.content import require_file
from telemetry.tables.arguments import FilePath, paths_of
from telemetry.tables.packages import require
from telemetry.tables.warn import warn

if TYPE_CHECKING:
    import numpy as np

_BATCH_FRAMES = 65536
_CLASSIC_BYTES = 8


class _Arrays(NamedTuple):
    time_ns: "np.ndarray[Any, Any]"
    channel: "np.ndarray[Any, Any]"
    id: "np.ndarray[Any, Any]"
    flags: "np.ndarray[Any, Any]"
    length: "np.ndarray[Any, Any]"
    data: "np.ndarray[Any, Any]"


class Log:
    """All frames of one log; `len()` is their number.

    The arrays are NumPy's, made at the first use, and of `len()` rows. `channels` are the names of which
    `channel` is an index.
    """

    FD: ClassVar = 1  # CAN FD format
    BRS: ClassVar = 2  # the bit rate was switched
    ESI: ClassVar = 4  # the sender was error passive
    EXTENDED: ClassVar = 8  # an id of 29 bits
    REMOTE: ClassVar = 16  # a remote frame
    ERROR: ClassVar = 32  # an error frame

    def __init__(self, batches: Sequence[FrameBatch], channels: Sequence[str]) -> None:
        self._batches = batches
        self.channels = tuple(channels)

    def __len__(self) -> int:
        return sum(map(len, self._batches))

    def __repr__(self) -> str:
        return f"<Log: {len(self)} frames of {', '.join(self.channels) or 'no channel'}>"

    @property
    def time_ns(self) -> "np.ndarray[Any, Any]":
        """Return the stamps, int64, ns since 1970 (UTC), as the log has them."""
        return self._arrays.time_ns

    @property
    def channel(self) -> "np.ndarray[Any, Any]":
        """Return indexes into `channels`, uint16."""
        return self._arrays.channel

    @property
    def id(self) -> "np.ndarray[Any, Any]":
        """Return arbitration ids without flags, uint32."""
        return self._arrays.id

    @property
    def flags(self) -> "np.ndarray[Any, Any]":
        """Return sums of FD, BRS, ESI, EXTENDED, REMOTE and ERROR, uint8."""
        return self._arrays.flags

    @property
    def length(self) -> "np.ndarray[Any, Any]":
        """Return the lengths of the payloads in bytes, uint16."""
        return self._arrays.length

    @property
    def data(self) -> "np.ndarray[Any, Any]":
        """Return payloads, uint8: rows of 8 bytes, or as long as the longest, with zeros after each."""
        return self._arrays.data

    @cached_property
    def _arrays(self) -> _Arrays:
        np: Any = require("numpy", "a log as arrays")
        frames = len(self)
        width = max(_CLASSIC_BYTES, *map(longest, self._batches), 0)
        made = _Arrays(
            np.empty(frames, "int64"),
            np.empty(frames, "uint16"),
            np.empty(frames, "uint32"),
            np.empty(frames, "uint8"),
            np.empty(frames, "uint16"),
            np.empty((frames, width), "uint8"),
        )
        buffers: list[Any] = [*made]
        first = 0
        for batch in self._batches:
            copy_frames(batch, first, *buffers)
            first += len(batch)
        return made


def open_log(file: FilePath) -> Log:
    """Read all frames of a CAN log, in any format that `decode` reads.

    Raises TelemetryError. What was wrong with the log is a warning.
    """
    (path,) = paths_of([file], "open_log")
    require_file(path)
    numbers: dict[str, int] = {}
    batches = []
    with logs.OpenLog(path, lambda name: numbers.setdefault(name, len(numbers))) as log:
        while not log.at_end:
            batch = FrameBatch(_BATCH_FRAMES)
            log.read(batch)
            if len(batch):
                batches.append(batch)
        warn(log.warnings())
    return Log(batches, list(numbers))
