"""Bounds as a model: what `telemetry_core.rules.bounds` promises, by looking at all values of a field again.

No slopes: a line is tried against each value between its ends, in fractions. So it is slow, and right.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from telemetry_core.rows.batch import Row
from telemetry_core.rules.senders import NEW_SENDER

GAP_NS = 2_000_000_000
Value = tuple[int, float]  # stamp in ns, number


def off_by(start: Value, end: Value, value: Value) -> Fraction:
    """Return how far `value` is from the line through `start` and `end`."""
    (from_ns, first), (to_ns, last), (time_ns, number) = start, end, value
    part = Fraction(time_ns - from_ns, to_ns - from_ns)
    return abs(Fraction(first) + part * (Fraction(last) - Fraction(first)) - Fraction(number))


def errors_of(kept: Sequence[Value], values: Iterable[Value], shape: str) -> Iterable[tuple[Value, float]]:
    """Yield each value and how far off it a store's reader is, who draws between `kept` by their stamps."""
    for value in values:
        before = [one for one in kept if one[0] <= value[0]]
        after = [one for one in kept if one[0] >= value[0]]
        if shape == "hold" or before[-1][0] == value[0]:
            yield value, abs(before[-1][1] - value[1])
        else:
            yield value, float(off_by(before[-1], after[0], value))


class ModelField:
    """One field. bound: None: it passes at each change."""

    def __init__(self, shape: str, bound: float | None, every_ns: int, longest_ns: int) -> None:
        self._shape, self._bound, self._every_ns = shape, bound, every_ns
        self._longest_ns = longest_ns if bound is not None else math.inf
        self.run: list[tuple[int, Value]] = []  # the pivot and all values since, each with its row
        self._last_ns: int | None = None
        self._distance_ns = 0
        self.has_candidate = False

    def take(self, row: int, value: Value) -> list[tuple[int, Value]]:
        """Return what is kept now."""
        time_ns, number = value
        since_ns = 0 if self._last_ns is None else time_ns - self._last_ns
        is_gap = since_ns > GAP_NS and since_ns > 2 * self._distance_ns
        is_number = self._bound is None or math.isfinite(number)
        self._last_ns, self._distance_ns = time_ns, max(since_ns, 0)
        if not self.run or since_ns <= 0 or is_gap or not is_number:
            kept = [*self.end(), (row, value)]
            self.run = [(row, value)] if is_number else []
            return kept
        kept = []
        if self._bound is not None and self._shape == "line":
            if self.has_candidate and not self._reaches(value):
                candidate_ns = self.run[-1][1][0]
                if candidate_ns - self.run[0][1][0] >= self._every_ns:
                    kept += self.end()
            is_kept = self.run[0][1][0] < self._beat_ns(time_ns)
        else:
            (_, (pivot_ns, pivot)) = self.run[0]
            moved = abs(number - pivot) > self._bound if self._bound is not None else number != pivot
            is_kept = pivot_ns < self._beat_ns(time_ns) or (moved and time_ns - pivot_ns >= self._every_ns)
        self.run.append((row, value))
        self.has_candidate = True
        return kept + self.end() if is_kept else kept

    def _beat_ns(self, time_ns: int) -> float:
        if math.isinf(self._longest_ns):
            return -math.inf
        half_ns = int(self._longest_ns + 1) // 2
        return (time_ns // half_ns - 1) * half_ns

    def _reaches(self, value: Value) -> bool:
        (_, pivot), *between = self.run
        return all(off_by(pivot, value, one) <= Fraction(self._bound or 0) for _, one in between)

    def end(self) -> list[tuple[int, Value]]:
        """Return the candidate, which is kept: values go on from it."""
        kept = self.run[-1:] if self.has_candidate else []
        self.run, self.has_candidate = self.run[-1:], False
        return kept

    def is_due(self, end_ns: int) -> bool:
        """Return whether a value of this stamp would keep the candidate, or one like it."""
        if not self.has_candidate:
            return False
        (_, (pivot_ns, pivot)), (_, (last_ns, last)) = self.run[0], self.run[-1]
        if end_ns - last_ns > max(GAP_NS, 2 * self._distance_ns):
            return True
        if self._bound is not None and self._shape == "line":
            return end_ns - last_ns > self._longest_ns and last_ns - pivot_ns >= self._every_ns
        is_waiting = abs(last - pivot) > self._bound if self._bound is not None else last != pivot
        return is_waiting and end_ns - pivot_ns >= self._every_ns > 0


class ModelBounds:
    """All fields of all keys. made: of a field's name."""

    def __init__(self, made: Callable[[str], ModelField]) -> None:
        self._made = made
        self.fields: dict[tuple[int, str], ModelField] = {}
        self._rows: list[Row] = []
        self.parts_of: dict[int, int] = {}  # by row: how often some of it went out

    def take(self, row: Row) -> list[Row]:
        """Return the rows that go out now."""
        number = len(self._rows)
        self._rows.append(row)
        kept: dict[int, dict[str, float]] = {}
        if row.id & NEW_SENDER:
            self._put(kept, [each for each in self.fields if each[0] == row.tags], forget=True)
            out = self._out(kept)
            kept = {}
        else:
            out = []
        for name, value in row.raw.items():
            field = self.fields.setdefault((row.tags, name), self._made(name))
            for source, (_, number_of) in field.take(number, (row.time_ns, value)):
                kept.setdefault(source, {})[name] = number_of
        return out + self._out(kept)

    def flush_of(self, tags: int | None, before_ns: int | None) -> list[Row]:
        """Return the rows that go out; tags: of this tag set alone."""
        kept: dict[int, dict[str, float]] = {}
        fields = [each for each in self.fields if tags is None or each[0] == tags]
        due = [each for each in fields if before_ns is None or self.fields[each].is_due(before_ns)]
        self._put(kept, due)
        return self._out(kept)

    def _put(
        self, kept: dict[int, dict[str, float]], keys: Iterable[tuple[int, str]], *, forget: bool = False
    ) -> None:
        for key in keys:
            for source, (_, number) in self.fields[key].end():
                kept.setdefault(source, {})[key[1]] = number
            if forget:
                self.fields[key].run = []

    def _out(self, kept: dict[int, dict[str, float]]) -> list[Row]:
        for source in kept:
            self.parts_of[source] = self.parts_of.get(source, 0) + 1
        clear = ~(NEW_SENDER | 0x2000_0000)
        return [
            self._rows[source]._replace(raw=raw, id=self._rows[source].id & clear)
            for source, raw in kept.items()
        ]

    @property
    def held(self) -> set[int]:
        """Return the rows that have candidates."""
        return {field.run[-1][0] for field in self.fields.values() if field.has_candidate}

    @property
    def reduced(self) -> int:
        """Return the rows of which nothing has gone out, or will."""
        return len(set(range(len(self._rows))) - self.parts_of.keys() - self.held)

    @property
    def pending(self) -> int:
        """Return the rows of which nothing has gone out, and some may."""
        return len(self.held - self.parts_of.keys())

    @property
    def parts(self) -> int:
        """Return the parts beyond the first of each row."""
        return sum(self.parts_of.values()) - len(self.parts_of)
