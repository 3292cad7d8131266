"""The values of signals over time, sorted into panels: what a picture shows, before it is drawn.

Promises:

- A curve is one signal of one channel, and of one sender where several ids send it.
- Curves of a panel have one unit and much the same size. Panels have the order in which signals are named.
- Thinning keeps the first, the last, the lowest and the highest value of every column.

Relies on numpy, which comes with matplotlib and is imported when curves are made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from telemetry_core.decode.spec import PlanSpec, SignalSpec
from telemetry_core.rows.points import Points
from telemetry_core.rows.spec import SlotKind

from telemetry.decode.selection import matches
from telemetry.model.ids import id_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Times = NDArray[np.int64]
    Values = NDArray[np.float64]
    MaskedValues = np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]

MOST_TIMES = 20.0  # the size of a panel's largest curve, of that of the smallest
_MOST_A_WORD = 2  # values that occur; of more it is a number, of which a word names an exception
_ID_BITS = 0x9FFFFFFF  # of an origin


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over time.

    is_stepped: a value holds until the next one (flags, words); is_filled: down to zero; is_dashed: where it
    lies upon another, both are seen.
    """

    label: str
    times_ns: "Times"
    values: "Values"
    is_stepped: bool
    is_filled: bool = False
    is_dashed: bool = False


@dataclass(slots=True)
class Panel:
    """Curves of one unit. words: what the values of the only signal mean; is_flags: all are 0 or 1."""

    unit: str
    words: tuple[tuple[float, str], ...] = ()
    is_flags: bool = False
    curves: list[Curve] = field(default_factory=list)

    @property
    def end_ns(self) -> int:
        """Return the last stamp of all curves."""
        return max(int(curve.times_ns[-1]) for curve in self.curves)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Values of many that are alike over time, as colours.

    label: of the rows, which count from 1; scale: what a value is, with its unit; edges_ns: where columns
    begin, and where the last one ends; values: by row and column, masked where there is none.
    """

    label: str
    scale: str
    edges_ns: "Times"
    values: "MaskedValues"

    @property
    def end_ns(self) -> int:
        """Return where the last column ends."""
        return int(self.edges_ns[-1])


@dataclass(frozen=True, slots=True)
class Span:
    """A time with a name, from one stamp to another."""

    name: str
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A signal that was named."""

    message: str
    name: str
    record: int
    index: int
    unit: str
    words: tuple[tuple[float, str], ...]  # by value, where the database has them by raw value
    spec: SignalSpec


def make_panels(plan: PlanSpec, points: Points, channels: Sequence[str], globs: Sequence[str]) -> list[Panel]:
    """Return the panels of all signals with a value. channels: names by their numbers; globs: as named."""
    chosen = list(_in_order(plan, globs))
    messages: dict[str, set[str]] = {}
    for one in chosen:
        messages.setdefault(one.name, set()).add(one.message)
    panels: list[Panel] = []
    for one in chosen:
        label = one.name if len(messages[one.name]) == 1 else f"{one.message}.{one.name}"
        for curve in _curves(points.of(one.record, one.index), one.spec, label, channels):
            _panel_for(one, curve, panels).curves.append(curve)
    return panels


def _panel_for(one: _Chosen, curve: Curve, panels: list[Panel]) -> Panel:
    """Return the panel that the curve goes to, which may be a new one."""
    is_named = not one.unit and len(set(curve.values.tolist())) <= _MOST_A_WORD * len(one.words)
    words = one.words if is_named else ()
    is_flag = not one.unit and not one.words and one.spec.bit_count == 1
    for panel in panels:
        is_alike = (panel.unit, panel.words, panel.is_flags) == (one.unit, words, is_flag)
        if is_alike and (is_flag or words or _is_comparable(panel, curve)):
            return panel
    panels.append(Panel(one.unit, words, is_flag))
    return panels[-1]


def _is_comparable(panel: Panel, curve: Curve) -> bool:
    """Return whether neither would be a flat line beside the other."""
    sizes = [
        max(abs(float(one.values.min())), abs(float(one.values.max()))) for one in (*panel.curves, curve)
    ]
    return max(sizes[:-1]) <= MOST_TIMES * sizes[-1] and sizes[-1] <= MOST_TIMES * max(sizes[:-1])


def _in_order(plan: PlanSpec, globs: Sequence[str]) -> Iterator[_Chosen]:
    """Yield the chosen signals in the order of the globs that choose them, those of a record once."""
    found: set[tuple[int, int]] = set()
    for glob in globs:
        for message in (message for bus in plan.buses for message in bus.messages):
            record = plan.records[message.record]
            for index, signal in enumerate(message.signals):
                spec = record.fields[index]
                place, shown = (message.record, index), spec.signal_name
                name = record.message_name
                has_numbers = spec.kind not in (SlotKind.WORD, SlotKind.ASCII)
                if has_numbers and place not in found and matches(glob, name, shown):
                    found.add(place)
                    words = tuple((raw * spec.factor + spec.offset, word) for raw, word in signal.choices)
                    yield _Chosen(name, shown, *place, spec.unit, words, signal)


def _curves(
    columns: tuple[bytes, bytes, bytes], signal: SignalSpec, label: str, channels: Sequence[str]
) -> Iterator[Curve]:
    """Yield the curves of a field, one for each channel and id that it came from, by time."""
    import numpy as np

    times_ns = np.frombuffer(columns[0], np.int64)
    values = np.frombuffer(columns[1], np.float64)
    origins = np.frombuffer(columns[2], np.uint64)
    each = sorted(int(origin) for origin in np.unique(origins))
    several_channels = len({origin >> 32 for origin in each}) > 1
    several_ids = len({origin & _ID_BITS for origin in each}) > 1
    for origin in each:
        chosen = origins == origin
        order = np.argsort(times_ns[chosen], kind="stable")
        words = [label]
        words += [channels[origin >> 32]] * several_channels
        words += [id_text(origin & _ID_BITS)] * several_ids
        is_stepped = signal.bit_count == 1 or bool(signal.choices)
        yield Curve("  ".join(words), times_ns[chosen][order], values[chosen][order], is_stepped)


def thinned(curve: Curve, columns: int) -> Curve:
    """Return the curve with at most four points a column of the picture."""
    import numpy as np

    count = len(curve.times_ns)
    if count <= 4 * columns:
        return curve
    span = int(curve.times_ns[-1]) - int(curve.times_ns[0]) + 1
    column = ((curve.times_ns - curve.times_ns[0]).astype(np.float64) * (columns / span)).astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], count)
    by_value = np.lexsort((curve.values, column))  # within each column from the lowest to the highest
    kept = np.unique(np.concatenate((starts, ends - 1, by_value[starts], by_value[ends - 1])))
    return replace(curve, times_ns=curve.times_ns[kept], values=curve.values[kept])
