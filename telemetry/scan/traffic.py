"""What was seen on a CAN bus, or in logs, id by id: how many frames, how long, and how often.

Promises: memory is bounded. Of more than MOST_IDS ids the further ones are not looked at. Nothing is sent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.by_id import FramesById
from telemetry_core.frames.spec import SeenFrames

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.logs.log import OpenLog
from telemetry.logs.python_can import ID_ERROR, append_message
from telemetry.logs.unread import UNREADABLE, Unread
from telemetry.rules.find_message import EXTENDED

if TYPE_CHECKING:
    import can

MOST_IDS = 16_384
MOST_FRAMES = 2_000_000  # of a bus that is listened to
_BATCH_FRAMES = 4096
_RECEIVE_S = 0.2


class BusTraffic:
    """All ids of one bus. errors: error frames, by which a controller says that it hears no frames."""

    def __init__(self, seen: Sequence[SeenFrames] = ()) -> None:
        self.ids = {one.id: one for one in seen if one.id != ID_ERROR}
        self.frames = sum(one.frames for one in self.ids.values())
        self.errors = sum(one.frames for one in seen) - self.frames

    @property
    def seconds(self) -> float:
        """Return the time from the first frame to the last."""
        first_ns = min((one.first_ns for one in self.ids.values()), default=0)
        last_ns = max((one.last_ns for one in self.ids.values()), default=0)
        return max(last_ns - first_ns, 0) / 1e9

    @property
    def extended(self) -> int:
        """Return how many ids have 29 bits."""
        return sum(bool(id & EXTENDED) for id in self.ids)


def batches_of_logs(
    unread: Unread, names: dict[str, int], warn: Callable[[str], None]
) -> Iterator[FrameBatch]:
    """Yield the frames of logs, one log after the other; a batch is valid until the next.

    names: takes the channels, with their numbers. Raises InputMissingError, DataError.
    """
    for line in unread.repeated:
        warn(line)
    frames = FrameBatch(_BATCH_FRAMES)
    for file in unread.paths:
        try:
            with OpenLog(file, lambda name: names.setdefault(name, len(names))) as log:
                while not log.at_end:
                    frames.clear()
                    log.read(frames)
                    yield frames
                for line in log.warnings():
                    warn(line)
        except UNREADABLE as error:
            warn(unread.note(error))
    if unread.are_all:
        unread.raise_any()


def frames_of_logs(
    files: Sequence[Path], warn: Callable[[str], None], unread: Unread | None = None
) -> dict[str, list[SeenFrames]]:
    """Return what each channel holds, by its name. Raises InputMissingError, DataError.

    unread: takes those of several files that cannot be read.
    """
    names: dict[str, int] = {}
    seen = FramesById(MOST_IDS)
    for frames in batches_of_logs(unread or Unread(files), names, warn):
        seen.take(frames)
    if seen.others:
        warn(f"{seen.others:,} frames of more than {MOST_IDS:,} ids were not looked at")
    found = seen.found()
    return {name: [one for one in found if one.channel == number] for name, number in names.items()}


def traffic_of_logs(
    files: Sequence[Path], warn: Callable[[str], None], unread: Unread | None = None
) -> dict[str, BusTraffic]:
    """Return what was seen on each channel, by name, as `frames_of_logs` does."""
    found = {name: BusTraffic(channel) for name, channel in frames_of_logs(files, warn, unread).items()}
    return {name: traffic for name, traffic in found.items() if traffic.frames}


def listen(
    options: Mapping[str, Any], clock: Clock, seconds: float, *, most: int = MOST_FRAMES
) -> BusTraffic:
    """Return what comes on a bus of python-can within `seconds`, or until `most` frames and errors have come.

    Raises TelemetryError.
    """
    from telemetry.capture.bus import open_bus  # with python-can, which takes a second

    seen, frames = FramesById(MOST_IDS), FrameBatch(1)
    with open_bus(options) as bus:
        ends_s = clock.monotonic_s() + seconds
        while most and (left_s := ends_s - clock.monotonic_s()) > 0:
            message = _receive(bus, min(left_s, _RECEIVE_S))
            if message is None or (message.is_remote_frame and not message.is_error_frame):
                continue
            frames.clear()
            append_message(frames, message, round(message.timestamp * 1e9), 0)
            seen.take(frames)
            most -= 1
    return BusTraffic(seen.found())


def _receive(bus: "can.BusABC", timeout_s: float) -> "can.Message | None":
    import can

    try:
        return bus.recv(timeout_s)
    except (can.CanError, OSError) as error:
        raise UnavailableError(f"was lost: {error}", where=bus.channel_info) from error
