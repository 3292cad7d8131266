"""Packages from outside, as pip leaves them: a folder of metadata and a module, on the path."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from telemetry import plugins

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
_UNCACHED = plugins._entries.__wrapped__
Groups = Mapping[str, Mapping[str, str]]


def installed(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, groups: Groups, code: str = ""
) -> None:
    """Put a package in `folder`, version 1.0: its entry points by group, and a module of `code`."""
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[nev_telemetry.{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    if code:
        (folder / f"{name.replace('-', '_')}.py").write_text(code)
    looked_at(monkeypatch, folder)


def installed_example(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put the example on the path, with the entry points that it declares."""
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {name.partition(".")[2]: entries for name, entries in declared["entry-points"].items()}
    installed(monkeypatch, folder, declared["name"], groups)
    monkeypatch.syspath_prepend(EXAMPLE)


def looked_at(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the program find what is in `folder`, and forget it with the test."""
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(plugins, "_entries", _UNCACHED)
