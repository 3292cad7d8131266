"""What `check` says of the folder of the spool, and of its disk."""

import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from telemetry.__main__ import main
from telemetry.config import load_config
from telemetry.errors import StorageError
from telemetry.model.finding import Grade
from telemetry.service.check import check
from telemetry.service.service import Service
from telemetry.spool.filesystem import FileSystem
from tests.support.checking import CAN9, config_with, findings, texts


def test_a_folder_of_other_things_that_others_may_enter_is_no_spool(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o755)
    (folder / "notes.txt").touch()
    faults = texts(findings(tmp_path, CAN9), Grade.FAULT)
    reported = "others may enter this directory, and notes.txt in it is not the spool's"
    assert f"spool {folder}: {reported}" in faults
    folder.chmod(0o700)
    assert reported not in texts(findings(tmp_path, CAN9), Grade.FAULT)
    assert (folder / "notes.txt").exists()


def test_what_lies_behind_a_folder_that_may_not_be_entered_is_a_fault(tmp_path: Path) -> None:
    unseen = "x" * 300  # fails like a name in a closed folder
    bus = f'[[can]]\nname = "sim"\nsocket = "{unseen}"\n'
    port = f'[[serial]]\nname = "bms"\nport = "{unseen}"\nprotocol = "jbd"\n'
    faults = texts(findings(tmp_path, bus + port), Grade.FAULT)
    assert f"source sim: socket {tmp_path / unseen}: File name too long" in faults
    assert f"source bms: port {tmp_path / unseen}: File name too long" in faults


def test_the_room_for_a_spool_is_reported_where_its_folder_cannot_be_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    influx = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'
    file.write_text(f'vehicle = "van"\n{influx}[spool]\ndirectory = "{"x" * 300}"\n[[can]]\nname = "can9"\n')
    assert "B are free" in texts(list(check(load_config(file, {}))), Grade.FACT)


def closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a spool that nobody but its owner may use."""
    (folder / "spool").mkdir(0o700)
    refusal = PermissionError(13, "Permission denied")
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr(FileSystem, "lock", Mock(side_effect=refusal))
    return f"{folder}/spool: the spool cannot be used: Permission denied"


def a_file(folder: Path, _: object) -> str:
    (folder / "spool").write_text("a file")
    return f"{folder}/spool: the spool cannot be used: Not a directory"


def shared(folder: Path, _: object) -> str:
    (folder / "spool").mkdir(0o755)
    (folder / "spool" / "notes").write_text("")
    return f"{folder}/spool: others may enter this directory, and notes in it is not the spool's"


def of_the_kernel(folder: Path, _: object) -> str:
    (folder / "gateway.toml").write_text(
        (folder / "gateway.toml").read_text().replace('"spool"', '"/proc/spool"')
    )
    return "/proc/spool: the spool cannot be used: No such file or directory"


@pytest.mark.parametrize("spoil", [closed, a_file, shared, of_the_kernel])
def test_check_refuses_a_spool_with_the_words_and_the_code_of_run(
    spoil: Callable[[Path, pytest.MonkeyPatch], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = config_with(tmp_path, CAN9)
    words = spoil(tmp_path, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    assert main(["check", str(config)]) == 74
    assert f"fault: spool {words}" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(StorageError, match=re.escape(words)):
        Service(load_config(config))
    assert StorageError.exit_code == 74


def test_a_disk_that_is_full_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "spool" not in texts(findings(tmp_path, CAN9), Grade.FAULT)
    assert not (tmp_path / "spool").exists()
    for free_mb, warned in ((99, True), (100, False)):
        monkeypatch.setattr(
            "telemetry.spool.filesystem.FileSystem.free_bytes", lambda *_, mb=free_mb: mb * 2**20
        )
        found = texts(findings(tmp_path, f"keep_free_mib = 100\ncap_mib = 10\n{CAN9}"), Grade.WARNING)
        words = "keeps 104.9 MB free, and less is free now: data waits in memory alone"
        assert (f"keep_free_mib {words}" in found) == warned
        assert ("at most" in found) is False
