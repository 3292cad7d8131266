"""Outputs: the one that drops everything, and what makes one of a format; the stamps of events in them."""

from dataclasses import replace

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import Content, PhaseWord, Point, SessionItem, SessionRow
from telemetry.charging.session import Session
from telemetry.model.events import begins
from telemetry.stages.binding import Binding, BoundChannel
from telemetry.stages.following import Alarms
from telemetry.stages.formats import OutputFormat, TimeForm
from telemetry.stages.output import Output, output_of

SCHEMA = Schema(())
CHANNEL = BoundChannel(3, Binding(-1, "can0", "can0"), "van", j1939=False, map_tags=(), own=0)
WORD = PhaseWord("main", "can0", "charging")
EVENT = begins("source_lost", "gone", "can0")


def fed(output: Output, lines: LineBuffer) -> str:
    """Give it one of each; return the measurement of the row of a session."""
    output.bind(CHANNEL)
    output.add(SampleBatch(SCHEMA), lines)
    output.add_event(EVENT, 1_000_000_007, lines)
    return output.add_session(WORD, 2_000_000_000, "can0", lines)


def test_what_overrides_nothing_takes_everything_and_writes_nothing() -> None:
    given, lines = Output(), LineBuffer()
    output = output_of(given, SCHEMA, "van", with_events=True)
    assert output is given
    output.write_times(TimeForm.ISO)
    output.assume_up_to(0, 5)
    assert fed(output, lines) == ""
    assert (len(lines), output.header, output.left_out) == (0, b"", 0)
    assert (output.empty_by_measurement(), output.in_order) == ({}, True)


@pytest.mark.parametrize(
    ("form", "header", "event", "session"),
    [
        (
            OutputFormat.LINE_PROTOCOL,
            b"",
            b'event,code=source_lost,source=can0,vehicle=van level=1,active=true,text="gone" 1000000107\n',
            b'charger,charger=main,source=can0,vehicle=van phase="charging" 2000000100\n',
        ),
        (
            OutputFormat.CSV,
            b"time_s,channel,id,message,signal,value\n",
            b"0.000000007,can0,,event,code,10\n0.000000007,can0,,event,level,1\n0.000000007,can0,,event,active,1\n",
            b"1,can0,,charger,phase,charging\n",
        ),
        (
            OutputFormat.NDJSON,
            b"",
            (
                b'{"time_s":0.000000007,"channel":"can0","id":"","message":"event",'
                b'"signals":{"code":10,"level":1,"active":true}}\n'
            ),
            b'{"time_s":1,"channel":"can0","id":"","message":"charger","signals":{"phase":"charging"}}\n',
        ),
        (
            OutputFormat.WIDE_CSV,
            b"time_s,channel,id,event.code,event.level,event.active\n",
            b"0.000000007,can0,,10,1,1\n",
            b"",
        ),
    ],
)
def test_each_format_writes_events_and_rows_of_sessions_in_its_own_way(
    form: OutputFormat, header: bytes, event: bytes, session: bytes
) -> None:
    output, lines = output_of(form, SCHEMA, "van", with_events=True), LineBuffer()
    output.shift_ns = 100  # of stamps for a database alone
    output.write_times(TimeForm.RELATIVE, 1_000_000_000)
    measurement = fed(output, lines)
    assert output.header == header
    assert lines.take() == event + session
    assert measurement == ("charger" if session else "")
    assert not output.in_order


def test_no_two_events_of_one_code_and_owner_have_one_stamp_and_nothing_else_is_moved() -> None:
    stopped, other = begins("charging_stopped", "", "bay-1"), begins("charging_stopped", "", "bay-2")
    word = PhaseWord("main", "bay-1", "charging")
    contents: tuple[Content, ...] = (stopped, word, stopped, other, word, replace(stopped, active=False))
    made = [SessionItem(row, 50, content) for row, content in enumerate(contents)]
    written = list(Alarms(Schema((RecordSpec("m", (FieldSpec("v", SlotKind.FLOAT),)),)), ()).apart(made))
    assert [one.content for one in written] == [one.content for one in made]
    first, *_ = stamps = [one.time_ns for one in written]
    assert (first, stamps[1], stamps[3], stamps[4]) == (50, 50, 50, 50)
    assert len({first, stamps[2], stamps[5]}) == 3  # also of one that begins and ends
    assert stamps[2] > first


def test_an_event_the_end_of_a_session_and_health_are_urgent_and_no_other_row() -> None:
    output, lines = output_of(OutputFormat.LINE_PROTOCOL, SCHEMA, "van", with_events=True), LineBuffer()
    output.bind(CHANNEL)
    session = Session(1, None, "van", "main", "main", open=True, duration_s=2.5)
    urgent = []
    over, health = replace(session, open=False, outcome="stopped"), Point("battery_use", {}, {"x": 1.0}, 7)
    rows: tuple[SessionRow, ...] = (WORD, session, over, health)
    for row in rows:
        lines.clear()
        output.add_session(row, 7, "can0", lines)
        urgent.append(lines.urgent)
    lines.clear()
    output.add_event(EVENT, 7, lines)
    assert (urgent, lines.urgent) == ([False, False, True, True], True)
