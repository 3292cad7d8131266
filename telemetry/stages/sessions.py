"""Charging sessions, as the service asks the stages for them: by plug, and by the source of its frames."""

import logging
from collections.abc import Sequence
from typing import Protocol

from telemetry_core.text.lines import LineBuffer

LOG = logging.getLogger("telemetry.service")


class Sessions(Protocol):
    """Those at all plugs that are followed. Rows and events go into `lines`, stamps plus `shift_ns`."""

    def plugs_of(self, source: str) -> Sequence[str]:
        """The names of the plugs that are followed by frames of `source`; of none: by power alone."""
        ...

    def state(self, plug: str) -> bytes:
        """What must be known again after a restart; empty: nothing."""
        ...

    def restore(self, plug: str, state: bytes, lines: LineBuffer) -> None:
        """Go on with it, or close it where that is impossible."""
        ...

    def close(self, plug: str, state: bytes, lines: LineBuffer) -> None:
        """Nobody goes on with what was open at a plug that is not followed any more: it is over."""
        ...

    def watch(
        self, plug: str, newest_ns: int | None, silent_ns: int, lines: LineBuffer, *, shift_ns: int
    ) -> None:
        """Nothing has come for so long since the frame with this stamp; None: since the start."""
        ...

    def leave(self, plug: str, lines: LineBuffer, *, shift_ns: int) -> None:
        """The service stops: say so of what is open, which stays so."""
        ...

    def finish(self, plug: str, end_ns: int, lines: LineBuffer, *, shift_ns: int) -> None:
        """Its frames have ended, for good, with the one of this stamp."""
        ...

    def move(self, plug: str, by_ns: int) -> None:
        """Add this to all stamps so far: they are of a clock that was wrong."""
        ...

    def write_rows(self, plug: str, wanted: bool, lines: LineBuffer) -> None:
        """Whether rows of its sessions are written. Those that waited for that are written now."""
        ...


class NoSessions:
    """Nothing is followed."""

    def plugs_of(self, _source: str) -> Sequence[str]:
        return ()

    def state(self, _plug: str) -> bytes:
        return b""

    def restore(self, *_: object) -> None:
        pass

    def close(self, plug: str, *_: object) -> None:
        LOG.warning("%s: what was open there stays open: nothing follows sessions any more", plug)

    def watch(self, *_: object, **_more: object) -> None:
        pass

    def leave(self, *_: object, **_more: object) -> None:
        pass

    def finish(self, *_: object, **_more: object) -> None:
        pass

    def move(self, *_: object) -> None:
        pass

    def write_rows(self, *_: object) -> None:
        pass
