"""`mkdocs build --strict` makes a site of all pages: links lead somewhere, lists and tables are whole."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def build(site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


class Text(HTMLParser):
    """What stands in a page outside of code."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._in_code = 0

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self._in_code += tag in ("code", "script")

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag in ("code", "script")

    def handle_data(self, data: str) -> None:
        if not self._in_code:
            self.parts.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} | {"CHANGELOG", "CONTRIBUTING", "SECURITY"}
    assert pages | {"index", "404"} == {page.stem for page in site.glob("*.html")}
    assert (site / "dashboards" / "index.html").exists()


def test_no_markdown_is_left_as_text(site: Path) -> None:
    """Rows of tables, items of lists and fences that the site's Markdown has not understood."""
    left = {}
    for page in site.rglob("*.html"):
        text = Text()
        text.feed(page.read_text("utf-8"))
        if found := re.findall(r"^\s*(?:\|.*\||- .*|```.*)$", "".join(text.parts), re.MULTILINE):
            left[page.name] = found[:3]
    assert left == {}


def test_a_link_between_pages_is_one_on_the_site_too(site: Path) -> None:
    assert 'href="configuration.html#python_can"' in (site / "index.html").read_text("utf-8")
    assert 'href="../data-model.html"' in (site / "dashboards" / "index.html").read_text("utf-8")
    assert 'href="CHANGELOG.html#versions"' in (site / "operations.html").read_text("utf-8")
