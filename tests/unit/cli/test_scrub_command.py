"""`nev-telemetry scrub` as people run it: what it writes, what it says, what it refuses."""

import gzip
import zipfile
from pathlib import Path

import can
import pytest

from telemetry.__main__ import main
from tests.support.command import command, refused
from tests.support.framing import vedirect_block

LOG = """(1700000000.000000) can0 7E8#1014490201574241
(1700000000.010000) can0 7E8#214C314E53504748
(1700000000.020000) can0 7E8#2239384E41303030
(1700000001.000000) can0 18FEF300#0011223344556677
(1700000002.000000) can0 123#0102
"""
PLAIN = "(1700000002.000000) can0 123#0102\n"
CAPTURE = f"(1.000000) mppt RX {vedirect_block({'SER#': 'HQ2209NEV01', 'V': '12', 'CS': '3'}).hex()}\n"
DBC = """VERSION ""
BS_:
BU_: GW
BO_ 291 Nav: 2 GW
 SG_ GPS_Latitude : 0|8@1+ (1,0) [0|255] "deg" GW
 SG_ Speed : 8|8@1+ (1,0) [0|255] "km/h" GW
"""


def run(*words: object) -> tuple[int, str, list[str]]:
    done = command("scrub", *words)
    return done.returncode, done.stdout, done.stderr.splitlines()


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_what_was_replaced_and_how_often_is_said(tmp_path: Path) -> None:
    output = tmp_path / "out.log"
    assert run(file(tmp_path, "drive.log", LOG), "-o", output) == (
        0,
        "",
        [f"{output}: 5 frames", "replaced: 1 VIN in 1 place, 1 position"],
    )
    assert output.read_text().splitlines()[0] == "(1700000000.000000) can0 7E8#1014490201534352"
    assert output.read_text().splitlines()[3] == "(1700000001.000000) can0 18FEF300#FFFFFFFFFFFFFFFF"


def test_nothing_replaced_is_said_too(tmp_path: Path) -> None:
    output = tmp_path / "out.log"
    code, _, lines = run(file(tmp_path, "drive.log", PLAIN), "-o", output)
    assert (code, lines) == (
        0,
        [f"{output}: 1 frame", "nothing was replaced: nothing was found that is known to identify"],
    )
    assert output.read_text() == PLAIN


def test_the_same_input_gives_the_same_output(tmp_path: Path) -> None:
    log = file(tmp_path, "drive.log", LOG)
    for name in ("a.log", "b.log"):
        run(log, "-o", tmp_path / name)
    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes()


def test_several_files_go_into_a_folder_each_under_its_name(tmp_path: Path) -> None:
    zipped = tmp_path / "second.log.gz"
    zipped.write_bytes(gzip.compress(PLAIN.encode()))
    with can.BLFWriter(tmp_path / "third.blf") as blf:
        blf.on_message_received(
            can.Message(timestamp=1.7e9, arbitration_id=0x123, data=[1, 2], is_extended_id=False)
        )
    files = [file(tmp_path, "bms.txt", CAPTURE), zipped, tmp_path / "third.blf", file(tmp_path, "x.asc", LOG)]
    code, _, lines = run(*files, "-o", tmp_path / "out")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "bms.txt",
        "second.log",
        "third.log",
        "x.asc",
    ]
    assert (tmp_path / "out" / "second.log").read_text() == PLAIN
    assert (tmp_path / "out" / "third.log").read_text().endswith("can0 123#0102\n")
    assert (tmp_path / "out" / "x.asc").read_text().startswith("date ")
    assert f"{files[0]}: mppt: taken for vedirect; --protocol says otherwise" in lines
    assert b"HQ2209NEV01" not in (tmp_path / "out" / "bms.txt").read_bytes()


def test_another_format_is_written_as_candump_and_said(tmp_path: Path) -> None:
    output = tmp_path / "out.blf"
    _, _, lines = run(file(tmp_path, "drive.log", PLAIN), "-o", output)
    assert lines[0] == f"warning: {output}: is candump, whatever its ending says"
    assert output.read_text() == PLAIN


def test_signals_of_a_database_are_named_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    output = tmp_path / "out.log"
    words = (file(tmp_path, "drive.log", PLAIN), "-o", output, "--dbc", file(tmp_path, "nav.dbc", DBC))
    _, _, lines = run(*words)
    assert lines == ["Nav: GPS_Latitude", f"{output}: 1 frame", "replaced: 1 position"]
    assert output.read_text() == PLAIN.replace("#0102", "#0002")


def test_a_database_without_anything_to_replace_is_warned_of_and_the_rest_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    output, harmless = tmp_path / "out.log", file(tmp_path, "a.dbc", DBC.replace("GPS_Latitude", "Altitude"))
    code, _, lines = run(file(tmp_path, "drive.log", LOG), "-o", output, "--dbc", harmless)
    words = "no signal is named as a VIN, serial number or position: nothing is replaced by it"
    assert (code, lines[0]) == (0, f"warning: {harmless}: {words}")
    assert lines[1:] == [f"{output}: 5 frames", "replaced: 1 VIN in 1 place, 1 position"]


def test_a_protocol_that_is_named_is_the_only_one_looked_for(tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    _, _, lines = run(file(tmp_path, "bms.txt", CAPTURE), "-o", output, "--protocol", "vedirect")
    assert lines == [f"{output}: 1 line", "replaced: 1 serial number in 1 place"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["none.log", "-o", "out.log"], 66, "none.log: No such file or directory"),
        (["drive.log", "-o", "drive.log"], 64, "drive.log: is a file that is to be read"),
        (["-", "-o", "out.log"], 64, "-: is read twice, and cannot be a pipe"),
        (
            ["drive.log", "bms.txt", "-o", "drive.log"],
            64,
            "drive.log: is a file (several FILEs need a folder)",
        ),
        (["bms.txt", "-o", "out.txt", "--registers", "pzem_017"], 64, "--registers: is of --protocol modbus"),
        (["drive.log", "drive.log.gz", "-o", "out"], 64, "drive.log.gz: would be written over drive.log"),
        (["noise.log", "-o", "out.log"], 65, "noise.log: nothing in it is a frame"),
    ],
)
def test_what_cannot_be_scrubbed_is_one_line(
    words: list[str],
    code: int,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file(tmp_path, "drive.log", LOG)
    file(tmp_path, "bms.txt", CAPTURE)
    (tmp_path / "drive.log.gz").write_bytes(gzip.compress(PLAIN.encode()))
    file(tmp_path, "noise.log", "nothing at all\n")
    before = (tmp_path / "drive.log").read_bytes()
    got, _, lines = run(*words)
    assert got == code
    assert line in lines[-1]
    assert (tmp_path / "drive.log").read_bytes() == before
    assert not (tmp_path / "out.log").exists()


def test_a_log_that_cannot_be_read_leaves_an_earlier_output_as_it_was(tmp_path: Path) -> None:
    noise = file(tmp_path, "noise.log", "nothing at all\n")
    earlier = file(tmp_path, "earlier.log", "what was here")
    assert main(["scrub", str(noise), "-o", str(earlier)]) == 65
    assert earlier.read_text() == "what was here"


@pytest.mark.parametrize(
    ("words", "code"), [(["drive.log"], 64), (["-o", "x.log"], 64), (["gone", "-o", "x"], 66)]
)
def test_a_copy_needs_a_file_that_is_there_and_a_place_to_go(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    file(tmp_path, "drive.log", LOG)
    refused(code, "scrub", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["drive.log"]


def test_of_two_databases_with_one_id_the_first_one_is_taken(tmp_path: Path) -> None:
    other = DBC.replace("Nav", "Other").replace("GPS_Latitude", "Torque")
    databases = [file(tmp_path, "a.dbc", DBC), file(tmp_path, "b.dbc", other)]
    words = [word for each in databases for word in ("--dbc", each)]
    log = file(tmp_path, "drive.log", PLAIN)
    code, _, said = run(log, "-o", tmp_path / "out.log", *words)
    assert code == 0
    assert said[0] == "Nav: GPS_Latitude"
    assert (tmp_path / "out.log").read_text() == PLAIN.replace("0102", "0002")


def test_what_is_not_damaged_is_copied_with_a_warning_for_the_rest(tmp_path: Path) -> None:
    log = file(tmp_path, "drive.log", f"{PLAIN}no frame\n")
    code, _, said = run(log, "-o", tmp_path / "out.log")
    assert code == 0
    assert said[0].startswith(f"warning: {log}:2 ")
    assert (tmp_path / "out.log").read_text() == PLAIN


def test_of_an_archive_a_log_is_named(tmp_path: Path) -> None:
    archive, copy = tmp_path / "drive.zip", tmp_path / "copy.log"
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("1.log", "2.log"):
            made.writestr(name, "(1.0) can0 001#01\n")
    said = refused(65, "scrub", archive, "-o", copy)
    assert said == f"nev-telemetry: {archive}: is an archive, and no log (name one, like {archive}:1.log)\n"
    assert not copy.exists()
    assert run(f"{archive}:2.log", "-o", copy)[0] == 0
    assert "001#01" in copy.read_text()
