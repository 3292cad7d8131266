"""Recordings whose known messages all come by transport, as those of an OBD logger do."""

from pathlib import Path

import pytest

import telemetry
from telemetry.__main__ import main
from tests.support.command import command, failed

DATABASE = """VERSION ""
NS_ :
BS_:
BU_:
BO_ 2028 Answer: 10 Vector__XXX
 SG_ V : 31|16@0+ (0.1,0) [0|6553.5] "V" Vector__XXX
BO_ 2565799936 Long: 14 Vector__XXX
 SG_ V : 8|16@1+ (0.1,0) [0|6553.5] "V" Vector__XXX
"""
OTHER = "(9.0) can0 7BB#0662010012345600\n"
ISOTP = "(1.0) can0 7EC#100A620101000DF4\n(1.1) can0 7EC#210102030405AAAA\n"  # V: 000D, of two frames
J1939 = (  # V: 0201, of a broadcast of 14 bytes: 00 01 02 ...
    "(1.0) can0 18ECFF00#200E0002FF00EF00\n"
    "(1.0) can0 18EBFF00#0100010203040506\n(1.1) can0 18EBFF00#020708090A0B0C0D\n"
)
BY_TRANSPORT = pytest.mark.parametrize(
    ("frames", "isotp", "expected_v"), [(ISOTP, ["7EC"], 0x0D), (J1939, [], 0x201)], ids=["isotp", "j1939"]
)


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("obd.dbc").write_text(DATABASE)
    return Path("drive.log")


@BY_TRANSPORT
def test_a_payload_with_a_message_is_a_known_message(
    drive: Path, frames: str, isotp: list[str], expected_v: int
) -> None:
    drive.write_text(OTHER + frames)
    options = ["--dbc", "obd.dbc", "--j1939", *(f"--isotp={id}" for id in isotp)]
    said = command("decode", "drive.log", *options)
    assert said.returncode == 0
    assert said.stdout.splitlines()[1:] == [said.stdout.splitlines()[1]]
    assert float(said.stdout.rpartition(",")[2]) == pytest.approx(expected_v / 10)
    assert said.stderr == ""
    assert main(["decode", "drive.log", *options, "--format", "parquet", "-o", "tables"]) == 0
    assert len([*Path("tables").glob("*.parquet")]) == 1
    databases = telemetry.load_databases("obd.dbc", j1939=True)
    (table,) = telemetry.read("drive.log", databases=databases, isotp=isotp).values()
    assert table.column("V").tolist() == [pytest.approx(expected_v / 10)]


@BY_TRANSPORT
@pytest.mark.parametrize(("others", "warned"), [(99, False), (100, True)])
def test_payloads_count_among_the_few_that_are_known(
    drive: Path,
    frames: str,
    isotp: list[str],
    expected_v: int,
    others: int,
    warned: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """1 payload of 100 that could be known is 1 %."""
    assert expected_v
    drive.write_text(OTHER * others + frames)
    main(["decode", "drive.log", "--dbc", "obd.dbc", "--j1939", *(f"--isotp={id}" for id in isotp)])
    assert (f"1 of {others + 1} frames have a known message" in capfd.readouterr().err) == warned


def test_payloads_that_no_database_has_are_no_known_message(drive: Path) -> None:
    drive.write_text(ISOTP.replace("7EC", "7ED"))
    assert "drive.log: holds 2 frames, and no known message" in failed(
        65, "decode", "drive.log", "--dbc", "obd.dbc", "--isotp", "7ED"
    )
