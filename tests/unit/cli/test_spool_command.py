"""`nev-telemetry spool …` on real files."""

import json
import os
import stat
import time
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.cli import spool as spool_command
from telemetry.clock import Clock
from telemetry.errors import StorageError
from telemetry.spool import Spool, SpoolLimits
from tests.support.command import failed, printed, refused
from tests.support.spool import Feed, batch, drained_points

LINES = [f"battery,vehicle=a soc_pct={n} {n}" for n in range(6)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two batches that wait, and a third whose three lines are dead letters, one of them without a time."""
    directory = tmp_path / "spool"
    spool = Spool(directory, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    feed = Feed(spool)
    for _ in range(2):
        feed.put()
    feed.put(1)
    feed.store(2, boot_id="1" * 32)
    assert spool.next_live() is None  # of a boot that is over: dead now
    entries = [spool.next_backlog() for _ in range(3)]
    assert entries[2]
    spool.refuse(entries[2].sequence, b"battery bad=1 6\n", reason="parse", words="unable to parse")
    spool.acknowledge(entries[2].sequence)
    spool.close()
    return directory


def test_list_shows_what_waits_and_the_dead_letters(directory: Path) -> None:
    output = printed("spool", "list", directory)
    assert output.startswith("6 points wait")
    assert "000000000000000.0.segment" in output
    assert "unable to parse" in output
    assert "no_time" in output
    content = json.loads(printed("spool", "list", "--json", directory))
    assert content["waiting_points"] == 6
    assert {letter["letter"]["reason"] for letter in content["dead_letters"]} == {"parse", "no_time"}


def test_list_shows_what_was_open_when_the_last_batch_was_stored(tmp_path: Path) -> None:
    spool = Spool(tmp_path, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    state = {"bay-1": b"x" * 1200, "bay-2": b"y" * 7}
    spool.append(batch(0), accounts={}, positions={}, state=state)
    spool.close()
    assert "open, or held, when the last batch was stored: bay-1 (1,200 bytes), bay-2 (7 bytes)" in printed(
        "spool", "list", tmp_path
    )
    assert json.loads(printed("spool", "list", "--json", tmp_path))["state_bytes"] == {
        "bay-1": 1200,
        "bay-2": 7,
    }


def test_export_writes_line_protocol(
    directory: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["spool", "export", str(directory)]) == 0
    assert capsysbinary.readouterr().out.decode().splitlines() == LINES
    file = tmp_path / "lines"
    assert main(["spool", "export", "--dead", "-o", str(file), str(directory)]) == 0
    assert file.read_text() == "battery bad=1 6\n"
    assert b"2 points whose stamps count from a boot" in capsysbinary.readouterr().err
    assert main(["spool", "export", "-o", str(tmp_path / "no" / "where"), str(directory)]) == 74


def test_verify_ends_with_65_when_points_are_lost(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed("spool", "verify", directory) == "6 points wait, 0 are lost by damage\n"
    (segment,) = directory.glob("*.segment")
    content = bytearray(segment.read_bytes())
    content[5] ^= 1
    segment.write_bytes(content)
    assert main(["spool", "verify", str(directory)]) == 65
    output = capsys.readouterr().out
    assert f"{segment.name}: records are missing (3 points)\n" in output
    assert output.endswith("3 points wait, 3 are lost by damage\n")


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        (-1, "{name}: is cut short: {last} bytes are there, of {whole} at least (3 points)"),
        (20, "{name}: records are missing at its end, 20 bytes of them are there (3 points)"),
        (0, "{name}: records are missing at its end (3 points)"),
    ],
)
def test_verify_of_a_shortened_segment_says_what_is_there_and_what_is_missing(
    tmp_path: Path, kept: int, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """kept: bytes of the second of two records, whose points wait."""
    spool = Spool(tmp_path, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    feed, sizes = Feed(spool), []
    for _ in range(2):
        feed.store()
        (segment,) = tmp_path.glob("*.segment")
        sizes.append(segment.stat().st_size)
    spool.close()
    first, whole = sizes
    os.truncate(segment, kept + (whole if kept < 0 else first))
    assert main(["spool", "verify", str(tmp_path)]) == 65
    expected = found.format(name=segment.name, last=whole - 1, whole=whole)
    assert capsys.readouterr().out == f"{expected}\n3 points wait, 3 are lost by damage\n"
    os.truncate(segment, first - 1)
    assert main(["spool", "verify", str(tmp_path)]) == 65
    assert capsys.readouterr().out == (
        f"{tmp_path}: segments are missing; no whole record is in {segment.name} (6 points)\n"
        "0 points wait, 6 are lost by damage\n"
    )


def test_requeue_hands_letters_over_to_the_next_who_opens_the_spool(directory: Path) -> None:
    assert "1 points are handed over" in printed("spool", "requeue", "--reason", "parse", directory)
    assert "--boot-time" in failed(65, "spool", "requeue", "--all", directory)
    assert main(["spool", "requeue", "--all", "--boot-time", "1970-01-01T00:00:01Z", str(directory)]) == 0
    spool = Spool(directory, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    spool.commit()
    assert drained_points(spool) == [0, 1, 2, 3, 4, 5]  # among which there may be newer rows
    spool.commit()
    assert drained_points(spool) == [6, 1_000_000_007, 1_000_000_008]
    assert spool.counters()["points/dead"] == 0
    spool.close()


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["requeue"], 64, "nothing to requeue"),
        (["requeue", "nobody"], 64, "no such dead letter"),
        (["requeue", "--reason", "prase"], 64, "--reason: no dead letter has the reason 'prase' (there are "),
        (["requeue", "--boot-time", "2026-01-01T00:00:00"], 64, "no time zone"),
        (["requeue", "--boot-time", "yesterday"], 64, "is not a time"),
    ],
)
def test_a_requeue_that_makes_no_sense_is_one_line(
    directory: Path, words: list[str], code: int, complaint: str
) -> None:
    assert complaint in refused(code, "spool", *words[:1], directory, *words[1:])


def test_a_directory_that_holds_no_spool_is_one_line(tmp_path: Path) -> None:
    assert "holds no spool" in failed(66, "spool", "list", tmp_path)


def test_nobody_else_can_read_a_spool(directory: Path) -> None:
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for path in directory.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_directory_that_others_may_enter_is_closed_unless_it_holds_something_else(tmp_path: Path) -> None:
    open_directory = tmp_path / "open"
    open_directory.mkdir(mode=0o755)
    Spool(open_directory, clock=Clock()).close()
    assert stat.S_IMODE(open_directory.stat().st_mode) == 0o700
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "thesis.txt").touch()
    with pytest.raises(StorageError, match=r"thesis\.txt in it is not the spool's"):
        Spool(shared, clock=Clock())
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_spool_command_without_an_action_is_one_line() -> None:
    assert "ACTION" in failed(64, "spool")


def test_a_list_is_a_table_of_segments_and_of_dead_letters(directory: Path) -> None:
    (segment,) = directory.glob("*.segment")
    os.utime(segment, (time.time() - 7300.0,) * 2)
    lines = printed("spool", "list", directory).splitlines()
    size = segment.stat().st_size
    assert lines[0] == f"6 points wait, {size / 1e6:.1f} MB; last batch 4"
    assert lines[2].split() == ["segment", "bytes", "waiting", "written"]
    assert lines[3].split() == [segment.name, f"{size:,}", "6", "2", "h", "ago"]
    heads = [line for line in lines if line.startswith("dead letter")]
    assert [head.split()[:4] for head in heads] == [["dead", "letter", "points", "stored"]]
    assert any(line.endswith("unable to parse") for line in lines)


@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        (0.0, "0 s ago"),
        (119.0, "119 s ago"),
        (120.0, "2 min ago"),
        (7199.0, "120 min ago"),
        (7200.0, "2 h ago"),
        (172_799.0, "48 h ago"),
        (172_800.0, "2 d ago"),
    ],
)
def test_an_age_has_the_unit_that_fits_it(age_s: float, words: str) -> None:
    assert spool_command._age(age_s) == words
