"""`--report FILE` and `--png FILE`: what a command found, as a page and as a picture."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from telemetry.cli.options import add_option
from telemetry.cli.output import refuse_to_overwrite, writing_to
from telemetry.errors import UsageError
from telemetry.picture.sheet import require_matplotlib


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    add_option(
        parser,
        "--report FILE",
        "write one page of HTML that needs nothing else, in place of the list",
        type=Path,
    )
    add_option(parser, "--png FILE", "write its curves as a picture, in place of the list", type=Path)


def check_report_arguments(arguments: argparse.Namespace, files: Sequence[Path]) -> None:
    """Raise UsageError, MissingPackageError. files: what is read, which nothing overwrites."""
    for file in (arguments.report, arguments.png):
        if file is not None:
            refuse_to_overwrite(file, files)
    if arguments.png is not None:
        if arguments.png.suffix.lower() != ".png":
            raise UsageError("does not end in .png", where=str(arguments.png), hint="--png FILE.png")
        require_matplotlib("plot")


def write_reports(
    arguments: argparse.Namespace,
    files: Sequence[Path],
    page: Callable[[], str],
    draw: Callable[[Path], None],
) -> bool:
    """Write the files that were asked for; return whether any was."""
    if arguments.report is not None:
        with writing_to(arguments.report, files) as stream:
            stream.write(page().encode())
        sys.stderr.write(f"{arguments.report}\n")
    if arguments.png is not None:
        draw(arguments.png)
        sys.stderr.write(f"{arguments.png}\n")
    return arguments.report is not None or arguments.png is not None
