"""`nev-telemetry session ID [FILE…]`: one charging session as text, as a page, as a picture."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from telemetry.charging.report.page import page
from telemetry.charging.report.phrases import moment
from telemetry.charging.report.picture import draw
from telemetry.charging.report.table import as_text
from telemetry.charging.session import Session
from telemetry.cli.charging_sources import add_source_arguments, found_sessions
from telemetry.cli.reports import add_report_arguments, check_report_arguments, write_reports
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.overview.found_sessions import FoundSessions

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
    add_report_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the session, or write the files that were asked for."""
    if Path(arguments.id).is_file():
        raise UsageError("is a file, and ID comes first", where=arguments.id, hint="session 1 FILE, say")
    check_report_arguments(arguments, arguments.files)
    with found_sessions(arguments) as found:
        session = found.whole(_chosen(arguments.id, found))
        found.warn()
    if not write_reports(arguments, arguments.files, lambda: page(session), lambda file: draw(session, file)):
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
