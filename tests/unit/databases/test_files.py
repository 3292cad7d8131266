"""A folder or a glob in place of a database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from telemetry.databases.files import database_files
from telemetry.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.kcd", "a.DBC", "c.sym", "d.arxml", "notes.txt", "[x].dbc"):
        (tmp_path / name).touch()
    (tmp_path / "sub.dbc").mkdir()
    return tmp_path


def raising(error: OSError) -> Callable[[Path], None]:
    def scandir(_: Path) -> None:
        raise error

    return scandir


def names(path: Path) -> list[str]:
    return [file.name for file in database_files(path)]


def test_a_folder_is_all_its_databases_in_the_order_of_their_names(folder: Path) -> None:
    assert names(folder) == ["[x].dbc", "a.DBC", "b.kcd", "c.sym", "d.arxml"]


def test_a_folder_is_searched_in_depth_but_for_hidden_folders_and_links_to_folders(folder: Path) -> None:
    for place in ("make/model", ".git", "elsewhere"):
        (folder / place).mkdir(parents=True)
        (folder / place / "deep.dbc").touch()
    (folder / "make" / "loop").symlink_to(folder)
    (folder / "make" / "b.dbc").symlink_to(folder / "b.kcd")
    assert [str(file.relative_to(folder)) for file in database_files(folder)] == [
        *("[x].dbc", "a.DBC", "b.kcd", "c.sym", "d.arxml"),
        *("elsewhere/deep.dbc", "make/b.dbc", "make/model/deep.dbc"),
    ]


def test_a_folder_that_cannot_be_searched_whole_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.databases.files.MOST_ENTRIES", 7)
    assert len(database_files(folder)) == 5  # of six files and a folder
    (folder / "sub.dbc" / "notes.txt").touch()
    with pytest.raises(ConfigError, match=r"in depth, and has more than 7 files and folders \(name a folder"):
        database_files(folder)
    monkeypatch.setattr(
        "os.scandir", raising(PermissionError(13, "Permission denied", str(folder / "sub.dbc")))
    )
    with pytest.raises(ConfigError, match=r"sub\.dbc: cannot be read: Permission denied"):
        database_files(folder)


def test_a_glob_is_the_databases_that_it_matches(folder: Path) -> None:
    assert names(folder / "[ab]*") == ["a.DBC", "b.kcd"]
    assert names(folder / "*.dbc") == ["[x].dbc"]


def test_a_file_is_itself_though_its_name_could_be_a_glob(folder: Path) -> None:
    assert names(folder / "[x].dbc") == ["[x].dbc"]
    assert names(folder / "missing.dbc") == ["missing.dbc"]  # its reader says so
    assert names(folder / ("x" * 300)) == ["x" * 300]


@pytest.mark.parametrize("pattern", ["*.txt", "e*"])
def test_a_glob_without_any_database_is_an_error(folder: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match="matches no database"):
        database_files(folder / pattern)


def test_a_folder_without_any_database_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"holds no database, in depth \(known are .arxml, .dbc, .kcd, .sym\)"
    ):
        database_files(tmp_path)
