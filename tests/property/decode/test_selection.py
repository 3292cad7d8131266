"""Any plan, any choice of its signals: what is chosen has the values that it has in the whole plan."""

import re
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.spec import SlotKind

from telemetry.decode.selection import matches, select
from tests.support.plans import EXTENDED, random_payload, random_plan
from tests.support.rows import rows_of


def values(samples: SampleBatch, chosen: set[str]) -> list[tuple[object, ...]]:
    rows = (
        (row.time_ns, row.measurement, name, str(value))
        for row in samples
        for name, value in row.raw.items()
        if f"{row.measurement}.{name}" in chosen
    )
    return list(rows)


def signals(plan: PlanSpec) -> list[str]:
    return [f"{record.measurement}.{field.name}" for record in plan.records for field in record.fields]


@given(st.randoms(use_true_random=False), st.data())
def test_the_values_of_chosen_signals_are_those_of_the_whole_plan(
    random: Random, data: st.DataObject
) -> None:
    plan = random_plan(random, most_buses=1)
    names = signals(plan)
    if not names:
        return
    chosen = set(data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=5)))
    messages = plan.buses[0].messages
    frames = [
        FrameTuple(
            stamp,
            (message := random.choice(messages)).arbitration_id | EXTENDED * message.extended,
            random_payload(random),
            0,
            0,
            0,
        )
        for stamp in range(30)
    ]
    reduced = select(plan, sorted(chosen))
    written = {
        f"{record.measurement}.{field.name}"
        for record in reduced.records
        for field in record.fields
        if field.kind is not SlotKind.WORD
    }
    flags = {name for name in written if name.endswith(".protection_ok")}
    assert written == chosen | flags
    assert values(rows_of(reduced, frames), chosen) == values(rows_of(plan, frames), chosen)
    assert [message.arbitration_id for message in reduced.buses[0].messages] == [
        message.arbitration_id for message in messages
    ]


NAMES = st.text("aAbB._", min_size=1, max_size=5)


@given(st.text("aAbB._*?", min_size=1, max_size=6), NAMES, NAMES)
def test_a_glob_matches_a_signal_or_a_message_with_its_signal_by_case(
    glob: str, message: str, signal: str
) -> None:
    pattern = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in glob)
    names = (signal, f"{message}.{signal}") if "." in glob else (signal,)
    meant = any(re.fullmatch(pattern, name) for name in names)
    assert matches(glob, message, signal) == meant
    assert matches(f"{message}.{signal}", message, signal)
    assert matches("*", message, signal)
    assert matches(f"{message}.*", message, signal)
    if signal.swapcase() != signal:
        assert not matches(signal.swapcase(), "", signal)
