"""What all compressed recordings have in common: members, damage, and what goes on after it.

Promises:

- Memory is bounded, even if the file claims impossible sizes.
- After damage the content goes on at the next member, with `GAP` between. A file that is appended to at each
  start, and loses power, has several of them.
- Without a next one `DamagedError` says what is wrong and where in the file.
"""

from abc import ABC, abstractmethod
from typing import Protocol

PIECE_BYTES = 64 * 1024
GAP = b"\0\n"  # in place of what is missing: it spoils a line that is cut off, and ends it
EARLY = "the compressed data end too early"


class DamagedError(Exception):
    """The file holds no more than what was given. The text says why and at which byte."""

    def __init__(self, problem: str, place: int) -> None:
        super().__init__(f"{' '.join(problem.split())}, at byte {place}")
        self.is_cut_off = problem == EARLY


class OtherFormatError(DamagedError):
    """The file does not begin as the ending of its name says."""


class Readable(Protocol):
    """The file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Inflated(Protocol):
    """What a compressed file holds."""

    gaps: int  # damaged places after which it went on
    first_gap: str  # the first of them, for people; "" without any

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` with what comes next; how many bytes, 0 at the end. Raises DamagedError, OSError."""
        ...


class FileWindow:
    """The part of the file that is in memory; itself what a file holds that is not compressed."""

    gaps = 0
    first_gap = ""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._buffer = bytearray(PIECE_BYTES)
        self.data = b""
        self.place = 0  # in the file, of the first byte

    def hold(self, count: int) -> bool:
        """Read until `data` has `count` bytes. False: the file has fewer."""
        while len(self.data) < count:
            got = self._file.readinto(memoryview(self._buffer)) or 0
            if not got:
                return False
            self.data += memoryview(self._buffer)[:got]
        return True

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        taken, self.data = self.data[:count], self.data[count:]
        self.place += len(taken)
        return taken

    def give_back(self, data: bytes) -> None:
        """Have these bytes, which were taken last, once more."""
        self.data = data + self.data
        self.place -= len(data)

    def skip_padding(self) -> None:
        """Skip zeros, which are not data after a member."""
        while self.hold(1):
            kept = self.data.lstrip(b"\0")
            self.take(len(self.data) - len(kept))
            if kept:
                return

    def readinto(self, buffer: memoryview, /) -> int:
        """Return what comes next, as it is."""
        if not self.data:
            return self._file.readinto(buffer) or 0
        taken = self.take(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)


class Members(ABC):
    """A format as pieces of any size: members, each of which can be read without the others."""

    beginning: bytes  # of each member

    def __init__(self, window: FileWindow) -> None:
        self.gaps = 0
        self.first_gap = ""
        self._window = window
        self._piece = b""
        self._given = 0
        self._failure: DamagedError | None = None
        self._resumed_at = 0

    def readinto(self, buffer: memoryview, /) -> int:
        if self._given == len(self._piece):
            self._piece = self._next_piece_or_gap()
            self._given = 0
        count = min(len(buffer), len(self._piece) - self._given)
        buffer[:count] = self._piece[self._given : self._given + count]
        self._given += count
        return count

    def _next_piece_or_gap(self) -> bytes:
        try:
            if self._failure is not None:
                raise self._failure
            return self._next_piece()
        except DamagedError as failure:
            self._failure = failure
            if isinstance(failure, OtherFormatError) or not self._find_member():
                raise
        self.gaps += 1
        self._resumed_at = self._window.place
        self.first_gap = self.first_gap or f"{self._failure}; goes on at byte {self._resumed_at}"
        self._failure = None
        return GAP

    def _find_member(self) -> bool:
        """Go to the next place where one begins."""
        window, beginning = self._window, self.beginning
        while window.hold(len(beginning)):
            at = window.data.find(beginning)
            if at < 0:
                window.take(len(window.data) - len(beginning) + 1)
                continue
            window.take(at)
            if window.place > self._resumed_at and self._begin_member():
                return True
            window.take(1)
        return False

    @abstractmethod
    def _begin_member(self) -> bool:
        """Return whether a member begins where the window does; if so, it is what comes next."""

    @abstractmethod
    def _next_piece(self) -> bytes:
        """b"" at the end. Raises DamagedError; or sets _failure, and what comes before it is returned.

        The window then begins no later than the next member may.
        """
