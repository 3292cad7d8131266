"""Rows of banks: from any rows in any batches the same, and each of them by a model of ten lines."""

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given, settings

from tests.support.examples import examples
from tests.support.two_packs import Step, bank_rows, stages_of, written

STEPS = st.lists(
    st.builds(
        Step,
        seconds=st.integers(0, 600).map(lambda tenths: tenths / 10),
        bus=st.integers(0, 1),
        amps=st.integers(-3000, 3000).map(lambda tenths: tenths / 10),
        cell_v=st.integers(2000, 3700).map(lambda millivolts: millivolts / 1000),
        fault=st.integers(0, 1),
    ),
    max_size=40,
)


@settings(max_examples=examples(60))
@given(steps=STEPS, is_in_order=st.booleans(), cuts=st.sets(st.integers(0, 40)))
def test_what_comes_out_depends_on_the_frames_and_not_on_their_batches(
    steps: list[Step], is_in_order: bool, cuts: set[int]
) -> None:
    if is_in_order:
        steps.sort(key=lambda step: step.seconds)
    ends = sorted({*cuts, 0, len(steps)})
    batches = [steps[begin:end] for begin, end in pairwise(ends)]
    assert written(stages_of(), batches) == written(stages_of(), [steps])


@settings(max_examples=examples(60))
@given(steps=STEPS)
def test_currents_are_the_sum_of_what_both_packs_said_in_the_last_ten_seconds(steps: list[Step]) -> None:
    steps.sort(key=lambda step: step.seconds)
    expected, last_second = [], -1
    for number, step in enumerate(steps):
        if int(step.seconds) == last_second:
            continue
        last_second = int(step.seconds)
        last = {each.bus: each for each in steps[: number + 1]}
        fresh = [each for each in last.values() if round(step.seconds - each.seconds, 1) <= 10.0]
        total = round(sum(each.amps for each in fresh), 6) + 0.0 if len(fresh) == 2 else None
        expected.append((step.seconds, len(fresh), total))
    found = [
        (seconds, int(fields["packs_present"]), float(fields["current_a"]) if "current_a" in fields else None)
        for seconds, fields in bank_rows(written(stages_of(), [steps]))
    ]
    assert found == expected
