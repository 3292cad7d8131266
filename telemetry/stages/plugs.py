"""The plugs that stages follow, as the service asks for them: by the source that brings their frames."""

from typing import Protocol

from telemetry_core.text.lines import LineBuffer


class Plugs(Protocol):
    """The plugs that stages follow, by the source of their frames. Rows and events go into `lines`."""

    @property
    def any(self) -> bool:
        """Whether any source is followed."""
        ...

    def follows(self, source: str) -> bool:
        """Whether this one is, and has a channel."""
        ...

    def state(self, source: str) -> bytes:
        """What must be known again after a restart; empty: nothing."""
        ...

    def restore(self, source: str, state: bytes, lines: LineBuffer) -> None:
        """Go on with it, or close it where that is impossible."""
        ...

    def close(self, state: bytes, lines: LineBuffer) -> None:
        """Nobody goes on with it: it is over."""
        ...

    def watch(
        self, source: str, newest_ns: int | None, silent_ns: int, lines: LineBuffer, *, shift_ns: int
    ) -> None:
        """Nothing has come for so long since the frame with this stamp; None: since the start."""
        ...

    def leave(self, source: str, lines: LineBuffer, *, shift_ns: int) -> None:
        """The service stops: say so of what is open, which stays so."""
        ...

    def move(self, source: str, by_ns: int) -> None:
        """Add this to all stamps so far: they are of a clock that was wrong."""
        ...

    def write_open(self, wanted: bool) -> None:
        """Whether rows are written that later ones replace."""
        ...


class NoPlugs:
    """Nothing is followed."""

    any = False

    def follows(self, _source: str) -> bool:
        return False

    def state(self, _source: str) -> bytes:
        return b""

    def restore(self, *_: object) -> None:
        pass

    def close(self, *_: object) -> None:
        pass

    def watch(self, *_: object, **_more: object) -> None:
        pass

    def leave(self, *_: object, **_more: object) -> None:
        pass

    def move(self, *_: object) -> None:
        pass

    def write_open(self, *_: object) -> None:
        pass
