"""Windows round events: whatever the rows, windows and batches, all of a window is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from telemetry.ledger import points_unaccounted
from telemetry.rules.reduce import SEND_ALL, ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.rules.trigger import Trigger
from telemetry.stages.stages import Stages
from tests.support.two_packs import PACKS, SECOND, Step, stages_of, written

WITHOUT = SendSettings(messages=False)
REDUCE = ReduceSettings(every_s=1.0)
BOUNDS = [
    ReduceSettings(bounds={"battery.*": 1.0, "Pack.*": 0.5}, shape=shape, longest_s=5.0)
    for shape in ("line", "hold")
]


@dataclass(frozen=True)
class Case:
    triggers: tuple[Trigger, ...]
    own_time: bool  # of the second bus: a log beside a live one
    send: SendSettings = WITHOUT
    reduce: ReduceSettings = REDUCE

    def stages(self, *, reduced: bool = True, triggers: bool = True) -> Stages:
        return stages_of(
            self.reduce if reduced else SEND_ALL,
            aggregates=(),
            triggers=self.triggers if triggers else (),
            send=self.send if reduced else SendSettings(),
            own_time=(1,) if self.own_time else (),
        )


def lines_of(stages: Stages, batches: Sequence[Sequence[Step]]) -> list[str]:
    lines = written(stages, batches)
    assert points_unaccounted({**stages.counted(), "points/acknowledged": len(lines)}, 0) == 0
    return lines


def stamp_ns(line: str) -> int:
    return int(line.rsplit(" ", 1)[1])


def source_of(line: str) -> str:
    return line.partition("source=")[2].partition(",")[0]


def spans(lines: Sequence[str], case: Case) -> list[tuple[int, int, str, set[str]]]:
    """From, until, the source of the event, and the measurements, of each window that the events show."""
    found = []
    for line in lines:
        if line.startswith("event,") and "capture=" in line:
            for trigger in case.triggers:
                is_its = ("code=trigger" in line) == (not trigger.on)
                if is_its:
                    at = stamp_ns(line)
                    until = at + round(trigger.after_s * SECOND)
                    names = set(trigger.only) or {"Pack", "battery"}
                    found.append((at - round(trigger.before_s * SECOND), until, source_of(line), names))
    return found


def is_inside(line: str, windows: Sequence[tuple[int, int, str, set[str]]], case: Case) -> bool:
    return any(
        first <= stamp_ns(line) <= last
        and line.split(",")[0] in names
        and (not case.own_time or source == source_of(line))
        for first, last, source, names in windows
    )


SPAN = st.sampled_from([0.0, 0.3, 1.0, 2.5])
TRIGGERS = st.one_of(
    st.builds(Trigger, on=st.just(("cell_under*",)), before_s=SPAN, after_s=SPAN, per_hour=st.just(10_000)),
    st.builds(
        Trigger,
        signal=st.just("Pack.Amps"),
        changes_by=st.just(50.0),
        within_s=st.just(0.5),
        only=st.sampled_from([(), ("Pack",), ("battery",)]),
        before_s=SPAN,
        after_s=SPAN,
        per_hour=st.just(10_000),
    ),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    triggers = draw(st.lists(TRIGGERS, min_size=1, max_size=2, unique_by=lambda one: bool(one.on)))
    send, reduce = draw(st.sampled_from([WITHOUT, SendSettings()])), draw(st.sampled_from([REDUCE, *BOUNDS]))
    return Case(tuple(triggers), draw(st.booleans()), send, reduce)


@st.composite
def streams(draw: st.DrawFn) -> list[Step]:
    at = [0.0, 0.0]
    steps = []
    for _ in range(draw(st.integers(1, 60))):
        bus = draw(st.integers(0, 1))
        at[bus] = max(
            0.0, at[bus] + draw(st.sampled_from([0.01, 0.1, 0.1, 0.1, 0.7, 3.0, 15.0, -0.2, -20.0]))
        )
        amps = draw(st.sampled_from([10.0, 10.0, 10.0, 80.0, -60.0]))
        steps.append(Step(at[bus], bus, amps, fault=draw(st.sampled_from([0, 0, 0, 0, 1]))))
    return steps


def cut(steps: Sequence[Step], ends: Sequence[int]) -> list[Sequence[Step]]:
    marks = sorted({0, *(end for end in ends if end < len(steps)), len(steps)})
    return [steps[first:last] for first, last in pairwise(marks)]


@given(cases(), streams(), st.lists(st.integers(1, 59), max_size=8))
def test_what_is_written_of_a_series_does_not_depend_on_batches(
    case: Case, steps: list[Step], ends: list[int]
) -> None:
    """Nor does its order. Rows of one frame that are sent again may come before or after each other."""
    cut_up, whole = (lines_of(case.stages(), parts) for parts in (cut(steps, ends), [steps]))
    assert sorted(cut_up, key=series_of) == sorted(whole, key=series_of)


def series_of(line: str) -> str:
    return line.partition(" ")[0]


@given(cases(), streams(), st.lists(st.integers(1, 59), max_size=8))
def test_each_row_of_a_window_is_written_and_no_row_besides(
    case: Case, steps: list[Step], ends: list[int]
) -> None:
    written = lines_of(case.stages(), cut(steps, ends))
    windows = spans(written, case)
    everything = [
        line for line in lines_of(case.stages(reduced=False, triggers=False), [steps]) if line[:6] != "event,"
    ]
    kept_s = max(one.before_s for one in case.triggers) + 10.0
    if max(newest_less_own(steps)) <= kept_s:  # otherwise a row comes later than the ring waits for
        assert [line for line in everything if is_inside(line, windows, case) and line not in written] == []
    if case.reduce is not REDUCE:
        return
    alone = lines_of(case.stages(triggers=False), [steps])
    edges = [edge for first, last, *_ in windows for edge in (first, last)]
    outside = [line for line in written if line[:6] != "event," and not is_inside(line, windows, case)]
    for line in set(outside) - set(alone):  # a row that the reducer ends early, or begins with, by a window
        assert any(abs(stamp_ns(line) - edge) <= 20 * SECOND for edge in edges)
    assert len(outside) <= len(alone) + 2 * len(windows) * len(PACKS)


def newest_less_own(steps: Sequence[Step]) -> list[float]:
    """How far each frame is behind the newest one before it, in s."""
    newest = accumulate((step.seconds for step in steps), max)
    return [before - step.seconds for before, step in zip(newest, steps, strict=True)]
