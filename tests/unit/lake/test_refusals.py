"""What cannot be written or read is said in one line, with the exit code of its kind."""

from pathlib import Path

import pytest

from telemetry import lake
from telemetry.errors import InputMissingError, UnavailableError, UsageError
from telemetry.lake.engines import workers_of
from tests.support.command import command, failed, refused
from tests.support.lake import DATABASE, NOON_NS, candump


def _log(folder: Path) -> Path:
    return candump(folder / "ev7/1.log", [(NOON_NS, "310", "00")])


@pytest.mark.parametrize("place", ["file", "file/under", "/proc/none"])
def test_a_place_where_no_folder_can_be_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    words = ("decode", _log(tmp_path), "--dbc", DATABASE, "--format", "dataset", "-o", tmp_path / place)
    assert refused(74, *words).startswith(f"nev-telemetry: {tmp_path / place}: ")


def test_a_dataset_takes_files_and_needs_a_place(tmp_path: Path) -> None:
    words = ("decode", "--dbc", DATABASE, "--format", "dataset")
    assert "-: is no recording of a dataset, which is made of files" in failed(
        64, *words, "-", "-o", tmp_path / "lake"
    )
    assert "--format dataset: needs a place for its files (name a folder or an address: --output DIR)" in (
        failed(64, *words, _log(tmp_path))
    )


def test_a_folder_that_is_no_dataset_is_refused_and_a_name_that_is_not_there_has_no_file(
    tmp_path: Path,
) -> None:
    log = _log(tmp_path)
    for place in (tmp_path / "none", log, log.parent):
        for ask in (lake.files, lake.accounts):
            with pytest.raises(InputMissingError, match=r"is no folder of a dataset"):
                ask(place)
    (tmp_path / "lake").mkdir()
    assert (lake.files(tmp_path / "lake"), lake.accounts(tmp_path / "lake")) == ([], {})
    lake.write(log, to=tmp_path / "lake", databases=str(DATABASE))
    assert len(lake.files(tmp_path / "lake", days=("2026-03-02", "2026-03-02"))) == 1
    assert lake.files(tmp_path / "lake", vehicle="ev8") == lake.files(tmp_path / "lake", table="x") == []


@pytest.mark.parametrize(
    "days",
    [("2026-03-03", "2026-03-02"), ("x", "y"), ("2026-3-1", "2026-03-02"), ("20260301", "20260302"), ()],
)
def test_days_that_are_none_or_reversed_are_refused(tmp_path: Path, days: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match=r"are no days \(the first and the last one, YYYY-MM-DD\)"):
        lake.files(tmp_path, days=days)


def test_python_makes_what_the_command_makes(tmp_path: Path) -> None:
    log, place = _log(tmp_path), tmp_path / "lake"
    lake.write(log, to=place, databases=str(DATABASE))
    said = command("decode", log, "--dbc", DATABASE, "--format", "dataset", "-o", place).stderr
    assert "1 partition, 1 skipped" in said
    (outcome,) = lake.write(log, to=place, databases=str(DATABASE)).outcomes
    assert not outcome.reason


def test_an_address_of_dask_without_a_port_makes_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is half made waits a minute when it is collected."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", None)
    with pytest.raises(UnavailableError, match=r"^foo: Dask has failed: missing port number"):
        workers_of("dask", "foo", 1).__enter__()
