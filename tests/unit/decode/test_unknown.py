"""`decode --unknown`, and the warning that leads to it."""

import contextlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

import telemetry
from telemetry.databases.build import build_plan
from telemetry.decode.channels import Database
from telemetry.decode.logs import Logs
from telemetry.decode.unknown import UnknownIds
from telemetry.errors import DataError
from telemetry.stages.formats import OutputFormat
from telemetry.stages.stages import Stages
from tests.support.command import command, noted
from tests.support.log_decoders import channels_of, log_decoder, pieces_of, text_of

DATA = Path(__file__).parents[2] / "data"
DATABASE = Database(DATA / "drive.dbc")


def unknown(log: Path, output: OutputFormat = OutputFormat.CSV) -> tuple[str, UnknownIds]:
    channels = channels_of([DATABASE])
    stages = Stages(build_plan(channels.databases).spec, None, vehicle="van", output=output)
    decoder = UnknownIds(stages, Logs(channels), output)
    with decoder.pieces([log]) as pieces:
        return (decoder.header + b"".join(piece.text for piece in pieces)).decode(), decoder


def test_the_ids_of_a_log_without_a_message_are_listed(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(
        "(1.0) can0 7DF#02010C\n(1.0) can0 100#AC0F39FDCB400003\n(1.5) can0 7DF#02010C0000000000\n"
        "(2.0) can1 18FF1234#\n(2.1) can0 123#R\n(3.0) can0 7DF#\n(4.0) can0 20000004#0000000000000000\n"
    )
    text, decoder = unknown(log)
    assert text == (
        "channel,id,frames,min_bytes,max_bytes,period_s\ncan0,7DF,3,0,8,1.0\ncan1,18FF1234,1,0,0,\n"
    )
    assert decoder.summary() == "7 frames: 4 of 2 ids without a message"
    objects = [json.loads(line) for line in unknown(log, OutputFormat.NDJSON)[0].splitlines()]
    assert objects == [
        {"channel": "can0", "id": "7DF", "frames": 3, "min_bytes": 0, "max_bytes": 8, "period_s": 1.0},
        {"channel": "can1", "id": "18FF1234", "frames": 1, "min_bytes": 0, "max_bytes": 0, "period_s": None},
    ]


def test_all_frames_are_of_a_listed_id_or_of_a_message(tmp_path: Path) -> None:
    """Counted in the text of the log, by the ids of the database."""
    log = tmp_path / "a.log"
    ids = [f"{index * 37 % 0x300:03X}" for index in range(20_000)]
    log.write_text("".join(f"({index}.0) can0 {id}#00\n" for index, id in enumerate(ids)))
    known = {int(number) for number in re.findall(r"^BO_ (\d+)", DATABASE.file.read_text(), re.MULTILINE)}
    expected = {id: count for id, count in Counter(ids).items() if int(id, 16) not in known}
    rows = [row.split(",") for row in unknown(log)[0].splitlines()[1:]]
    assert {row[1]: int(row[2]) for row in rows} == expected


def test_a_part_of_a_log_may_hold_no_known_message_or_no_frame(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("(1.0) can0 100#AC0F39FDCB400003\n" + "(2.0) can0 7DF#00\n" * 9)
    words = ["decode", log, "--dbc", DATABASE.file]
    assert "0 of 9 frames have a known message" in noted(*words, "--from", "+1")
    said = command(*words, "--from", "+2")
    assert said.returncode == 0
    assert said.stdout == "time_ns,channel,id,message,signal,value\n"
    assert said.stderr == "warning: no frame between the bounds of time; what was read lasts 1.0 s\n"


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("output", [OutputFormat.CSV, OutputFormat.LINE_PROTOCOL, OutputFormat.NDJSON])
def test_pieces_of_a_log_are_refused_only_where_none_of_them_has_a_known_message(
    tmp_path: Path, output: OutputFormat, jobs: int
) -> None:
    """The known frame of the one piece has a row whatever comes before and after it."""
    known, unknown, other = (tmp_path / f"{name}.log" for name in ("known", "unknown", "other"))
    known.write_text("(2.0) can0 100#AC0F39FDCB400003\n")
    unknown.write_text("(1.0) can0 7DF#00\n" * 3)
    other.write_text("(3.0) can1 7DE#00\n" * 2)

    def decoded(*logs: Path) -> bytes:
        return text_of(pieces_of(log_decoder([DATABASE], output, jobs=jobs), logs))

    alone = decoded(known)
    assert alone
    for pieces in [(known, unknown), (unknown, known), (unknown, known, other)]:
        assert decoded(*pieces) == alone
    for pieces, words in [
        ((unknown,), f"{unknown}: holds 3 frames, and no known message"),
        ((unknown, other), f"{unknown} and 1 more: hold 5 frames, and no known message"),
    ]:
        with pytest.raises(DataError, match=re.escape(words)) as refused:
            decoded(*pieces)
        assert refused.value.exit_code == 65


@pytest.mark.parametrize("done", [0, 100])
def test_a_database_that_fits_no_frame_is_refused_where_no_earlier_frame_was_decoded_before(
    tmp_path: Path, done: int
) -> None:
    log = tmp_path / "a.log"
    log.write_text("(1.0) can0 7DF#00\n" * 199)
    decoder = log_decoder([DATABASE], OutputFormat.LINE_PROTOCOL, done=done)
    refused = pytest.raises(DataError, match="holds 199 frames, and no known message")
    with contextlib.nullcontext() if done else refused:
        assert text_of(pieces_of(decoder, [log])) == b""


@pytest.mark.parametrize(("known", "warned"), [(1, True), (2, False)])
def test_a_database_that_fits_less_than_1_percent_of_the_frames_is_doubted(
    tmp_path: Path, known: int, warned: bool
) -> None:
    log = tmp_path / "a.log"
    log.write_text("(1.0) can0 7DF#00\n" * (199 - known) + "(1.0) can0 100#AC0F39FDCB400003\n" * known)
    decoder = log_decoder([DATABASE], OutputFormat.CSV)
    pieces_of(decoder, [log])
    expected = (
        f"{known} of 199 frames have a known message: are databases and protocol those of this bus? "
        "(scan --log finds what fits, decode --unknown lists the ids without one)"
    )
    assert (expected in decoder.warnings()) == warned


def test_frames_of_messages_without_signals_are_told_apart_wherever_logs_are_read(tmp_path: Path) -> None:
    """Three frames of a message with a signal, nine of one without, one of no message: counted by hand."""
    log, database = tmp_path / "a.log", tmp_path / "a.dbc"
    database.write_text(
        'VERSION ""\nBU_: X\nBO_ 1 Full: 8 X\n SG_ Level : 0|8@1+ (1,0) [0|0] "" X\nBO_ 2 Hollow: 8 X\n'
    )
    ids = (1, 2, 2, 2, 1, 2, 2, 2, 1, 2, 2, 2, 3)
    log.write_text("".join(f"({1700000000 + index}.0) can0 {id:03X}#07\n" for index, id in enumerate(ids)))
    words = "9 of 13 frames gave no value: the database names their messages, and no signal of them"
    assert f"warning: {words}\n" in noted("decode", log, "--dbc", database)
    assert f"{words}\n" in noted("signals", log, database)
    with pytest.warns(UserWarning, match=words):
        assert len(telemetry.read(log, databases=database)["Full"]) == 3
    decoder = log_decoder([Database(database)], OutputFormat.CSV)
    pieces_of(decoder, [log])
    assert decoder.summary() == "13 frames: 3 decoded, 9 of messages without signals, 1 in no database"
    chosen = noted("decode", log, "--dbc", database, "--signal", "Level")
    assert "gave no value" not in chosen
    assert "gave no value" not in noted("signals", log, database, "--signal", "Level")
