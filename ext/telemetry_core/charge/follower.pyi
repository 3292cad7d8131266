from collections.abc import Iterable

from telemetry_core.charge.changes import PlugChange
from telemetry_core.charge.follow_spec import FollowSpec, Numbers, PowerSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

def no_numbers() -> Numbers:
    """Return the numbers of a `Follower.state` of which nothing is known."""

def totals_in(known: Numbers) -> tuple[float, ...]:
    """Return the totals of a session by the numbers of a `Follower.state`, in the order of `TOTALS`."""

class Follower:
    """Follows charging sessions by FollowSpecs and PowerSpecs, for any number of channels."""

    @property
    def schema(self) -> Schema: ...
    @property
    def specs(self) -> tuple[FollowSpec | PowerSpec, ...]:
        """The specs, as they were given."""
    def __init__(self, schema: Schema, specs: Iterable[FollowSpec | PowerSpec]) -> None:
        """ValueError when a spec does not fit the schema."""
    def bind(self, channel: int, spec: int) -> None:
        """Follow the rows of `channel` by `specs[spec]`; forget what was known of it.

        Rows of messages count by their channel, modelled ones by their tag set: see `route`. ValueError for a
        channel over 65535.
        """
    def route(self, tags: int, channel: int, *, is_own: bool) -> None:
        """Take modelled rows with the tag set `tags` as what is measured at the plug on `channel`.

        is_own: by its two ends: battery and cells by the vehicle, charger by the charger; otherwise, as that
        of a meter, by a third.
        """
    left: int
    def follow(
        self, samples: SampleBatch, *, in_parts: bool = False, go_on: bool = False
    ) -> list[PlugChange]:
        """Return the changes that these rows make, in their order.

        in_parts: those up to the first row that is reported, so that `begin_next` may follow; go_on: with the
        rows that are `left`. Raises ValueError unless the rows are of `schema`.
        """
    def begin_next(self, channel: int, start_ns: int, before: Numbers | None = None) -> list[PlugChange]:
        """Return the end of the session that is open, and the begin of the next one at `start_ns`.

        The row that was reported last is another vehicle's. It is `left` to be followed again.
        before: numbers of the session without the attempt that showed this.
        """
    def due(self, channel: int, now_ns: int) -> list[PlugChange]:
        """Return what ends on `channel` as its signs are silent for too long at `now_ns`, in frame time."""
    def finish(self, channel: int, end_ns: int) -> list[PlugChange]:
        """Return what ends on `channel` since no row comes any more; end_ns: stamp of the newest frame."""
    def look(self, channel: int) -> list[PlugChange]:
        """Return the session that is open on `channel`, as it is: a MINUTE at its last sign."""
    def last_ns(self, channel: int) -> int:
        """Return the stamp of the last sign on `channel`; 0: none yet."""
    def is_open(self, channel: int) -> bool:
        """Return whether a session is open on `channel`."""
    def state(self, channel: int) -> tuple[Numbers, Numbers]:
        """Return the numbers that are known of the plug on `channel`, and those of the session as saved."""
    def go_on(
        self, channel: int, known: Numbers, saved: Numbers, most_soc_pct_s: float | None = None
    ) -> None:
        """Go on where a `state` was taken, here or elsewhere. ValueError for numbers of another kind.

        most_soc_pct_s: a state of charge that has risen faster since is another battery's; None: as before.
        """
