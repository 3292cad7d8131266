"""What was seen on a CAN bus, or in logs, id by id: how many frames, how long, and how often.

Promises: memory is bounded. Of more than MOST_IDS ids the further ones are not looked at. Nothing is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.by_id import FramesById
from telemetry_core.frames.spec import SeenFrames

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.logs.log import OpenLog
from telemetry.logs.unread import UNREADABLE, Unread
from telemetry.rules.find_message import EXTENDED, ID_MASK

if TYPE_CHECKING:
    import can

MOST_IDS = 65_536
MOST_GAPS = 256  # between frames of one id, of which the period is the median
_LEAST_GAPS = 3


@dataclass(slots=True)
class SeenId:
    """One id, with bit 31 where it has 29 bits. shortest, longest: bytes of its frames."""

    id: int
    frames: int = 0
    shortest: int = 64
    longest: int = 0
    _last_ns: int = 0
    _gaps_ns: list[int] = field(default_factory=list)

    def observe(self, time_ns: int, length: int) -> None:
        """Take a frame."""
        if self.frames and len(self._gaps_ns) < MOST_GAPS:
            self._gaps_ns.append(time_ns - self._last_ns)
        self._last_ns = time_ns
        self.frames += 1
        self.shortest, self.longest = min(self.shortest, length), max(self.longest, length)

    @property
    def period_s(self) -> float | None:
        """Return the usual time from frame to frame; None: too few frames, or stamps that say nothing."""
        usual_ns = median(self._gaps_ns) if len(self._gaps_ns) >= _LEAST_GAPS else 0
        return usual_ns / 1e9 if usual_ns > 0 else None


class BusTraffic:
    """All ids of one bus. errors: error frames, by which a controller says that it hears no frames."""

    def __init__(self) -> None:
        self.ids: dict[int, SeenId] = {}
        self.frames = self.errors = 0
        self._first_ns = self._last_ns = 0

    def observe(self, time_ns: int, id: int, length: int) -> None:
        """Take a data frame; `id` has bit 31 where it has 29 bits."""
        if not self.frames:
            self._first_ns = time_ns
        self._last_ns = time_ns
        self.frames += 1
        seen = self.ids.get(id)
        if seen is None:
            if len(self.ids) >= MOST_IDS:
                return
            seen = self.ids[id] = SeenId(id)
        seen.observe(time_ns, length)

    @property
    def seconds(self) -> float:
        """Return the time from the first frame to the last."""
        return max(self._last_ns - self._first_ns, 0) / 1e9

    @property
    def extended(self) -> int:
        """Return how many ids have 29 bits."""
        return sum(bool(id & EXTENDED) for id in self.ids)


MOST_FRAMES = 2_000_000  # of a bus that is listened to
MOST_LOGGED_IDS = 16_384  # of logs
_ERROR = 0x20000000  # the id of error frames
_BATCH_FRAMES = 4096
_RECEIVE_S = 0.2


def frames_of_logs(
    files: Sequence[Path], warn: Callable[[str], None], unread: Unread | None = None
) -> dict[str, list[SeenFrames]]:
    """Return what each channel holds, by its name. Raises InputMissingError, DataError.

    unread: takes those of several files that cannot be read.
    """
    unread = unread or Unread(files)
    for line in unread.repeated:
        warn(line)
    names: dict[str, int] = {}
    seen, frames = FramesById(MOST_LOGGED_IDS), FrameBatch(_BATCH_FRAMES)
    for file in unread.paths:
        try:
            with OpenLog(file, lambda name: names.setdefault(name, len(names))) as log:
                while not log.at_end:
                    frames.clear()
                    log.read(frames)
                    seen.take(frames)
                for line in log.warnings():
                    warn(line)
        except UNREADABLE as error:
            warn(unread.note(error))
    if unread.are_all:
        unread.raise_any()
    if seen.others:
        warn(f"{seen.others:,} frames of more than {MOST_LOGGED_IDS:,} ids were not looked at")
    found = seen.found()
    return {name: [one for one in found if one.channel == number] for name, number in names.items()}


def traffic_of(channel: Sequence[SeenFrames]) -> BusTraffic:
    """Return what was seen on a channel of logs."""
    traffic = BusTraffic()
    for one in channel:
        if one.id == _ERROR:
            traffic.errors = one.frames
            continue
        gaps_ns = [after_ns - ns for ns, after_ns in one.pairs(one.times_ns)]
        traffic.ids[one.id] = SeenId(one.id, one.frames, one.shortest, one.longest, 0, gaps_ns)
        traffic.frames += one.frames
    data = [one for one in channel if one.id in traffic.ids]
    traffic._first_ns = min((one.first_ns for one in data), default=0)
    traffic._last_ns = max((one.last_ns for one in data), default=0)
    return traffic


def traffic_of_logs(
    files: Sequence[Path], warn: Callable[[str], None], unread: Unread | None = None
) -> dict[str, BusTraffic]:
    """Return what was seen on each channel, by name, as `frames_of_logs` does."""
    found = {name: traffic_of(channel) for name, channel in frames_of_logs(files, warn, unread).items()}
    return {name: traffic for name, traffic in found.items() if traffic.frames}


def listen(
    options: Mapping[str, Any], clock: Clock, seconds: float, *, most: int = MOST_FRAMES
) -> BusTraffic:
    """Return what comes on a bus of python-can within `seconds`, or until `most` frames and errors have come.

    Raises TelemetryError.
    """
    from telemetry.capture.bus import open_bus  # with python-can, which takes a second

    traffic = BusTraffic()
    with open_bus(options) as bus:
        ends_s = clock.monotonic_s() + seconds
        while traffic.frames + traffic.errors < most and (left_s := ends_s - clock.monotonic_s()) > 0:
            message = _receive(bus, min(left_s, _RECEIVE_S))
            if message is None:
                continue
            if message.is_error_frame:
                traffic.errors += 1
            elif not message.is_remote_frame:
                id = message.arbitration_id & ID_MASK | (EXTENDED if message.is_extended_id else 0)
                traffic.observe(round(message.timestamp * 1e9), id, len(message.data))
    return traffic


def _receive(bus: "can.BusABC", timeout_s: float) -> "can.Message | None":
    import can

    try:
        return bus.recv(timeout_s)
    except (can.CanError, OSError) as error:
        raise UnavailableError(f"was lost: {error}", where=bus.channel_info) from error
