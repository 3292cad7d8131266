"""`[[python_can]]`: what may come from python-can's own configuration."""

import os
from pathlib import Path
from typing import Any

import pytest

from telemetry.model.finding import Grade
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from telemetry.sources.python_can.settings import PythonCanSettings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where python-can's own configuration is in this test, and hide all of the machine's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("can.util.CONFIG_FILES", ["~/.canrc"])
    for variable in [each for each in os.environ if each.startswith("CAN_")]:
        monkeypatch.delenv(variable)
    return tmp_path


def settings(**keys: Any) -> PythonCanSettings:
    table = TomlTable(Document.plain(Path("gateway.toml"), {"name": "usb", **keys}), {})
    return PythonCanSettings.read(table)


def test_empty_options_take_the_interface_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAN_INTERFACE", "virtual")
    assert list(settings(options={}).presence()) == [(Grade.FACT, "python-can interface virtual")]


def test_a_context_names_a_section_of_python_can_s_files(home: Path) -> None:
    (home / ".canrc").write_text("[bench]\ninterface = virtual\nchannel = test\n")
    read = settings(context="bench")
    assert read.options == {"config_context": "bench"}
    assert list(read.presence()) == [(Grade.FACT, "python-can interface virtual")]


@pytest.mark.parametrize(
    ("canrc", "reported"),
    [
        ("[default]\ninterface = slkan\n", 'python-can\'s own configuration: Unknown interface type "slkan"'),
        ("interface = slcan\n", "python-can's own configuration: File contains no section headers. file: "),
        ("[default]\ninterface = slcan\nport = x\n", "python-can's own configuration: Port config must be"),
        (
            "[default]\ninterface = slcan\nx = %(y)s\n",
            "python-can's own configuration: Bad value substitution",
        ),
    ],
)
def test_what_is_wrong_in_python_can_s_own_files_is_a_fault_in_one_line(
    home: Path, canrc: str, reported: str
) -> None:
    (home / ".canrc").write_text(canrc)
    ((grade, words),) = settings(options={}).presence()
    assert (grade, words[: len(reported)], "\n" in words) == (Grade.FAULT, reported, False)


def test_options_without_any_interface_are_a_fault() -> None:
    ((grade, words),) = settings(options={}).presence()
    assert (grade, "names an interface" in words) == (Grade.FAULT, True)
