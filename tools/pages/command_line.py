"""The command line that all `python -m tools.pages.NAME` have: the files to write, and `--help`."""

import argparse
from collections.abc import Callable
from pathlib import Path


def named_files(module: str, description: str | None, metavar: str, *, nargs: str | int = 1) -> list[Path]:
    """The paths that the command line names; metavar: what they are, nargs: how many, as argparse has it."""
    parser = argparse.ArgumentParser(f"python -m tools.pages.{module}", description=description)
    parser.add_argument("files", metavar=metavar, nargs=nargs, type=Path)
    files: list[Path] = parser.parse_args().files
    return files


def rewrite_pages(module: str, description: str | None, rewritten: Callable[[str], str]) -> None:
    """Replace each page that the command line names by what `rewritten` makes of its text."""
    for page in named_files(module, description, "PAGE", nargs="+"):
        page.write_text(rewritten(page.read_text("utf-8")), "utf-8")
