"""Sessions as text: a table and an account for people, CSV and JSON for programs. Pure.

Promises: the names of columns and keys are those of the data model. Every session has all of them; what is
not known is empty in CSV and null in JSON. A terminal and CSV get printable letters alone.
"""

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict

from rich.cells import cell_len, set_cell_size  # widths of letters
from telemetry_core.rows.schema import guarded

from telemetry.charging.report import phrases
from telemetry.charging.report.facts import groups, meters
from telemetry.charging.report.phrases import duration, energy
from telemetry.charging.session import SESSION_FIELDS, Session
from telemetry.charging.words import reasons
from telemetry.errors import one_line, printable

COLUMNS = ("start_ns", "end_ns", "vehicle", "pack", "charger", *SESSION_FIELDS)
_HEAD = ("#", "start", "vehicle", "station", "SOC", "energy", "duration", "outcome", "why", "who")
_NUMBERS = ("#", "energy", "duration")
_GAP = "  "


def as_table(sessions: Sequence[Session]) -> str:
    """Return a line a session; its number and its start are what `session` takes."""
    rows = [_row(number, session) for number, session in enumerate(sessions, 1)]
    return aligned(_HEAD, rows, right=_NUMBERS)


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str]) -> str:
    """Return a line a row under `head`. right: the columns that stand at the right."""
    lines = [head, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "".join(f"{_line(head, line, widths, right)}\n" for line in lines)


def as_csv(sessions: Sequence[Session], *, raw_text: bool = False) -> str:
    """Return a row a session, with COLUMNS in the header.

    raw_text: also texts that a spreadsheet takes for formulas are as they are.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for session in sessions:
        values = (getattr(session, name) for name in COLUMNS)
        writer.writerow(["" if value is None else _csv(value, raw_text=raw_text) for value in values])
    return text.getvalue()


def as_json(sessions: Sequence[Session]) -> str:
    """Return an array of objects: COLUMNS, and phases, errors and curve as arrays of objects."""
    text = "[" + ",\n ".join(_object(session) for session in sessions) + "]\n"
    return text.encode("utf-8", "replace").decode()  # half a surrogate is no letter


def as_text(session: Session) -> str:
    """Return all about one session but its curve."""
    return "".join(f"{printable(line)}\n" for line in _account(session))


def _row(number: int, session: Session) -> tuple[str, ...]:
    cells = (
        str(number),
        phrases.moment(session.start_ns),
        phrases.vehicle(session),
        session.station or "",
        phrases.soc(session),
        energy(session.energy_wh),
        duration(session.duration_s),
        phrases.outcome(session),
        phrases.why(session),
        phrases.who(session),
    )
    return tuple(one_line(cell) for cell in cells)


def _line(head: Sequence[str], row: Sequence[str], widths: Sequence[int], right: Collection[str]) -> str:
    cells = []
    for name, cell, width in zip(head, row, widths, strict=True):
        padding = " " * (width - cell_len(cell))
        cells.append(padding + cell if name in right else cell + padding)
    return _GAP.join(cells).rstrip()


def _csv(value: bool | float | str, *, raw_text: bool) -> str:
    if isinstance(value, str):
        return printable(value if raw_text else guarded(value))
    return str(value).lower()


def _object(session: Session) -> str:
    parts = {
        name: [asdict(each) for each in getattr(session, name)] for name in ("phases", "errors", "curve")
    }
    return json.dumps({name: getattr(session, name) for name in COLUMNS} | parts, ensure_ascii=False)


def _account(session: Session) -> Iterator[str]:
    yield phrases.title(session)
    yield phrases.ending(session)
    for group in groups(session):
        yield ""
        yield group.title
        width = max(cell_len(label) for label, _ in group.facts)
        for label, value in group.facts:
            yield f"  {set_cell_size(label, width)}  {value}"
    if measured := meters(session):
        yield ""
        yield "Energy by who measured it"
        for meter in measured:
            covered = f"  over {duration(meter.covered_s)}" if meter.covered_s is not None else ""
            yield f"  {meter.name:<8}{energy(meter.energy_wh):>12}{covered}"
    if session.phases:
        yield ""
        yield "Phases"
        for phase in session.phases:
            start = phrases.clock_time(phase.start_ns)
            yield f"  {phase.attempt}  {phase.phase:<14}{start}  {duration(phase.duration_s)}"
    if session.errors:
        yield ""
        yield "Errors"
        for error in session.errors:
            what = "; ".join(reasons(error.what))
            yield f"  {phrases.clock_time(error.at_ns)}  reported by the {error.side}: {what}"
