"""The hooks of mkdocs.yml: `mkdocs build` makes a site of docs/ and of the pages that lie outside of it.

On the site the pages of docs/ stand at the top, README.md is the first one, and every other file keeps its
path in the repository. Links are written for the repository and rewritten here, so that they work in both.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "dashboards/README.md")
_FIRST = {"README.md": "index.md"}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")
_BLOCK = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r"^```(\w+) .+$", re.MULTILINE)  # what follows the language is for the tests
_NESTED = re.compile(r"^ {2}(?=- )", re.MULTILINE)  # Python-Markdown wants four blanks there


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a pattern such as `protocols/*.md` into the navigation, each called by its heading."""
    config.nav = _expanded(config.nav)
    return config


def _expanded(nav: Any) -> Any:
    if isinstance(nav, dict):
        return {name: _expanded(entries) for name, entries in nav.items()}
    if not isinstance(nav, list):
        return nav
    docs = ROOT / "docs"
    return [
        found
        for entry in nav
        for found in (
            sorted(file.relative_to(docs).as_posix() for file in docs.glob(entry))
            if isinstance(entry, str) and "*" in entry
            else [_expanded(entry)]
        )
    ]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside of docs/, and the files that any page links to there."""
    outside = set(PAGES)
    for page in (*PAGES, *(f"docs/{file.src_uri}" for file in files.documentation_pages())):
        targets = (_target(page, link) for link in _LINK.findall((ROOT / page).read_text("utf-8")))
        outside.update(target for target in targets if (ROOT / target).is_file())
    for path in sorted(outside):
        if not path.startswith("docs/"):
            files.append(File.generated(config, _on_site(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Return the page's text with links as the site has them."""
    here = page.file.src_uri
    origin = next((path for path in PAGES if _on_site(path) == here), f"docs/{here}")

    def rewritten(link: re.Match[str]) -> str:
        return posixpath.relpath(_on_site(_target(origin, link[1])), posixpath.dirname(here) or ".")

    blocks = _BLOCK.split(markdown)  # text and code in turns
    blocks[::2] = [_LINK.sub(rewritten, _NESTED.sub("    ", text)) for text in blocks[::2]]
    blocks[1::2] = [_ARGUMENT.sub(r"```\1", code) for code in blocks[1::2]]
    return "".join(blocks)


def _target(page: str, link: str) -> str:
    """Return the path in the repository that `link` of `page` leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def _on_site(path: str) -> str:
    return _FIRST.get(path, path.removeprefix("docs/"))
