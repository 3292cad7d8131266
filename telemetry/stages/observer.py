"""Who looks at the rows on their way: the live view, and what reports on recordings."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from telemetry_core.decode.unmatched import UnmatchedIds
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.charging.session import Session
from telemetry.model.events import Event


class Observer(Protocol):
    """Looks at the rows on their way, after the mapper."""

    def start(
        self,
        schema: Schema,
        counted: Mapping[str, frozenset[str]],
        unmatched: UnmatchedIds,
        bounds: Sequence[float],
    ) -> None:
        """Expect rows of this schema alone.

        counted: by pack, the fields that the mapper itself counts; unmatched: ids without a message, counted
        only while the observer sets `is_counting`; bounds: of each field of the schema, -1 for none, or none
        at all.
        """
        ...

    def bind(self, channel: int, *, source: str, tag: str, tags: Mapping[int, Mapping[str, str]]) -> None:
        """Expect rows of a channel.

        source: its name; tag: its tag `source`; tags: the tag sets of the modelled rows of its frames and of
        J1939 senders.
        """
        ...

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:
        """Look at these frames, and the rows that they became; both are the stages' again afterwards."""
        ...

    def observe_kept(self, samples: SampleBatch) -> None:
        """Look at these rows or parts of rows, seen before, that go to the output: only where bounds are.

        Those of the stages before a reload have their own schema, not that of `start`.
        """
        ...

    def add_event(self, event: Event, time_ns: int) -> None:
        """Take an event that these rows made, and its stamp."""
        ...

    def add_session(self, session: Session, time_ns: int) -> None:
        """Take a charging session as these rows left it, open or over, and the stamp of the last of them."""
        ...


def ignore(_observer: object, *_: object, **__: object) -> None:
    """Be a method of an observer that looks at other things."""
