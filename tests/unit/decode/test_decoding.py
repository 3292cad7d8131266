"""What `decode` does with logs and databases, apart from its command line."""

import gzip
import shutil
import struct
from pathlib import Path

import pytest

from telemetry.decode.channels import Database
from telemetry.decode.decoder import Decoder
from telemetry.decode.output import OutputPiece
from telemetry.errors import InputMissingError
from telemetry.ledger import add, frames_in_flight, total
from telemetry.model.ids import IsoTpId
from telemetry.stages.formats import OutputFormat
from tests.support.log_decoders import log_decoder, pieces_of, text_of

DATA = Path(__file__).parents[2] / "data"
DRIVE = Database(DATA / "drive.dbc")


def decode(
    log: Path, *databases: Database, output_format: OutputFormat = OutputFormat.CSV
) -> tuple[str, Decoder]:
    decoder = log_decoder(databases, output_format, vehicle="car 7")
    return (decoder.header + text_of(pieces_of(decoder, [log]))).decode(), decoder


def test_frames_of_one_stamp_keep_it_in_csv_and_are_kept_apart_in_line_protocol_over_all_logs_and_threads(
    tmp_path: Path,
) -> None:
    log = tmp_path / "coarse.log"
    log.write_text("(1.0) can0 100#AC0F39FDCB400003\n" * 3)
    csv, _ = decode(log, DRIVE)
    assert {row.split(",")[0] for row in csv.splitlines()[1:]} == {"1000000000"}
    decoder = decoder_of(OutputFormat.LINE_PROTOCOL, batch_frames=2, jobs=3)
    again = Path(shutil.copy(log, tmp_path / "again.log"))
    lines = text_of(pieces_of(decoder, [log, again])).splitlines()
    assert [int(line.rpartition(b" ")[2]) for line in lines] == list(range(10**9, 10**9 + 6))


def test_a_channel_without_a_database_gives_no_rows_but_a_warning() -> None:
    text, decoder = decode(DATA / "drive.log", Database(DATA / "drive.dbc", "can1"))
    assert {row.split(",")[1] for row in text.splitlines()[1:]} == {"can1"}
    assert "can0: no database (--dbc can0=FILE)" in decoder.warnings()


def test_a_database_for_a_channel_that_never_comes_is_a_warning() -> None:
    _, decoder = decode(DATA / "drive.log", DRIVE, Database(DATA / "drive.dbc", "can9"))
    assert "can9: has a database, but no frames" in decoder.warnings()


def test_what_is_left_out_is_reported_by_reason() -> None:
    _, decoder = decode(DATA / "drive.log", DRIVE)
    assert decoder.warnings() == [
        "frames left out (error frame): 1",
        "frames left out (remote frame): 1",
        "values left out (short frame): 2",
        "values left out (not a number): 2",
        "values left out (unknown multiplexer value): 1",
    ]
    assert decoder.summary() == "15 frames: 12 decoded, 1 in no database"


def test_each_channel_has_its_own_j1939_senders(tmp_path: Path) -> None:
    database, log = tmp_path / "j1939.dbc", tmp_path / "two.log"
    database.write_text(
        'VERSION ""\nBU_: X\nBO_ 2566844672 Speed: 8 X\n SG_ Value : 0|8@1+ (1,0) [0|0] "" X\n'
    )  # 0x98FEF100: PGN FEF1 of any sender
    log.write_text("(1.0) can0 18FEF105#01\n(2.0) can1 18FEF107#02\n(3.0) can0 18FEF107#03\n")
    decoder = log_decoder([Database(database)], OutputFormat.LINE_PROTOCOL, vehicle="car", j1939=True)
    text = text_of(pieces_of(decoder, [log])).decode()
    found = [line.split(" ")[0].split(",") for line in text.splitlines()]
    assert [sorted(tags) for _, *tags in found] == [
        ["sa=05", "source=can0", "vehicle=car"],
        ["sa=07", "source=can1", "vehicle=car"],
        ["sa=07", "source=can0", "vehicle=car"],
    ]


@pytest.mark.parametrize("output_format", [OutputFormat.CSV, OutputFormat.WIDE_CSV])
def test_a_value_that_is_not_finite_is_left_out_and_reported(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    (tmp_path / "huge.dbc").write_text(
        'VERSION ""\nBU_: X\nBO_ 256 Huge: 8 X\n SG_ Value : 0|64@1- (100,0) [0|0] "" X\n'
        "SIG_VALTYPE_ 256 Value : 2;\n"
    )
    payloads = [struct.pack("<d", value).hex() for value in (1e307, 1e304)]
    (tmp_path / "huge.log").write_text("".join(f"(1.0) can0 100#{payload}\n" for payload in payloads))
    text, decoder = decode(
        tmp_path / "huge.log", Database(tmp_path / "huge.dbc"), output_format=output_format
    )
    assert [float(row.split(",")[-1]) for row in text.splitlines()[1:]] == [pytest.approx(1e306)]
    assert decoder.warnings() == ["values left out (not finite): 1"]
    decoder = log_decoder([Database(tmp_path / "huge.dbc")], OutputFormat.LINE_PROTOCOL, accounts=True)
    pieces = pieces_of(decoder, [tmp_path / "huge.log"])  # a row without a value is no point
    assert text_of(pieces).count(b"\n") == add(*(piece.counts for piece in pieces))["points/made/Huge"] == 1


def test_progress_is_reported_in_bytes_and_frames() -> None:
    decoder = log_decoder([DRIVE], OutputFormat.CSV, batch_frames=10)
    reports = [piece.progress for piece in pieces_of(decoder, [DATA / "drive.log"])]
    assert [report.count for report in reports] == [0, 10, 15, 15, 15]  # opened, …, at the end
    assert reports[-1].bytes_read == reports[-1].total_bytes == (DATA / "drive.log").stat().st_size


# What a recording that was cut into three says of itself must be what the whole says: a session of ISO-TP (id
# 100) and a stamp that comes three times lie across the cuts.
CUT = (
    [
        "(1.0) can0 100#AC0F39FDCB400003",
        "(2.0) can0 200#01",
        "(2.0) can1 101#0102030405060708",
        "(2.5) can0 7E8#100A4112AC0F39FD",
    ],
    ["(2.6) can0 7E8#21CB400003", "no frame", "(3.0) can0 100#AC0F39FDCB400003"],
    [
        "(3.0) can0 100#AC0F39FDCB400003",
        "(3.0) can0 100#AC0F39FDCB400003",
        "(4.0) can0 7E8#100A4112AC0F39FD",
        "x",
    ],
)
FORMATS = list(OutputFormat)


def cut_logs(folder: Path) -> list[Path]:
    paths = [folder / "1.log", folder / "2.log.gz", folder / "3.LOG"]
    for path, lines in zip(paths, CUT, strict=True):
        content = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return paths


def decoder_of(
    output_format: OutputFormat, *, batch_frames: int, jobs: int = 1, done: int = 0, is_strict: bool = False
) -> Decoder:
    return log_decoder(
        [DRIVE],
        output_format,
        isotp=[IsoTpId(0x7E8)],
        batch_frames=batch_frames,
        jobs=jobs,
        accounts=True,
        done=done,
        is_strict=is_strict,
    )


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_recording_cut_into_logs_gives_what_the_whole_gives(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.log"
    whole.write_text("".join(f"{line}\n" for lines in CUT for line in lines))
    as_one = text_of(pieces_of(decoder_of(output_format, batch_frames=4096), [whole]))
    decoder = decoder_of(output_format, batch_frames=4096)
    assert text_of(pieces_of(decoder, cut_logs(tmp_path))) == as_one
    assert decoder.summary() == "9 frames: 5 decoded, 2 in transport sessions, 1 in no database"
    assert "transport sessions without a message (unfinished): 1" in decoder.warnings()


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
@pytest.mark.parametrize("batch_frames", [1, 2, 5, 4096])
def test_the_output_is_the_same_whatever_batch_size_and_number_of_jobs(
    output_format: OutputFormat, jobs: int, batch_frames: int, tmp_path: Path
) -> None:
    logs = [*cut_logs(tmp_path), DATA / "drive.log"]
    reference = decoder_of(output_format, batch_frames=3)
    text = text_of(pieces_of(reference, logs))
    decoder = decoder_of(output_format, batch_frames=batch_frames, jobs=jobs)
    assert text_of(pieces_of(decoder, logs)) == text
    assert decoder.warnings() == reference.warnings()
    assert decoder.summary() == reference.summary()


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_accounts_of_every_piece_balance(jobs: int, tmp_path: Path) -> None:
    logs = [*cut_logs(tmp_path), DATA / "drive.log"]
    accounts: dict[str, int] = {}
    for piece in pieces_of(decoder_of(OutputFormat.LINE_PROTOCOL, batch_frames=2, jobs=jobs), logs):
        points = piece.text.count(b"\n")
        assert total(piece.counts, "points/made/") == piece.lines == points
        accounts = add(accounts, piece.counts)
        assert frames_in_flight(accounts, "logs") == 0
    assert accounts["bus/logs/read"] == 9 + 2 + 15 + 1  # frames and damaged lines of both
    assert accounts["frames/logs/lost/damaged"] == 3
    assert accounts["frames/logs/lost/incomplete_session"] == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_decode_goes_on_after_any_frame_as_if_it_had_never_stopped(jobs: int, tmp_path: Path) -> None:
    logs = [*cut_logs(tmp_path), DATA / "drive.log"]
    every_frame = pieces_of(decoder_of(OutputFormat.LINE_PROTOCOL, batch_frames=1), logs)
    whole = text_of(every_frame)
    for done in range(1, 25):
        before = text_of([piece for piece in every_frame if piece.frames <= done])
        pieces = pieces_of(decoder_of(OutputFormat.LINE_PROTOCOL, batch_frames=4, jobs=jobs, done=done), logs)
        assert done in [piece.frames for piece in pieces]  # a piece ends exactly there
        assert text_of([piece for piece in pieces if piece.frames <= done]) == b""
        assert before + text_of(pieces) == whole


def test_where_each_error_ends_all_a_log_that_is_not_there_does_so_after_what_comes_before_it(
    tmp_path: Path,
) -> None:
    decoder = decoder_of(OutputFormat.CSV, batch_frames=2, jobs=3, is_strict=True)
    seen: list[OutputPiece] = []
    missing = tmp_path / "missing.log"
    with decoder.pieces([DATA / "drive.log", missing]) as pieces, pytest.raises(InputMissingError):
        seen.extend(pieces)
    alone = decoder_of(OutputFormat.CSV, batch_frames=2)
    assert text_of(seen) == text_of(pieces_of(alone, [DATA / "drive.log"]))
