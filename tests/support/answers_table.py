"""The table of docs/queries.md that sets the answers of the three languages beside what is true."""

from collections.abc import Mapping

from tests.support.fleet_drive_answers import drive_answers
from tests.support.queries_page import PAGE
from tests.support.raw_answers import Answer

SECTION = "## The answers against the truth"
ASKED = ("Flux", "InfluxQL", "pandas")
UNITS = {
    1: "%", 3: "kWh", 4: "kWh", 5: "cell", 6: "min", 7: "kW", 9: "V", 10: "V", 11: "frames", 12: "h",
    13: "alarms", 14: "cycles", 15: "Ah", 16: "%", 17: "°C", 18: "kΩ", 19: "min",
}  # fmt: skip


def table(found: Mapping[tuple[str, int], Answer]) -> str:
    """Make a row per question the simulated vehicle has an answer to. found: by language and number."""
    rows = ["| question | of | truth | Flux | InfluxQL | pandas |", "| --- | --- | --- | --- | --- | --- |"]
    for number, unit in UNITS.items():
        true = drive_answers()[number]
        labels = next(iter(true))
        reported = [_figure(found[language, number][labels]) for language in ASKED]
        cells = [f"{number}, in {unit}", " ".join(labels), _figure(true[labels]), *reported]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def written_table() -> str:
    """Return the table as it stands on the page."""
    section = PAGE.read_text("utf-8").partition(f"\n{SECTION}\n")[2]
    return "\n".join(line for line in section.splitlines() if line.startswith("|"))


def _figure(value: float) -> str:
    return f"{value:.4g}" if abs(value) >= 1e-9 else "0"
