"""A session as one self-contained page of HTML. Pure.

Promises:

- It needs nothing else: no script, no host, no font, no picture. A policy in it forbids all of them.
- Whatever a bus said stays text.
- It says what was not seen, and never fills it in.
- The same session gives the same page, byte for byte.

It prints on A4, follows the reader's choice of light or dark, and is read on a phone.
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files

from telemetry.charging.report import phrases
from telemetry.charging.report.charts import charts
from telemetry.charging.report.escape import escaped
from telemetry.charging.report.facts import Meter, groups, meters
from telemetry.charging.report.phrases import duration, energy, figure
from telemetry.charging.report.timeline import timeline
from telemetry.charging.session import PHASES, Session
from telemetry.charging.words import reasons

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

FOOTER = (
    "<footer>Times are UTC. Current and power are positive into the battery. Made by nev-telemetry.</footer>"
)


def page(session: Session) -> str:
    """Return the page."""
    return document(
        phrases.title(session), (*_header(session), "<main>", *_sections(session), "</main>", FOOTER)
    )


def document(title: str, body: Iterable[str]) -> str:
    """Return a page of that title around HTML."""
    style = (files("telemetry") / "pages.css").read_text("utf-8")
    style += (files("telemetry.charging.report") / "report.css").read_text("utf-8")
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escaped(title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        )
    )


def _header(session: Session) -> Iterator[str]:
    name = phrases.vehicle(session)
    until = "" if session.end_ns is None else f" to {phrases.moment(session.end_ns)}"
    parts = [f"{phrases.moment(session.start_ns)}{until}", phrases.protocol(session)]
    parts += [f"station {session.station}"] if session.station else []
    yield "<header>"
    yield f"<h1>{escaped(f'Charge of {name}' if name else 'Charge')}</h1>"
    yield f"<p>{escaped(' · '.join(part for part in parts if part))}</p>"
    yield "</header>"


def _sections(session: Session) -> Iterator[str]:
    outcome = phrases.outcome(session)
    yield f'<section class="ending" data-outcome="{escaped(outcome)}" aria-label="How it ended">'
    yield f'<p><span class="outcome">{escaped(outcome)}</span>{escaped(phrases.ending(session))}</p>'
    yield from _figures(session)
    yield "</section>"
    if drawn := list(charts(session)):
        yield '<section class="curves" aria-labelledby="curves"><h2 id="curves">Curves</h2>'
        yield '<div class="charts">'
        yield from (chart.figure() for chart in drawn)
        yield "</div></section>"
    if session.phases:
        yield from _phases(session)
    if session.errors:
        yield from _errors(session)
    if measured := meters(session):
        yield from _energies(session, measured)
    yield '<div class="groups">'
    for group in groups(session):
        yield f'<section><h2>{escaped(group.title)}</h2><dl class="facts">'
        for label, value in group.facts:
            yield f"<div><dt>{escaped(label)}</dt><dd>{escaped(value)}</dd></div>"
        yield "</dl></section>"
    yield "</div>"
    if session.curve:
        yield from _curve(session)


def _figures(session: Session) -> Iterator[str]:
    shown = (
        ("State of charge", phrases.soc(session)),
        ("Energy", energy(session.energy_wh)),
        ("Peak power", figure(session.peak_power_w, "kW", factor=0.001)),
        ("Mean power", figure(session.mean_power_w, "kW", factor=0.001)),
        ("Plugged in for", duration(session.duration_s)),
        ("Charging for", duration(session.charging_s)),
    )
    yield from figures(shown)


def figures(shown: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the figures that a page begins with: label and value, of those that are known."""
    yield '<dl class="figures">'
    yield from (f"<div><dt>{label}</dt><dd>{escaped(value)}</dd></div>" for label, value in shown if value)
    yield "</dl>"


def _phases(session: Session) -> Iterator[str]:
    yield '<section aria-labelledby="phases"><h2 id="phases">Phases and attempts</h2><div class="lines">'
    yield from timeline(session)
    yield f"<p><span>0</span><span>{escaped(duration(session.duration_s))}</span></p></div>"
    rows = [
        (
            str(phase.attempt),
            f'<i class="{phase.phase if phase.phase in PHASES else "ended"}"></i>{escaped(phase.phase)}',
            escaped(phrases.clock_time(phase.start_ns)),
            escaped(duration(phase.duration_s)),
        )
        for phase in session.phases
    ]
    yield from table("", ("attempt", "phase", "from", "for"), rows, numbers=(2, 3))
    yield "</section>"


def _errors(session: Session) -> Iterator[str]:
    yield '<section aria-labelledby="errors"><h2 id="errors">Errors</h2>'
    rows = [
        (
            escaped(phrases.clock_time(error.at_ns)),
            str(error.attempt),
            escaped(error.side),
            escaped("; ".join(reasons(error.what))),
        )
        for error in session.errors
    ]
    yield from table("", ("at", "attempt", "reported by", "what"), rows)
    yield "</section>"


def _energies(session: Session, measured: Sequence[Meter]) -> Iterator[str]:
    yield '<section aria-labelledby="energy"><h2 id="energy">Energy by who measured it</h2>'
    rows = [
        (
            escaped(f"by the {meter.name}"),
            escaped(energy(meter.energy_wh)),
            escaped(duration(meter.covered_s)),
            escaped(duration(meter.missing_s)),
        )
        for meter in measured
    ]
    if session.station_energy_wh is not None:
        rows.append(("by the station's own count", escaped(energy(session.station_energy_wh)), "", ""))
    head = ("", "energy", "covered", "not covered")
    yield from table("A gap over 2 s is never filled in.", head, rows, numbers=(1, 2, 3))
    yield "</section>"


def _curve(session: Session) -> Iterator[str]:
    yield '<section class="on-screen"><details><summary>The curve in figures</summary>'
    head = (
        "SOC",
        "at",
        "for",
        "power",
        "voltage",
        "current",
        "energy",
        "lowest cell",
        "highest cell",
        "hottest",
    )
    rows = [
        tuple(
            escaped(cell)
            for cell in (
                figure(point.soc_pct, "%", 0),
                phrases.clock_time(point.at_ns),
                duration(point.duration_s),
                figure(point.power_w, "kW", 2, factor=0.001),
                figure(point.voltage_v, "V"),
                figure(point.current_a, "A"),
                figure(point.energy_wh, "kWh", 3, factor=0.001),
                figure(point.cell_min_v, "V", 3),
                figure(point.cell_max_v, "V", 3),
                figure(point.temp_max_c, "°C", 0),
            )
        )
        for point in session.curve
    ]
    yield from table(
        "Means over each percent; of cells and temperature extremes.", head, rows, numbers=range(10)
    )
    yield "</details></section>"


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()
) -> Iterator[str]:
    """Yield a table whose cells are HTML already."""

    def cell(tag: str, index: int, content: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        kind = ' class="number"' if index in numbers else ""
        return f"<{tag}{scope}{kind}>{content}</{tag}>"

    yield '<div class="table"><table>' + (f"<caption>{escaped(caption)}</caption>" if caption else "")
    names = "".join(cell("th", index, escaped(name)) for index, name in enumerate(head))
    yield f"<thead><tr>{names}</tr></thead>"
    yield "<tbody>"
    for row in rows:
        yield f"<tr>{''.join(cell('td', index, content) for index, content in enumerate(row))}</tr>"
    yield "</tbody></table></div>"
