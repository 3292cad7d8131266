"""Recordings one after the other, as if they were one: what is done in order, before frames are shared out.

Promises:
- Frames come in the order of the files and within them.
- Files that are parts of one recording give what the whole would: equal stamps are nudged over all files, a
  transport session may begin in one file and end in the next, a channel of the same name is the same channel.
- What is known at the end of a batch depends on the frames up to there alone.
- A batch begins where the clock begins again (`RestartFinder`).
- Of several files one that cannot be read costs itself, or what comes after its break. Transport sessions
  and charging sessions that were open before it end there.

Relies on being called by one thread at a time, and on a `Recordings`, which knows how frames are read.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import Nudger

from telemetry.decode.channels import ACCOUNT
from telemetry.decode.output import Course, Progress
from telemetry.errors import DataError, TelemetryError
from telemetry.ledger import add, subtract
from telemetry.logs.content import Digest, RecordedFile
from telemetry.logs.stamps import ClockRestart, RestartFinder, UnreadGap
from telemetry.logs.unread import UNREADABLE, Unread
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages


class OpenRecording(Protocol):
    """A file that is open: frames in their order, and what was wrong with it."""

    @property
    def at_end(self) -> bool:
        """Return whether there is nothing more to read."""
        ...

    @property
    def damaged(self) -> int:
        """Return how many places were skipped so far."""
        ...

    @property
    def bytes_read(self) -> int:
        """Return bytes of the file so far; 0 where that is unknown."""
        ...

    def read(self, batch: FrameBatch, limit: int = -1) -> int:
        """Append frames to `batch`, at most `limit` (-1: any number); return how many. Raises DataError."""
        ...

    def warnings(self) -> list[str]:
        """Return what was wrong with the file, one line each."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What has come of frames so far.

    counted: as the accounts have it; matched, heard: as of `Decoding`; is_bounded: a part was left out.
    """

    frames: int
    duration_s: float
    counted: Mapping[str, int]
    matched: Mapping[str, int]
    heard: Set[str] = frozenset()
    is_bounded: bool = False


class Recordings(ABC):
    """One kind of recording: how frames are read from its files, and what people are told of them."""

    unit = "frames"  # what is counted for people
    is_fixed = True  # messages have a length of their own: values that a shorter one lacks are left out
    first_ns: int | None = None  # where relative times begin; None: at the first frame

    @abstractmethod
    def open(self, path: Path, bind: Callable[[Binding], int]) -> OpenRecording:
        """Open a file. bind: makes a channel, and returns its number. Raises InputMissingError, DataError."""

    def count(self, frames: int) -> int:
        """Return how many of `unit` so many frames are."""
        return frames

    def counted(self, _frames: int, _damaged: int) -> Mapping[str, int]:
        """Return what the accounts have of what was read, by name; here nothing."""
        return {}

    def foreign(self, _paths: Sequence[Path]) -> DataError | None:
        """Return the error of files that are all of another kind, where that shows at their end alone."""
        return None

    def unknown(self, _paths: Sequence[Path], _found: Found) -> DataError | None:
        """Return the error of files that hold something, and nothing that is known. At the end."""
        return None

    @abstractmethod
    def misfits(self, found: Found) -> list[str]:
        """Return what does not fit together, one line each. At the end."""

    def losses(self, found: Found) -> list[str]:
        """Return `misfits`, and what was left out of frames and messages, one line each."""
        return self.misfits(found)

    @abstractmethod
    def summary(self, found: Found) -> str:
        """Return one line: what was read, and what became of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch ends.

    frames: over all files; counts: what this batch adds to the accounts; warnings: of a file that ended;
    is_end: of the last file, where open sessions are lost; restart: of the clock, or after a file that could
    not be read, before this batch.
    """

    frames: int
    progress: Progress
    counts: Mapping[str, int]
    warnings: Sequence[str]
    is_end: bool = False
    restart: ClockRestart | UnreadGap | None = None


class Reading:
    """Opens files, reads, nudges equal stamps and gathers."""

    def __init__(
        self,
        stages: Stages,
        recordings: Recordings,
        *,
        accounts: bool = False,
        hashes: bool = False,
        stop_at: int = 0,
        goes_on: bool = False,
        opening: Callable[[Path, Callable[[Binding], int]], OpenRecording] | None = None,
    ) -> None:
        """Set up the reading of recordings.

        - accounts: whether places have `counts`; hashes: whether there are `digests`
        - stop_at: a batch ends there, by frames over all files
        - goes_on: other files follow elsewhere, and transport sessions stay open
        - opening: opens a file in place of `recordings`
        """
        self._goes_on = goes_on
        self._stages = stages
        self._payloads = stages.payloads
        self._recordings = recordings
        self._opening = opening or recordings.open
        self._accounts = accounts
        self._hashes = hashes
        self.digests: dict[Path, Digest] = {}  # of the files so far that were hashed
        self._stop_at = stop_at
        self._nudger = Nudger()
        self._restarts = RestartFinder()
        self._paths: Sequence[Path] = ()
        self._course = Course(())
        self._next = 0  # index of the file that is opened next
        self._open: OpenRecording | None = None
        self._rest: list[FrameBatch] = []  # read, from where the clock begins again
        self._broken: TelemetryError | None = None  # why the open file cannot be read any further
        self._gap: UnreadGap | None = None  # before the frames that come next
        self.unread = Unread(())
        self._is_ended = False
        self._damaged = 0  # in the files before
        self._counted: dict[str, int] = {}
        self.frames_read = 0
        self.first_ns = 0  # stamp of the first frame of all, once there is one

    @property
    def last_ns(self) -> int:
        """Return stamp of the last frame so far."""
        return self._restarts.last_ns

    def found(
        self,
        counted: Mapping[str, int],
        matched: Mapping[str, int],
        heard: Set[str] = frozenset(),
        *,
        is_bounded: bool = False,
    ) -> Found:
        """Return what has come of all that was read."""
        duration_s = (self.last_ns - self.first_ns) / 1e9
        return Found(self.frames_read, duration_s, counted, matched, heard, is_bounded)

    def begin(self, paths: Sequence[Path], *, is_strict: bool = False, unread: Unread | None = None) -> None:
        """Read these, from the first frame of the first one.

        is_strict: each error of a file is raised; unread: takes the errors, and says which are.
        """
        self.unread = unread or Unread(paths, is_strict=is_strict)
        self._paths = self.unread.paths
        self._course = Course(self._paths, self._recordings.unit)

    def take(self, frames: FrameBatch) -> tuple[FrameBatch, Place] | None:
        """Return the next frames and where they end, or None at the end of the last file.

        A file that is opened is a batch without frames, and so is the end. `frames` is room for what is read;
        what is returned is valid until the next call. Raises InputMissingError, DataError.
        """
        frames.clear()
        if self._open is None:
            if self._next < len(self._paths):
                repeated = () if self._next else self.unread.repeated
                return frames, self._place([*repeated, *self._open_next()])
            if self._is_ended or not self._paths:
                return None
            if self.unread.are_all:
                self.unread.raise_any()
            self._is_ended = True
            if not self._goes_on:
                self._payloads.end_sessions(ACCOUNT)
            return frames, replace(self._place(()), is_end=True)
        if self._rest:
            frames.extend(self._rest.pop())
        else:
            before_stop = self._stop_at - self.frames_read
            try:
                self._open.read(frames, before_stop if before_stop > 0 else -1)
            except UNREADABLE as error:
                self._broken = error
        restart: ClockRestart | UnreadGap | None = None
        if len(frames):
            if not self.frames_read:
                first_ns = self._recordings.first_ns
                self.first_ns = frames[0].time_ns if first_ns is None else first_ns
            count, restart = self._restarts.find(frames)
            restart, self._gap = restart or self._gap, None
            if count < len(frames):
                self._rest.append(frames.part(count, len(frames)))
                frames = frames.part(0, count)
        self.frames_read += len(frames)
        self._nudger.nudge(frames)
        together = self._payloads.of(frames)
        if self._rest or not (self._broken or self._open.at_end):
            return together, replace(self._place(()), restart=restart)
        warnings = self._leave(self._broken) or self._open.warnings()
        place = replace(self._place(warnings), restart=restart)
        self._damaged += self._open.damaged
        if isinstance(self._open, RecordedFile) and (digest := self._open.digest()):
            self.digests[self._paths[self._next - 1]] = digest
        self._open.close()
        self._open = None
        self._refuse_foreign()
        return together, place

    def close(self) -> None:
        """Close the open file, if any."""
        if self._open is not None:
            self._open.close()

    def _open_next(self) -> Sequence[str]:
        """Open the next file; return why it cannot be read, one line, or nothing."""
        path = self._paths[self._next]
        self._next += 1
        try:
            self._open = self._opening(path, self._bind)
        except UNREADABLE as error:
            warnings = self._leave(error)
            self._refuse_foreign()
            return warnings
        if self._hashes and isinstance(self._open, RecordedFile):
            self._open.start_hash()
        self._restarts.open(path)
        return ()

    def _leave(self, error: TelemetryError | None) -> Sequence[str]:
        """Let nothing go on over a file that cannot be read; return what says so. None: it was read."""
        self._broken = None
        if error is None:
            return ()
        line = self.unread.note(error)
        self._payloads.end_sessions(ACCOUNT)
        if self.frames_read:
            self._gap = UnreadGap(self._paths[self._next - 1], self.last_ns)
        return (line,)

    def _refuse_foreign(self) -> None:
        """Raise DataError after the last file where all are of another kind."""
        if self._next == len(self._paths) and (error := self._recordings.foreign(self._paths)):
            raise error

    def _bind(self, binding: Binding) -> int:
        return self._stages.take_payloads_from(len(self._stages.channels), binding).number

    def _place(self, warnings: Sequence[str]) -> Place:
        counted, before = self.counted() if self._accounts else {}, self._counted
        self._counted = counted
        index = self._next - 1
        bytes_read = self._open.bytes_read if self._open is not None else self._course.size_bytes(index)
        return Place(
            self.frames_read,
            self._course.at(index, bytes_read, self._recordings.count(self.frames_read)),
            subtract(counted, before),
            warnings,
        )

    def counted(self) -> dict[str, int]:
        """Return what the accounts have: frames of open sessions are not read yet, damaged places are."""
        damaged = self._damaged + (self._open.damaged if self._open is not None else 0)
        return add(self._recordings.counted(self.frames_read, damaged), self._payloads.counted())
