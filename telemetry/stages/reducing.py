"""What keeps rows and values from being sent: intervals, then bounds; rows in windows pass both by.

Promises: each row goes out, or is counted as reduced or pending; each further part of one counts as made.
Batches that are yielded are valid until the next one. Relies on rows in their order.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.reducer import Reducer

from telemetry.ledger import Names
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.rules.trigger import ResolvedTrigger
from telemetry.stages.binding import BoundChannel
from telemetry.stages.windows import Windows

if TYPE_CHECKING:  # a service without bounds imports nothing of them
    from telemetry_core.rules.bounds import Bounds


class Reducing:
    """`windows`: None without triggers. `bounded`: records whose rows may go out in parts.

    `field_bounds`: of each field of the schema, -1 for none; empty without bounds.
    """

    def __init__(
        self,
        schema: Schema,
        reduce: ReduceSettings,
        send: SendSettings,
        triggers: Sequence[ResolvedTrigger],
    ) -> None:
        self._schema = schema
        self.field_bounds = reduce.bounds_of(schema.specs) if reduce.bounds else []
        self._bounds = _bounds(schema, reduce, send, self.field_bounds) if reduce.bounds else None
        self._reducers = [each for each in (_intervals(schema, reduce, send), self._bounds) if each]
        modes = modes_of(schema, reduce, send) if self._bounds else ()
        self.bounded = [record for record, mode in enumerate(modes) if mode > 0]
        self._reduced = [SampleBatch(schema), SampleBatch(schema)]
        self._made, self._left_out = Names("points/made/"), Names("values/left_out/")
        bounded = (schema.specs[record].measurement for record in self.bounded)
        self._left_out_from_0 = {self._left_out[name]: 0 for name in bounded}
        self._tag_sets: dict[tuple[str, str], set[int]] = {}  # by a tag and its value
        self._factor = (1.0, reduce.longest_ns / 1e9)
        ring_bytes = reduce.ring_bytes if self._reducers else 0  # otherwise all rows are sent
        self.windows = Windows(schema, triggers, ring_bytes) if triggers else None

    def __bool__(self) -> bool:
        """Return whether it may leave out anything."""
        return bool(self._reducers)

    def bind(self, channel: BoundChannel) -> None:
        """Expect rows of `channel`."""
        if self.windows is not None:
            self.windows.bind(channel)
        for index, own in zip(channel.tag_sets, channel.tags(), strict=True) if self._bounds else ():
            for one in own.items():
                self._tag_sets.setdefault(one, set()).add(index)

    def take(self, samples: SampleBatch, shift_ns: int) -> Iterator[SampleBatch]:
        """Yield what goes out of these rows, or by them. shift_ns: is added to their stamps."""
        if self.windows is None:
            yield self._reduce(samples)
            return
        for part, passes in self.windows.parts(samples, shift_ns):
            for reducer in self._reducers if passes else ():
                self._reduced[0].clear()
                reducer.pass_by(part, self._reduced[0])
                yield self._reduced[0]
            yield part if passes else self._reduce(part)

    def _reduce(self, samples: SampleBatch) -> SampleBatch:
        for reducer, reduced in zip(self._reducers, self._reduced, strict=False):
            reduced.clear()
            reducer.reduce(samples, reduced)
            samples = reduced
        return samples

    def flush(self, before_ns: int | None, tags: Collection[int] | None) -> Iterator[SampleBatch]:
        """Yield what is held of these tag sets (None: of all), or what was due before this stamp."""
        return self._flush(self._reducers, before_ns, tags)

    def copy(self, tags: Collection[int]) -> Iterator[SampleBatch]:
        """Yield what is held of these tag sets, and stays held."""
        for reducer in self._reducers:
            self._reduced[0].clear()
            reducer.copy(self._reduced[0], tags)
            yield self._reduced[0]

    def keep(self, source: str, **owner: str) -> Iterator[SampleBatch]:
        """Yield the last values within bounds of an owner to which something happened.

        source: by its tag; rows of other sources may count from another time. Where none of its rows names
        the owner, all are kept.
        """
        tags = self._tag_sets.get(("source", source), set())
        owned = tags & set().union(*(self._tag_sets.get(one, set()) for one in owner.items()))
        return self._flush((self._bounds,) if self._bounds else (), None, owned or tags)

    def _flush(
        self, reducers: "Iterable[Reducer | Bounds]", before_ns: int | None, tags: Collection[int] | None
    ) -> Iterator[SampleBatch]:
        for reducer in reducers:
            self._reduced[0].clear()
            reducer.flush(self._reduced[0], before_ns, tags)
            if self._reduced[0]:
                yield self._reduced[0]

    def set_factor(self, factor: float, longest_s: float) -> SampleBatch:
        """Multiply all bounds as configured by `factor` from now on. Return what they held.

        longest_s: in place of the configured one. Without bounds this changes nothing.
        """
        self._factor = (factor, longest_s)
        self._reduced[0].clear()
        if self._bounds is not None:
            self._bounds.set_factor(factor, round(longest_s * 1e9), self._reduced[0])
        return self._reduced[0]

    @property
    def holding(self) -> int:
        """Return how many rows are held, or parts of them."""
        return sum(one.pending if isinstance(one, Reducer) else one.holding for one in self._reducers)

    def memory(self) -> dict[str, Any]:
        """Return what is remembered of all rows so far, as plain values: for `remember`."""
        windows = self.windows.memory() if self.windows else None
        reducers = [each.memory() for each in self._reducers]
        return {"reducers": reducers, "factor": self._factor, "windows": windows}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Go on with the `memory` of the same settings. Raises ValueError for that of others."""
        self.set_factor(*memory["factor"])
        for each, remembered in zip(self._reducers, memory["reducers"], strict=True):
            each.remember(remembered)
        if self.windows is not None:
            self.windows.remember(memory["windows"])

    def counted(self) -> dict[str, int]:
        """Return points that this has added or taken off. Those that are held are not made yet."""
        counters = self.windows.counted() if self.windows else {}
        for each in self._reducers:
            self._made.count(counters, each.made_by_measurement())
            counters["points/reduced"] = counters.get("points/reduced", 0) + each.reduced
        if self._bounds is not None:
            counters |= self._left_out_from_0
            self._left_out.count(counters, self._bounds.left_out_by_measurement())
        return counters


def modes_of(schema: Schema, reduce: ReduceSettings, send: SendSettings) -> list[int]:
    """Return what bounds do with rows, by record: -1: leave them out, 0: let them pass, 1: their work."""
    own = reduce.every_s_by_measurement
    return [
        0 if spec.hidden or spec.measurement in own else 1 if is_sent else -1
        for spec, is_sent in zip(schema.specs, send.chosen(schema.specs), strict=True)
    ]


def _bounds(
    schema: Schema, reduce: ReduceSettings, send: SendSettings, field_bounds: Sequence[float]
) -> "Bounds":
    """Return what leaves out values within their bounds."""
    from telemetry_core.rules.bounds import Bounds

    return Bounds(
        schema,
        modes_of(schema, reduce, send),
        field_bounds,
        line=reduce.is_line,
        longest_ns=reduce.longest_ns,
        every_ns=round(reduce.every_s * 1e9),
        flags_every_ns=[*map(reduce.flags_every_ns, schema.specs)],
    )


def _intervals(schema: Schema, reduce: ReduceSettings, send: SendSettings) -> Reducer | None:
    """Return what keeps rows from being sent; None: nothing does, or bounds do."""
    every_ns = [
        0 if spec.hidden else reduce.every_ns(spec.measurement) if is_sent else -1
        for spec, is_sent in zip(schema.specs, send.chosen(schema.specs), strict=True)
    ]
    if reduce.bounds:  # only for those with an interval of their own
        own = reduce.every_s_by_measurement
        every_ns = [
            every if spec.measurement in own else 0
            for spec, every in zip(schema.specs, every_ns, strict=True)
        ]
    return Reducer(schema, every_ns, [*map(reduce.flags_every_ns, schema.specs)]) if any(every_ns) else None
