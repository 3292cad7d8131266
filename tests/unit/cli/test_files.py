"""`nev-telemetry files DIR`, of a checkout; tests/integration/test_packaging.py has it of a wheel."""

import importlib.metadata
from pathlib import Path

import pytest

from telemetry.__main__ import main
from tests.support.command import command, failed, printed

ROOT = Path(__file__).parents[3]


def test_the_unit_and_the_dashboards_are_written_and_named(tmp_path: Path) -> None:
    named = printed("files", tmp_path).splitlines()
    assert sorted(named) == sorted(str(path) for path in tmp_path.rglob("*") if path.is_file())
    for name in ("packaging/systemd/nev-telemetry.service", "dashboards/influxql/battery.json"):
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
    assert not list(tmp_path.rglob("*.py"))
    assert all((ROOT / "packaging" / name).is_dir() for name in ("debian", "compose"))  # for who builds
    assert not any((tmp_path / "packaging" / name).exists() for name in ("debian", "compose"))


def test_a_checkout_need_not_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def files(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.files", files)
    assert main(["files", str(tmp_path)]) == 0
    assert (tmp_path / "packaging/systemd/nev-telemetry.service").is_file()
    capsys.readouterr()
    assert printed("schema") == (ROOT / "packaging/gateway.schema.json").read_text("utf-8")


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "packaging/gateway.toml"
    own.parent.mkdir()
    own.write_text("mine")
    printed = command("files", tmp_path)
    assert printed.returncode == 0
    assert own.read_text() == "mine"
    assert str(own) not in printed.stdout
    assert printed.stderr == "1 file was there already and is as it was\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file/below" in failed(74, "files", tmp_path / "file" / "below")
