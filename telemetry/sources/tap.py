"""Lines of serial ports on their way to a second taker, which may come and go while the sources run."""

from collections.abc import Callable
from typing import Protocol


class LineStore(Protocol):
    """A taker of the lines of a capture; what it raises ends the session."""

    @property
    def lost_lines(self) -> int: ...

    def write(self, line: bytes) -> None: ...

    def close(self) -> None: ...


class LineTap:
    """The second taker: `take` gets the name of each source and its lines; None: nobody wants them."""

    take: Callable[[str, bytes], None] | None = None


class TappedLines:
    """A store of lines that also gives them to a tap. store: None where there is no other."""

    def __init__(self, source: str, store: LineStore | None, tap: LineTap) -> None:
        self._source = source
        self._store = store
        self._tap = tap

    @property
    def lost_lines(self) -> int:
        """Return those that the store has lost."""
        return self._store.lost_lines if self._store is not None else 0

    def write(self, line: bytes) -> None:
        """Hand the line over."""
        if self._store is not None:
            self._store.write(line)
        if (take := self._tap.take) is not None:
            take(self._source, line)

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
