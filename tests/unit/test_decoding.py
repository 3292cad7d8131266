"""What `decode` does with logs and databases, apart from its command line."""

from pathlib import Path

import pytest

from telemetry.decode_output import OutputFormat
from telemetry.decoding import (
    NO_BUS,
    ChannelPlan,
    Database,
    LogDecoder,
    plan_channels,
)
from telemetry.protocols.dbc import build_plan

DATA = Path(__file__).parents[1] / "data"
DRIVE = Database(DATA / "drive.dbc")
A, B, C = Path("a.dbc"), Path("b.dbc"), Path("c.dbc")


def channels_of(*databases: Database) -> ChannelPlan:
    return plan_channels(databases, first_wins=False, j1939=False)


def decode(
    log: Path,
    *databases: Database,
    output_format: OutputFormat = OutputFormat.CSV,
    batch_frames: int = 4096,
) -> tuple[str, LogDecoder]:
    channels = channels_of(*databases)
    decoder = LogDecoder(
        build_plan(channels.databases).spec,
        channels,
        output_format,
        vehicle="car 7",
        batch_frames=batch_frames,
    )
    with decoder.pieces([log]) as pieces:
        text = b"".join(piece.text for piece in pieces)
    return (decoder.header + text).decode(), decoder


def test_a_database_without_a_channel_is_for_all() -> None:
    channels = channels_of(Database(A), Database(B))
    assert [bus.databases for bus in channels.databases] == [(A, B)]
    assert channels.bus_of("can0") == channels.bus_of("can7") == 0


def test_a_database_of_one_channel_is_added_to_those_of_all_in_the_order_given() -> None:
    channels = channels_of(Database(A, "can0"), Database(B), Database(C, "can0"))
    assert channels.databases[channels.bus_of("can0")].databases == (A, B, C)
    assert channels.databases[channels.bus_of("can1")].databases == (B,)


def test_a_channel_without_any_database_has_no_bus() -> None:
    assert channels_of(Database(A, "can0")).bus_of("can1") == NO_BUS
    assert channels_of().bus_of("can0") == NO_BUS


def test_options_reach_every_bus() -> None:
    channels = plan_channels([Database(A), Database(B, "can0")], first_wins=True, j1939=True)
    assert all(bus.first_wins and bus.j1939 for bus in channels.databases)


@pytest.mark.parametrize(
    ("output_format", "expected"),
    [(OutputFormat.CSV, "drive.csv"), (OutputFormat.LINE_PROTOCOL, "drive.lp")],
)
@pytest.mark.parametrize("batch_frames", [1, 3, 4096])
def test_the_output_is_the_same_whatever_the_batch_size(
    output_format: OutputFormat, expected: str, batch_frames: int
) -> None:
    text, _ = decode(DATA / "drive.log", DRIVE, output_format=output_format, batch_frames=batch_frames)
    assert text == (DATA / expected).read_text()


def test_frames_of_one_stamp_keep_it_in_csv_and_are_told_apart_in_line_protocol(tmp_path: Path) -> None:
    log = tmp_path / "coarse.log"
    log.write_text("(1.0) can0 100#AC0F39FDCB400003\n" * 3)
    csv, _ = decode(log, DRIVE)
    assert {row.split(",")[0] for row in csv.splitlines()[1:]} == {"1000000000"}
    lines, _ = decode(log, DRIVE, output_format=OutputFormat.LINE_PROTOCOL)
    stamps = [line.rpartition(" ")[2] for line in lines.splitlines()]
    assert stamps == ["1000000000", "1000000001", "1000000002"]


def test_a_channel_without_a_database_gives_no_rows_but_a_warning() -> None:
    text, decoder = decode(DATA / "drive.log", Database(DATA / "drive.dbc", "can1"))
    assert {row.split(",")[1] for row in text.splitlines()[1:]} == {"can1"}
    assert "can0: no database (--dbc can0=FILE)" in decoder.warnings()


def test_a_database_for_a_channel_that_never_comes_is_a_warning() -> None:
    _, decoder = decode(DATA / "drive.log", DRIVE, Database(DATA / "drive.dbc", "can9"))
    assert "can9: has a database, but no frames" in decoder.warnings()


def test_what_is_left_out_is_told_by_reason() -> None:
    _, decoder = decode(DATA / "drive.log", DRIVE)
    assert decoder.warnings() == [
        "frames left out (error frame): 1",
        "frames left out (remote frame): 1",
        "values left out (short frame): 2",
        "values left out (not a number): 2",
        "values left out (unknown multiplexer value): 1",
    ]
    assert decoder.summary() == "15 frames: 12 decoded, 1 in no database"


def test_progress_is_told_in_bytes_and_frames() -> None:
    channels = channels_of(DRIVE)
    decoder = LogDecoder(
        build_plan(channels.databases).spec, channels, OutputFormat.CSV, vehicle="", batch_frames=10
    )
    with decoder.pieces([DATA / "drive.log"]) as pieces:
        reports = [piece.progress for piece in pieces]
    assert [report.count for report in reports] == [0, 10, 15, 15, 15]  # opened, …, at the end
    assert reports[-1].bytes_read == reports[-1].total_bytes == (DATA / "drive.log").stat().st_size
