"""Where a command writes its result: what was there stays until there is one, and nothing empty is left."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from telemetry.cli.output import writing_to
from telemetry.errors import DataError, StorageError, UsageError
from tests.support.command import command, failed

DATA = Path(__file__).parents[2] / "data"


def fail(file: Path, written: bytes = b"") -> None:
    def write() -> None:
        with writing_to(file, []) as stream:
            stream.write(written)
            stream.flush()
            raise DataError("is no log")

    with pytest.raises(DataError):
        write()


def test_what_is_written_is_in_the_file_and_in_place_of_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"an earlier result, which is longer")
    with writing_to(file, []) as stream:
        assert file.read_bytes().startswith(b"an earlier")
        stream.write(b"rows\n")
    assert file.read_bytes() == b"rows\n"
    with writing_to(file, []):
        pass
    assert file.read_bytes() == b""


def test_after_an_error_a_new_file_without_a_byte_is_not_left(tmp_path: Path) -> None:
    fail(tmp_path / "rows.csv")
    assert list(tmp_path.iterdir()) == []


def test_after_an_error_a_file_with_rows_or_an_old_one_stays(tmp_path: Path) -> None:
    new, old, old_empty = (tmp_path / name for name in ("new", "old", "old_empty"))
    old.write_bytes(b"earlier")
    old_empty.touch()
    fail(new, b"rows\n")
    fail(old)
    fail(old_empty)
    assert (new.read_bytes(), old.read_bytes(), old_empty.read_bytes()) == (b"rows\n", b"earlier", b"")


def test_after_an_error_a_link_and_what_it_leads_to_stay(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "rows")
    fail(link)
    assert link.is_symlink()


def test_a_pipe_is_written_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with writing_to(pipe, []) as stream:
            stream.write(b"rows\n")
        assert os.read(reader, 100) == b"rows\n"
        fail(pipe)
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_without_a_file_it_is_stdout_and_there_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BufferedWriter(written)))
    with writing_to(None, []) as stream:
        stream.write(b"rows\n")
    assert written.getvalue() == b"rows\n"


def test_a_file_that_is_read_is_not_written_by_whatever_name(tmp_path: Path) -> None:
    log, other = tmp_path / "drive.log", tmp_path / "other"
    log.write_bytes(b"frames")
    other.hardlink_to(log)
    with pytest.raises(UsageError, match="is a file that is to be read"), writing_to(other, [log]):
        pass
    assert log.read_bytes() == b"frames"


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written: Is a directory"), writing_to(tmp_path, []):
        pass


def test_a_reader_that_has_gone_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), writing_to(tmp_path / "rows", []):
        raise BrokenPipeError


TEXTS = {
    "config.toml": 'vehicle = "v"\n[[can]]\nname = "can0"\ninterface = "can0"\ndatabases = ["drive.dbc"]\n',
    "meters.toml": (
        'vehicle = "v"\n[[serial]]\nname = "meter"\nport = "/dev/ttyUSB0"\n'
        'protocol = "modbus"\nregisters = "map.toml"\n'
    ),
    "map.toml": 'title = "meter"\n[[register]]\nname = "volts"\nregister = 0\n',
    "protect.toml": '[[protect]]\nmessage = "PackState"\nprofile = "counter"\ncounter = "StateOfCharge"\n',
    "vin.dbc": 'BO_ 256 Car: 8 X\n SG_ VIN : 0|64@1+ (1,0) [0|0] "" X\n',
    **{name: (DATA / name).read_text() for name in ("drive.log", "drive.dbc", "jbd.txt")},
}
BY_MAP = ["--protocol", "modbus", "--registers", "map.toml"]


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["decode", "drive.log", "--dbc", "drive.dbc"], ["drive.log", "drive.dbc"]),
        (["decode", "drive.log", "--dbc", "drive.dbc", "--protect", "protect.toml"], ["protect.toml"]),
        (["decode", "drive.log", "--config", "config.toml"], ["config.toml", "drive.dbc"]),
        (["decode", "jbd.txt", "--config", "meters.toml"], ["jbd.txt", "meters.toml", "map.toml"]),
        (["decode", "jbd.txt", *BY_MAP], ["map.toml"]),
        (["scrub", "drive.log", "--dbc", "vin.dbc"], ["drive.log", "vin.dbc"]),
        (["scrub", "jbd.txt", *BY_MAP], ["jbd.txt", "map.toml"]),
    ],
)
def test_a_command_writes_over_nothing_that_it_reads(
    words: list[str], read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in TEXTS.items():
        Path(name).write_text(text)
    for name in read:
        assert f"{name}: is a file that is to be read (give another --output)" in failed(
            64, *words, "-o", name
        )
    assert {name: Path(name).read_text() for name in TEXTS} == TEXTS


@pytest.mark.parametrize(
    "words",
    [
        ["decode", "drives.zip:drive.log", "--dbc", "drive.dbc", "-o"],
        ["look", "drives.zip:drive.log", "--report"],
        ["scrub", "./drives.zip:drive.log", "-o"],
    ],
)
def test_a_command_writes_over_no_archive_whose_member_it_reads(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("drive.dbc").write_text(TEXTS["drive.dbc"])
    with zipfile.ZipFile("drives.zip", "w") as archive:
        archive.writestr("drive.log", TEXTS["drive.log"])
    before = Path("drives.zip").read_bytes()
    assert "drives.zip: is a file that is to be read" in failed(64, *words, "drives.zip")
    assert Path("drives.zip").read_bytes() == before


PCAP = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + bytes(12) + b"\xe3\x00\x00\x00"


@pytest.mark.parametrize(
    ("name", "held", "what"),
    [
        ("mine.pcap", PCAP, "a recording"),
        ("drive.txt", TEXTS["drive.log"].encode(), "a recording"),
        ("drive.gz", gzip.compress(TEXTS["drive.log"].encode()), "a recording"),
        ("table.csv", b"Time,Addr,Bus,Data\n1.5,256,0,0x00\n", "a recording"),
        ("bms.csv", TEXTS["jbd.txt"].encode(), "a recording"),
        ("other.dbc", TEXTS["drive.dbc"].encode(), "a database"),
    ],
)
@pytest.mark.parametrize("words", [["decode", "-o"], ["look", "--report"], ["scrub", "-o"]])
def test_a_command_writes_over_no_other_recording_and_no_database(
    words: list[str], name: str, held: bytes, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("drive.log").write_text(TEXTS["drive.log"])
    Path("vin.dbc").write_text(TEXTS["vin.dbc"])
    Path(name).write_bytes(held)
    line = failed(64, words[0], "drive.log", "--dbc", "vin.dbc", words[1], name)
    assert f"{name}: is {what}, and is not written over (give another --output, or remove it first)" in line
    assert Path(name).read_bytes() == held


@pytest.mark.parametrize(
    "words",
    [
        *(["decode", "--format", name, "-o"] for name in ("csv", "lp", "ndjson")),
        ["decode", "--unknown", "-o"],
        ["look", "--report"],
    ],
    ids=" ".join,
)
def test_an_earlier_result_is_replaced_whatever_its_name(words: list[str], tmp_path: Path) -> None:
    output = tmp_path / "out.log"
    again = [words[0], DATA / "drive.log", "--dbc", DATA / "drive.dbc", *words[1:], output]
    assert command(*again).returncode == 0
    result = output.read_bytes()
    output.write_bytes(result + b"earlier")
    assert command(*again).returncode == 0
    assert output.read_bytes() == result
