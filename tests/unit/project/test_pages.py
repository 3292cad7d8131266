"""The pages name files, modules and headings that exist."""

import importlib.util
import re
from pathlib import Path

import pytest

from telemetry.__main__ import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED
from telemetry.cli.demo import EXIT_DIFFERENT
from telemetry.errors import EXIT_OK, TelemetryError
from telemetry.stopping import EXIT_STUCK

ROOT = Path(__file__).parents[3]
PAGES = [
    *ROOT.glob("*.md"),
    ROOT / "dashboards/README.md",
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("docs/protocols/*.md"),
]
FOLDERS = {entry.name for entry in ROOT.iterdir() if entry.is_dir()} - {".venv", ".git", "build"}
OURS = {folder for folder in FOLDERS if (ROOT / folder / "__init__.py").exists()}

SOURCES = {file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*.py*")}

_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(r"\.?[\w-]+/(?:[\w.-]+/?)*")
_PLACEHOLDER = re.compile(r"(?<![A-Z])[A-Z]{4,}(?![A-Z])|_X\b")
_MODULE = re.compile(r"python -m ([\w.]+)")


def anchors(page: Path) -> set[str]:
    """Of all headings, as GitHub makes them."""
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def words(page: Path) -> set[str]:
    """Those of all that stands in backquotes, but for placeholders."""
    code = " ".join(_CODE.findall(_BLOCK.sub("", page.read_text("utf-8"))))
    return {word for word in code.split() if not _PLACEHOLDER.search(word)}


def paths(page: Path) -> set[str]:
    """Words that begin with a folder of the repository."""
    return {word for word in words(page) if _PATH.fullmatch(word) and word.split("/")[0] in FOLDERS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_in_a_page_exists(page: Path) -> None:
    assert sorted(path for path in paths(page) if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_without_its_folder_exists(page: Path) -> None:
    files = {word for word in words(page) if re.fullmatch(r"\w+\.(?:py|pyx)", word)}
    assert sorted(files - SOURCES) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_or_runs_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    modules = {name for name in _MODULE.findall(text) if name.split(".")[0] in OURS}
    modules |= {word for word in words(page) if re.fullmatch(r"telemetry_core\.[\w.]+", word)}
    assert sorted(name for name in modules if importlib.util.find_spec(name) is None) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    lost = []
    for link in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_paths_modules_and_links_are_seen() -> None:
    """An empty answer would pass every other test here."""
    assert "telemetry/sources/" in paths(ROOT / "docs" / "architecture.md")
    assert "exit-codes" in anchors(ROOT / "docs" / "operations.md")


def test_the_table_of_exit_codes_has_each_code_that_the_program_ends_with() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    _, _, table = page.partition("\n## Exit codes\n")
    described = {int(code) for code in re.findall(r"^\| (\d+) \|", table.partition("\n## ")[0], re.MULTILINE)}
    waiting, errors = [TelemetryError], set[int]()
    while waiting:
        error = waiting.pop()
        errors.add(error.exit_code)
        waiting += error.__subclasses__()
    others = {EXIT_OK, EXIT_DIFFERENT, EXIT_STUCK, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE}
    assert described == errors | others
