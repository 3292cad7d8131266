"""A charge through the stages: its rows and events as lines, as text, for an observer, for a sink."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from telemetry_core.decode.unmatched import UnmatchedIds
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import SessionRow
from telemetry.charging.session import Session
from telemetry.config import load_config
from telemetry.model.events import Event
from telemetry.model.read_point import ReadPoint, read_point
from telemetry.stages.binding import Binding, BoundChannel
from telemetry.stages.formats import OutputFormat, TimeForm
from telemetry.stages.output import Output
from telemetry.stages.prepare import Composition, compose
from telemetry.stages.stages import Stages
from tests.support.charge_lives import charge, config_of

START_NS = 1_772_445_600_000_000_000
SHIFT_NS = 3_600_000_000_000
BAY = "bay-1"


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Composition:
    """Return the composition of one GB/T 27930 bus, whose messages are wanted too."""
    return compose(load_config(config_of(tmp_path_factory.mktemp("stages"), [BAY])))


class Watching:
    """An observer that keeps what it is shown."""

    def __init__(self) -> None:
        self.events: list[tuple[Event, int]] = []
        self.sessions: list[tuple[Session, int]] = []
        self.bound: list[tuple[int, str, str, int]] = []
        self.frames = self.rows = 0

    def start(
        self,
        schema: Schema,
        counted: Mapping[str, frozenset[str]],
        unmatched: UnmatchedIds,
        bounds: Sequence[float],
    ) -> None:
        assert schema.specs
        assert not bounds
        assert set(counted) == {"main"}
        assert not unmatched.is_counting
        unmatched.is_counting = True
        self.unmatched = unmatched

    def bind(self, channel: int, *, source: str, tag: str, tags: Mapping[int, Mapping[str, str]]) -> None:
        self.bound.append((channel, source, tag, len(tags)))

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:
        self.frames += len(frames)
        self.rows += len(samples)

    def observe_kept(self, samples: SampleBatch) -> None:
        pytest.fail(f"nothing is left out of {samples}")

    def add_event(self, event: Event, time_ns: int) -> None:
        self.events.append((event, time_ns))

    def add_session(self, session: Session, time_ns: int) -> None:
        self.sessions.append((session, time_ns))


class Sink(Output):
    """Keeps what it is given."""

    left_out = 7

    def __init__(self) -> None:
        self.schemas: list[Schema] = []
        self.bound: list[BoundChannel] = []
        self.rows = 0
        self.events: list[tuple[Event, int]] = []
        self.sessions: list[tuple[SessionRow, str]] = []

    def start(self, schema: Schema) -> None:
        self.schemas.append(schema)

    def bind(self, channel: BoundChannel) -> None:
        self.bound.append(channel)

    def add(self, samples: SampleBatch, _lines: LineBuffer) -> None:
        self.rows += len(samples)

    def add_event(self, event: Event, time_ns: int, _lines: LineBuffer) -> None:
        self.events.append((event, time_ns))

    def add_session(self, row: SessionRow, _time_ns: int, tag: str, _lines: LineBuffer) -> str:
        self.sessions.append((row, tag))
        return ""


def feed(stages: Stages, lines: LineBuffer, *, shift_ns: int = 0, bus: int = 0) -> int:
    """Feed the charge to the stages, and return the stamp of its last frame."""
    stages.bind(bus, Binding(bus, f"bay-{bus + 1}", f"can{bus + 7}"))
    frames = FrameBatch(len(charge()))
    for time_ns, id, data in charge():
        frames.append(START_NS + time_ns, id, data, channel=bus)
    stages.process(frames, lines, shift_ns=shift_ns)
    return START_NS + charge()[-1][0]


def points(lines: LineBuffer) -> list[ReadPoint]:
    found = [read_point(line) for line in lines.take().splitlines()]
    return [point for point in found if point is not None]


REPLACING = {"charging_session", "charging_phase"}


def test_each_row_of_a_charge_is_counted_and_those_that_replace_others_may_go_into_lines_of_their_own(
    composition: Composition,
) -> None:
    stages, lines, replacing = composition.make_stages(), LineBuffer(), LineBuffer()
    stages.writing.output.replacing = replacing
    end_ns = feed(stages, lines)
    stages.writing.finish(lines, end_ns)
    assert (lines.overlaps, replacing.overlaps) == (False, True)
    others, rows = points(lines), points(replacing)
    assert {row.measurement for row in rows} == REPLACING | {"charger"}  # its phase in a word
    assert not REPLACING & {point.measurement for point in others}
    assert {"charging_curve", "charger", "event"} <= {point.measurement for point in others}
    counted = stages.counted()
    for measurement in ("charging_session", "charging_phase", "charging_curve", "event"):
        written = sum(point.measurement == measurement for point in (*others, *rows))
        assert counted[f"points/made/{measurement}"] == written > 0
    assert (rows[-1].tags["vehicle"], rows[-1].tags["charger"]) == ("van", BAY)


def test_without_lines_of_their_own_they_stand_among_the_others(composition: Composition) -> None:
    stages, lines = composition.make_stages(), LineBuffer()
    stages.writing.finish(lines, feed(stages, lines))
    assert lines.overlaps
    assert {point.measurement for point in points(lines)} >= REPLACING


def test_a_shift_moves_the_stamps_of_events_and_sessions_and_not_what_the_observer_sees(
    composition: Composition,
) -> None:
    stages, lines, watching = composition.make_stages(), LineBuffer(), Watching()
    stages.set_observer(watching)
    end_ns = feed(stages, lines, shift_ns=SHIFT_NS)
    (plug,) = stages.sessions.plugs_of(BAY)
    stages.sessions.finish(plug, end_ns, lines, shift_ns=SHIFT_NS)
    stamps = {point.time_ns for point in points(lines) if point.measurement in ("event", "charging_session")}
    assert min(stamps) >= START_NS + SHIFT_NS
    assert all(START_NS <= time_ns <= end_ns for _, time_ns in watching.events)
    assert len(watching.events) == stages.counted()["points/made/event"] > 0
    assert [session.open for session, _ in watching.sessions][-1] is False
    assert watching.sessions[0][0].open
    assert watching.frames == len(charge())
    assert watching.unmatched.found() == []
    stray = FrameBatch(1)
    stray.append(end_ns, 0x123, b"")
    stages.process(stray, lines)
    (unmatched,) = watching.unmatched.found()
    assert (unmatched.id, unmatched.frames) == (0x123, 1)
    assert watching.rows > len(charge()) / 2
    assert watching.bound == [(0, BAY, "can7", 256 + 2)]  # its senders, its pack, its charger


def test_what_ends_by_time_has_the_shift_of_its_source_and_not_of_the_one_that_was_written_last(
    tmp_path: Path,
) -> None:
    config = load_config(config_of(tmp_path, [BAY, "bay-2"]))
    stages, lines = compose(config).make_stages(), LineBuffer()
    for bus in (0, 1):
        end_ns = feed(stages, lines, shift_ns=bus * SHIFT_NS, bus=bus)
    for source, shift_ns in ((BAY, 0), ("bay-2", SHIFT_NS)):
        lines.clear()
        (plug,) = stages.sessions.plugs_of(source)
        stages.sessions.finish(plug, end_ns, lines, shift_ns=shift_ns)
        stamps = [point.time_ns - shift_ns for point in points(lines)]
        assert START_NS <= min(stamps) <= max(stamps) <= end_ns


def test_rows_that_have_waited_for_the_time_send_nothing_that_is_held(tmp_path: Path) -> None:
    """A plug that power shows may learn it from one source; rows of others still count from the boot."""
    loose = '[reduce]\nlongest_s = 3600\n[reduce.bounds]\n"*" = 1e9\n'
    stages, lines = compose(load_config(config_of(tmp_path, [BAY], loose))).make_stages(), LineBuffer()
    stages.bind(0, Binding(0, BAY, "can7"))
    (plug,) = stages.sessions.plugs_of(BAY)
    stages.sessions.write_rows(plug, False, lines)
    end_ns = feed(stages, lines, shift_ns=-START_NS)
    stages.sessions.finish(plug, end_ns, lines, shift_ns=-START_NS)
    later = FrameBatch(50)
    for time_ns, id, data in charge()[:50]:
        later.append(end_ns + SHIFT_NS + time_ns, id, data)
    stages.process(later, lines, shift_ns=-START_NS)
    lines.clear()
    pending = stages.writing.pending
    assert pending > 0
    stages.sessions.write_rows(plug, True, lines)
    rows = points(lines)
    assert {row.measurement for row in rows} == REPLACING | {"charging_curve"}
    assert min(row.time_ns for row in rows) >= START_NS
    assert stages.writing.pending == pending


def test_events_and_sessions_go_to_a_sink_and_no_line_is_written(composition: Composition) -> None:
    sink, lines = Sink(), LineBuffer()
    stages = composition.make_stages(sink)
    stages.writing.finish(lines, feed(stages, lines))
    assert lines.take() == b""
    assert len(sink.schemas) == len(sink.bound) == 1
    assert sink.rows > len(charge()) / 2
    assert len(sink.events) == stages.counted()["points/made/event"] > 0
    over = [row for row, _ in sink.sessions if isinstance(row, Session) and not row.open]
    assert len(over) == 1
    assert {tag for _, tag in sink.sessions} == {"can7"}
    assert "points/made/charging_session" not in stages.counted()
    assert stages.writing.output.left_out == 7


@pytest.mark.parametrize("form", TimeForm)
def test_as_csv_each_row_has_the_columns_of_the_header_and_the_time_that_is_asked_for(
    composition: Composition, form: TimeForm
) -> None:
    stages, lines = composition.make_stages(OutputFormat.CSV), LineBuffer()
    stages.writing.output.write_times(form, START_NS)
    end_ns = feed(stages, lines)
    stages.writing.finish(lines, end_ns)
    header, *rows = csv.reader((stages.writing.output.header + lines.take()).decode().splitlines())
    assert {len(row) for row in rows} == {len(header)}
    column = dict(zip(header, range(len(header)), strict=True))
    assert {row[column["channel"]] for row in rows} == {"can7"}
    of_sessions = [row for row in rows if "charging_session" in row]
    assert of_sessions
    assert any("event" in row for row in rows)
    first = {TimeForm.NS: "17724456", TimeForm.ISO: "2026-03-02T10:00:0", TimeForm.RELATIVE: "0."}[form]
    assert all(row[0].startswith(first) for row in of_sessions)
    one_form = {TimeForm.NS: r"\d{19}", TimeForm.ISO: r".*T.*Z", TimeForm.RELATIVE: r"\d+(\.\d{0,8}[1-9])?"}[
        form
    ]
    assert all(re.fullmatch(one_form, row[0]) for row in rows)


def test_as_ndjson_a_session_is_one_object_of_its_known_values(composition: Composition) -> None:
    stages, lines = composition.make_stages(OutputFormat.NDJSON), LineBuffer()
    end_ns = feed(stages, lines)
    stages.writing.finish(lines, end_ns)
    assert stages.writing.output.header == b""
    rows = [json.loads(line) for line in lines.take().splitlines()]
    last = [row for row in rows if row["message"] == "charging_session"][-1]
    assert (last["channel"], last["id"], last["signals"]["open"]) == ("can7", "", False)
    assert "" not in last["signals"].values()


def test_a_table_of_a_column_a_signal_has_no_rows_of_sessions(composition: Composition) -> None:
    stages, lines = composition.make_stages(OutputFormat.WIDE_CSV), LineBuffer()
    header = stages.writing.output.header
    end_ns = feed(stages, lines)
    stages.writing.finish(lines, end_ns)
    text = lines.take()
    columns = header.rstrip(b"\n").split(b",")
    assert header.endswith(b"\n")
    assert {len(row) for row in csv.reader(text.decode().splitlines())} == {len(columns)}
    assert b"charging_session" not in text
    assert "points/made/charging_session" not in stages.counted()


def test_a_channel_may_have_another_name_in_text_than_its_tag(composition: Composition) -> None:
    stages = composition.make_stages(OutputFormat.CSV)
    lines, frames = LineBuffer(), FrameBatch(1)
    stages.bind(0, Binding(0, BAY, "can7", channel="port 2"))
    frames.append(START_NS, charge()[0][1], charge()[0][2])
    stages.process(frames, lines)
    rows = list(csv.reader(lines.take().decode().splitlines()))
    assert any("port 2" in row for row in rows)
