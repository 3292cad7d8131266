"""What pages name must be there: paths, files, modules, links and their headings."""

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.pages.rooms import ROOT

PAGES = tuple(
    page
    for folder in ("", "dashboards", "docs", "docs/protocols")
    for page in sorted((ROOT / folder).glob("*.md"))
)

_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(r"\.?[\w-]+/(?:[\w.-]+/?)*")
_FILE = re.compile(r"\w+\.(?:py|pyx)")
_CORE = re.compile(r"telemetry_core\.[\w.]+")
_PLACEHOLDER = re.compile(r"(?<![A-Z])[A-Z]{4,}(?![A-Z])|_X\b")
_MODULE = re.compile(r"python -m ([\w.]+)")


@cache
def _folders() -> frozenset[str]:
    return frozenset(entry.name for entry in ROOT.iterdir() if entry.is_dir()) - {".venv", ".git", "build"}


@cache
def _sources() -> frozenset[str]:
    return frozenset(file.name for folder in _folders() for file in (ROOT / folder).rglob("*.py*"))


def missing(page: Path, text: str) -> Iterator[str]:
    """Yield what `page` names that is not there; text: of the page."""
    prose = _BLOCK.sub("", text)
    words = {word for word in " ".join(_CODE.findall(prose)).split() if not _PLACEHOLDER.search(word)}
    for word in sorted(words):
        if _PATH.fullmatch(word) and word.split("/")[0] in _folders() and not (ROOT / word).exists():
            yield f"there is no {word}"
        if _FILE.fullmatch(word) and word not in _sources():
            yield f"no file is called {word}"
    modules = {name for name in _MODULE.findall(text) if (ROOT / name.split(".")[0] / "__init__.py").exists()}
    for name in sorted(modules | {word for word in words if _CORE.fullmatch(word)}):
        if importlib.util.find_spec(name) is None:
            yield f"there is no module {name}"
    for link in _LINK.findall(prose):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in _anchors(target))):
            yield f"the link {link} leads nowhere"


@cache
def _anchors(page: Path) -> frozenset[str]:
    """Return those of all headings, as GitHub makes them."""
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text("utf-8")))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
