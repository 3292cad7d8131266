"""Which log a position belongs to."""

import zipfile
from pathlib import Path

from telemetry.logs.identity import belongs_to, end_of, is_of_log, position_name

HEAD_BYTES = 256


def test_a_log_that_grows_or_moves_keeps_its_name_and_another_log_has_another(tmp_path: Path) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    log.write_bytes(b"a" * HEAD_BYTES)
    before = position_name("drive", log)
    log.write_bytes(b"a" * 5000)
    assert position_name("drive", log) == before
    log.rename(tmp_path / "moved")
    assert position_name("drive", tmp_path / "moved") == before
    other.write_bytes(b"b" + b"a" * 5000)
    assert position_name("drive", other) != before
    assert position_name("night", tmp_path / "moved") != before


def test_a_log_of_an_archive_is_called_as_it_is_alone(tmp_path: Path) -> None:
    names = []
    with zipfile.ZipFile(tmp_path / "drives.zip", "w") as archive:
        for name in ("a.log", "b.log"):
            (tmp_path / name).write_text(name * 1000)
            archive.write(tmp_path / name, name)
            names.append(position_name("drive", tmp_path / name))
    assert [
        position_name("drive", Path(f"{tmp_path}/drives.zip:{name}")) for name in ("a.log", "b.log")
    ] == names
    assert names[0] != names[1]


def test_a_log_that_is_not_there_has_a_name_too(tmp_path: Path) -> None:
    assert belongs_to(position_name("drive", tmp_path / "none"), "drive")


def test_the_end_of_a_log_is_another_position_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a")
    begun = position_name("drive", tmp_path / "log")
    assert [*map(is_of_log, (end_of(begun), begun))] == [False, True]
    assert belongs_to(end_of(begun), "drive")


def test_a_position_belongs_to_its_own_source_alone() -> None:
    assert belongs_to("drive@0123", "drive")
    assert not belongs_to("drive2@0123", "drive")
    assert not belongs_to("drive", "drive")


def test_a_position_of_a_source_that_is_no_log_is_of_none() -> None:
    assert not is_of_log("box3/can0")
