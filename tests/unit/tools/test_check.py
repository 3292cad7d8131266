"""`make check`: which tests look at a change."""

import subprocess
from pathlib import Path

import pytest

from tools import check
from tools.check import looking_at, module_of
from tools.pages.rooms import ROOT

EVERY = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")]


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("telemetry/config.py", "telemetry.config"),
        ("telemetry/spool/__init__.py", "telemetry.spool"),
        ("ext/telemetry_core/rules/mapper.pyx", "telemetry_core.rules.mapper"),
    ],
)
def test_a_file_is_known_by_the_name_that_others_import(file: str, module: str) -> None:
    assert module_of(Path(file)) == module


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("telemetry/charging/identity.py", "tests/unit/charging/test_identity.py"),
        ("telemetry/service/reload.py", "tests/unit/service/test_reload.py"),
        ("ext/telemetry_core/rules/reducer.pyx", "tests/property/core/rules/test_reducer.py"),
        ("ext/telemetry_core/rules/turns.pyx", "tests/unit/core/rules/test_mapper.py"),
        ("firmware_sim/plant/cell.py", "tests/unit/firmware_sim/test_plant.py"),
        ("tests/unit/test_ledger.py", "tests/unit/test_ledger.py"),
    ],
)
def test_the_tests_of_a_change_are_those_that_import_it_or_mirror_its_folder(file: str, test: str) -> None:
    found = looking_at([Path(file)], EVERY)
    assert Path(test) in found
    assert len(found) < len(EVERY) // 4


def test_a_page_has_no_tests_of_its_own() -> None:
    assert looking_at([Path("docs/web.md")], EVERY[::80]) == set()


@pytest.mark.parametrize(("codes", "code"), [((0, 0), 0), ((0, 1), 1), ((-9, 0), 1)])
def test_a_tool_that_was_killed_is_no_success(
    codes: tuple[int, int], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = iter([*codes, 0, 0])
    monkeypatch.setattr("sys.argv", ["check", "HEAD"])
    monkeypatch.setattr(check, "changed", lambda *_: set())
    monkeypatch.setattr(check, "looking_at", lambda *_: set())
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], next(ends)))
    assert check.main() == code
