"""`nev-telemetry session ID [FILE…]`: one charging session as text, as a page, as a picture."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from telemetry.charging.report.phrases import moment
from telemetry.charging.report.table import as_text
from telemetry.charging.session import Session
from telemetry.cli.charging_sources import add_source_arguments, found_sessions
from telemetry.cli.options import add_option
from telemetry.cli.output import refuse_to_overwrite, writing_to
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.overview.found_sessions import FoundSessions
from telemetry.picture.sheet import require_matplotlib

EXAMPLES = (
    "1 charge.log",
    "1 charge.log --report charge.html --png charge.png",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id",
        metavar="ID",
        help="its start as `sessions` prints it, or its number there with the same options",
    )
    add_source_arguments(parser)
    add_option(parser, "--report FILE", "write one page of HTML that needs nothing else", type=Path)
    add_option(parser, "--png FILE", "write its curves as a picture", type=Path)


def run(arguments: argparse.Namespace) -> int:
    """Print the session, or write the files that were asked for."""
    report, png = arguments.report, arguments.png
    if Path(arguments.id).is_file():
        raise UsageError("is a file, and ID comes first", where=arguments.id, hint="session 1 FILE, say")
    for file in (report, png):
        if file is not None:
            refuse_to_overwrite(file, arguments.files)
    if png is not None and png.suffix.lower() != ".png":
        raise UsageError("does not end in .png", where=str(png), hint="--png FILE.png")
    if png is not None:
        require_matplotlib("plot")
    with found_sessions(arguments) as found:
        session = found.whole(_chosen(arguments.id, found))
        found.warn()
    if report is not None:
        from telemetry.charging.report.page import page

        with writing_to(report, arguments.files) as stream:
            stream.write(page(session).encode())
        sys.stderr.write(f"{report}\n")
    if png is not None:
        from telemetry.charging.report.picture import draw

        draw(session, png)
        sys.stderr.write(f"{png}\n")
    if report is None and png is None:
        sys.stdout.write(as_text(session))
    found.raise_unread()
    return EXIT_OK


def _chosen(id: str, found: FoundSessions) -> Session:
    """Return the session of that number or that start. Raises DataError where there is none, or several."""
    sessions = found.sessions
    if id.isdecimal() and 1 <= int(id) <= len(sessions):
        return sessions[int(id) - 1]
    fitting = [session for session in sessions if id in (moment(session.start_ns), str(session.start_ns))]
    if not fitting:
        raise DataError(f"holds no session {id!r}", where=found.where, hint=_those(sessions))
    if len(fitting) > 1:
        numbers = " or ".join(str(sessions.index(session) + 1) for session in fitting)
        raise DataError(
            f"{len(fitting)} sessions start then", where=id, hint=f"name one by its number: {numbers}"
        )
    return fitting[0]


def _those(sessions: Sequence[Session]) -> str:
    if not sessions:
        return "it holds none at all"
    many = f"numbers 1 to {len(sessions)}" if len(sessions) > 1 else "number 1"
    return f"`nev-telemetry sessions` lists them: {many}"
