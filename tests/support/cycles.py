"""A sender of cell pages that knows its cycles, and what is to be read of the pages that arrive."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, SlotKind
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.mapper import Mapper, PageNotice

from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from tests.support.plan_specs import Signal, plan

START_NS = 1_700_000_000 * 10**9
MS = 1_000_000
MILLIVOLTS = DecimalScale(1, 0, 3)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One page of one cycle of the sender, at a time since the start."""

    time_ms: float
    page: int
    cycle: int

    @property
    def millivolts(self) -> int:
        """All cells of a cycle are equal, and differ from those of the cycles around it."""
        return 3000 + self.cycle


def send(
    order: Sequence[int],
    offsets_ms: Sequence[float],
    period_ms: float,
    cycles: int,
    jitter_ms: Callable[[], float] = lambda: 0.0,
) -> list[Arrival]:
    """Cycles of pages: order[i] comes offsets_ms[i] after the begin of its cycle."""
    arrivals = [
        Arrival(cycle * period_ms + offset_ms + jitter_ms(), page, cycle)
        for cycle in range(cycles)
        for page, offset_ms in zip(order, offsets_ms, strict=True)
    ]
    return sorted(arrivals, key=lambda one: one.time_ms)


def complete(arrivals: Iterable[Arrival], pages: int) -> list[tuple[float, int]]:
    """Return a cycle-aware data model's readings: the time of the last page, and the cycle."""
    seen: dict[int, dict[int, float]] = {}
    for one in arrivals:
        seen.setdefault(one.cycle, {}).setdefault(one.page, one.time_ms)
    return [(max(times.values()), cycle) for cycle, times in seen.items() if len(times) == pages]


@dataclass(frozen=True, slots=True)
class Reading:
    """A row of cells: its time since the start, and which cycles its cells are of."""

    time_ms: float
    cycles: frozenset[int]
    cells: tuple[str, ...]


class Pack:
    """A mapper of a pack with one cell on each of `pages` pages of one message, or in one message each.

    Of messages, the one after the last page is mapped to nothing. There are two channels.
    """

    def __init__(
        self,
        pages: int,
        *,
        messages: bool = False,
        within_s: float | None = None,
        optional: Collection[int] = (),
    ) -> None:
        """within_s: the pages are asked for. optional: of messages, those that not each device answers."""
        self._messages = messages
        self.plan = _by_message(pages) if messages else _by_page(pages)
        entries = [MapEntry("Cells.Cell{n}", "cells.v{n}", within_s=within_s)]
        if messages:
            entries = [
                MapEntry(
                    f"Cells{page}.Cell",
                    f"cells.v{page + 1}",
                    within_s=within_s,
                    optional=page in optional,
                )
                for page in range(pages)
            ]
        self.spec: MapSpec = resolve(entries, self.plan)
        self.schema = Schema(self.plan.records + self.spec.records)
        self.mapper = Mapper(self.schema, self.spec)
        for channel in (0, 1):
            self.mapper.bind(channel, 0, range(len(self.spec.tag_sets)))
        self.rows: list[Row] = []
        self.notices: list[PageNotice] = []

    def take(
        self, arrivals: Sequence[Arrival], batch: int = 1, *, channel: int = 0, id: int = 0
    ) -> list[Reading]:
        """Return the readings made of these pages, handed over so many at a time. id: of their rows."""
        out = SampleBatch(self.schema)
        made: list[Row] = []
        for begin in range(0, len(arrivals), batch):
            samples = SampleBatch(self.schema)
            for one in arrivals[begin : begin + batch]:
                samples.append(*self._row(one), channel=channel, id=id)
            self.mapper.map(samples, out)
            self.notices += self.mapper.notices()
            made += out
            out.clear()
        return self._read(made)

    def finish(self) -> list[Reading]:
        """Return what was held, since nothing comes any more."""
        out = SampleBatch(self.schema)
        self.mapper.finish(out)
        return self._read(list(out))

    def _read(self, made: list[Row]) -> list[Reading]:
        self.rows += made
        return [_reading(row) for row in made if row.measurement == "cells"]

    def _row(self, one: Arrival) -> tuple[int, int, dict[str, float | bool]]:
        time_ns = START_NS + round(one.time_ms * MS)
        if self._messages:
            return one.page, time_ns, {"Cell": one.millivolts}
        return 0, time_ns, {"Page": one.page, f"Cell{one.page + 1}": one.millivolts}


def _reading(row: Row) -> Reading:
    cycles = frozenset(round(value * 1000) - 3000 for value in row.raw.values())
    return Reading((row.time_ns - START_NS) / MS, cycles, tuple(row.raw))


def _by_page(pages: int) -> PlanSpec:
    cells = {f"Cell{page + 1}": Signal(MILLIVOLTS, pages=[page]) for page in range(pages)}
    return plan({"can0": {"Cells": {"Page": Signal(bits=8, signed=False, kind=SlotKind.UINT), **cells}}})


def _by_message(pages: int) -> PlanSpec:
    return plan({"can0": {f"Cells{page}": {"Cell": Signal(MILLIVOLTS)} for page in range(pages + 1)}})
