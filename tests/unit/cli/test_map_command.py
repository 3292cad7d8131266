"""`nev-telemetry map`: what it asks for, and the sign of a current that has a factor and an offset."""

import zipfile
from pathlib import Path

import pytest

from tests.support.command import noted, printed, refused

DBC = (
    'VERSION ""\nBU_: X\nBO_ 256 BMS_Pack: 4 X\n'
    ' SG_ PackCurrent : 0|16@1+ (0.1,-100) [-100|100] "A" X\n'
    ' SG_ StateOfCharge : 16|8@1+ (0.5,0) [0|100] "%" X\n'
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "pack.dbc"
    file.write_text(DBC)
    return file


def drive(file: Path, raw_current: int, soc_step: int) -> Path:
    """Ten minutes with this current, in which the state of charge changes by a step each half minute."""
    lines = []
    for second in range(600):
        soc = 100 + soc_step * (second // 30)
        data = raw_current.to_bytes(2, "little") + bytes([soc, 0])
        lines.append(f"({1_700_000_000 + second}.000000) can0 100#{data.hex()}\n")
    file.write_text("".join(lines))
    return file


@pytest.mark.parametrize(
    ("raw_current", "soc_step", "charge", "is_turned"),
    [
        (900, -1, "-1.66", False),  # -10 A for 599 s
        (1100, 1, "+1.66", False),
        (1100, -1, "+1.66", True),
        (900, 1, "-1.66", True),
    ],
)
def test_the_sign_of_a_current_is_read_from_its_physical_value(
    tmp_path: Path,
    database: Path,
    raw_current: int,
    soc_step: int,
    charge: str,
    is_turned: bool,
) -> None:
    log = drive(tmp_path / "drive.log", raw_current, soc_step)
    out = printed("map", "suggest", "--dbc", database, log)
    assert f"adds up to {charge} Ah: " in out
    assert ("\nscale = -1\n" in out) is is_turned


def test_a_log_of_an_archive_gives_what_it_gives_alone(tmp_path: Path, database: Path) -> None:
    log = drive(tmp_path / "drive.log", 900, -1)
    with zipfile.ZipFile(tmp_path / "drives.zip", "w") as archive:
        archive.write(log, "drive.log")
    alone = printed("map", "suggest", "--dbc", database, log)
    assert "adds up to -1.66 Ah" in alone
    assert printed("map", "suggest", "--dbc", database, f"{tmp_path}/drives.zip:drive.log") == alone


def test_what_is_wrong_with_the_database_and_the_log_is_warned_of(tmp_path: Path, database: Path) -> None:
    database.write_text(f'{DBC}VAL_ 2566844672 Gone 1 "on" ;\n')
    log = drive(tmp_path / "drive.log", 900, -1)
    with log.open("a") as stream:
        stream.write("no frame\n")
    of_database, of_log = noted("map", "suggest", "--dbc", database, log).splitlines()
    assert of_database.startswith(f"warning: {database}:")
    assert "no frame" in of_log or "left out" in of_log


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        ([], 64, "ACTION"),
        (["suggest"], 64, "--dbc"),
        (["suggest", "--dbc", "pack.dbc", "gone.log"], 66, "gone.log: "),
        (["suggest", "--dbc", "gone.dbc"], 78, "gone.dbc: "),
    ],
)
def test_what_is_missing_is_one_line(
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    fault: str,
) -> None:
    monkeypatch.chdir(database.parent)
    assert fault in refused(code, "map", *words)
