"""A watcher that one can read: what telemetry_core.rules.watcher promises, with Python values, row by row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from telemetry_core.rows.batch import Row
from telemetry_core.rows.spec import RecordSpec
from telemetry_core.rules.map_spec import ABSENT
from telemetry_core.rules.senders import NEW_SENDER
from telemetry_core.rules.watch_spec import BitTest, CrossingTest, LimitTest, RuleSpec, ValueTest
from telemetry_core.rules.watcher import Transition

from tests.support.mapper_model import is_of_sender


@dataclass
class _State:
    tags: range
    active: bool = False
    since_ns: int | None = None
    past: list[tuple[int, float]] = field(default_factory=list)  # since the last change, or step back


class WatcherModel:
    """The same transitions as Watcher, from the same rules."""

    def __init__(self, records: Sequence[RecordSpec], rules: Sequence[RuleSpec]) -> None:
        self._records = records
        self._rules = rules
        self._states: dict[tuple[int, int], _State] = {}  # by channel and rule

    def bind(
        self, channel: int, bus: int, own_tags: int, map_tags: Sequence[int], own_tag_count: int = 1
    ) -> None:
        own = range(own_tags, own_tags + own_tag_count)
        for number, rule in enumerate(self._rules):
            self._states.pop((channel, number), None)
            if rule.bus in (ABSENT, bus):
                first = 0 if rule.tag_set == ABSENT else map_tags[rule.tag_set]
                self._states[channel, number] = _State(
                    own if rule.tag_set == ABSENT else range(first, first + 1)
                )

    def watch(self, rows: Iterable[Row]) -> Iterator[Transition]:
        for number, row in enumerate(rows):
            for index, rule in enumerate(self._rules):
                state = self._states.get((row.channel, index))
                record = self._records[rule.record]
                if record.measurement != row.measurement or state is None or row.tags not in state.tags:
                    continue
                if not is_of_sender(row, rule.sender):
                    continue
                if row.id & NEW_SENDER:
                    state.past.clear()
                    state.since_ns = None
                if rule.protection != ABSENT and row.raw.get(record.fields[rule.protection].name) is False:
                    continue
                names = [field.name for field in record.fields[rule.field : rule.field + rule.field_count]]
                seen = {place: row.raw[name] for place, name in enumerate(names) if name in row.raw}
                if seen and not any(raw in rule.absent for raw in seen.values()):
                    value, member = _worst(seen, rule.test)
                    if isinstance(rule.test, CrossingTest):
                        if (crossed := _crossed(rule.test, state, value, row.time_ns)) is not None:
                            yield Transition(number, row.time_ns, row.channel, index, True, crossed, member)
                    elif _turns(rule.test, state, value, row.time_ns):
                        yield Transition(
                            number, row.time_ns, row.channel, index, state.active, float(value), member
                        )


def _worst(seen: dict[int, int | float | bool], test: object) -> tuple[int | float | bool, int]:
    """Return the value that is farthest beyond, the first of equal ones, and its place."""
    wants_highest = not isinstance(test, LimitTest) or test.is_upper
    value = max(seen.values()) if wants_highest else min(seen.values())
    return value, next(place for place, other in seen.items() if other == value)


def _crossed(test: CrossingTest, state: _State, value: float, time_ns: int) -> float | None:
    """Return what is reported, if anything."""
    if not test.within_ns:
        before, state.past = state.past, [(time_ns, value)]
        signs = [(old > test.limit) - (old < test.limit) for _, old in before]
        is_beyond = value > test.limit if test.is_upper else value < test.limit
        return value if is_beyond and signs not in ([], [1 if test.is_upper else -1]) else None
    if state.past and time_ns < state.past[-1][0]:
        state.past.clear()
    near = [old for at_ns, old in state.past if time_ns - at_ns <= test.within_ns]
    change = max((value - old for old in near), key=lambda each: (abs(each), -each), default=0.0)
    is_change = abs(change) >= test.limit
    state.past = [*([] if is_change else state.past), (time_ns, value)]
    return change if is_change else None


def _turns(
    test: BitTest | ValueTest | LimitTest, state: _State, value: int | float | bool, time_ns: int
) -> bool:
    match test:
        case BitTest():
            is_beyond = bool(int(value) & test.mask)
            is_back, for_ns = not is_beyond, 0
        case ValueTest():
            is_beyond = value in test.values
            is_back, for_ns = not is_beyond, 0
        case _:
            is_beyond = value > test.limit if test.is_upper else value < test.limit
            is_back = value <= test.release if test.is_upper else value >= test.release
            for_ns = test.for_ns
    if state.active:
        state.active = not is_back
        state.since_ns = None
        return is_back
    if not is_beyond:
        state.since_ns = None
        return False
    if state.since_ns is None or time_ns < state.since_ns:
        state.since_ns = time_ns
    state.active = time_ns - state.since_ns >= for_ns
    return state.active
