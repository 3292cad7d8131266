"""The panels of the dashboard `fleet` as pictures: the tables that their answers make, as a person sees them.

    python -m benchmarks.fleet_tables --folder ANSWERS --language influxql --output fleet.png

ANSWERS: the folder in which `python -m benchmarks.fleet_asked` has kept what the server said.
"""

import argparse
import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

DASHBOARDS = Path(__file__).parents[1] / "dashboards"
WORST = 20
_COLUMNS = ("Time", "vehicle", "pack", "charger", "source", "code", "value", "text")


def answered(content: bytes) -> list[dict[str, Any]]:
    """Return the rows of an answer in either language, under the names that Grafana shows."""
    if not content.startswith(b"{"):
        tables = content.decode().replace("\r", "").strip().split("\n\n")
        return [row for table in tables for row in csv.DictReader(io.StringIO(table))]
    return [
        {**series.get("tags", {}), **dict(zip(("Time", *series["columns"][1:]), values, strict=True))}
        for series in json.loads(content)["results"][0].get("series", [])
        for values in series["values"]
    ]


def sorting(panel: dict[str, Any]) -> tuple[str, bool]:
    """Return by which column Grafana sorts the panel, and whether the highest comes first."""
    (wanted,) = next(step["options"]["sort"] for step in panel["transformations"] if step["id"] == "sortBy")
    return str(wanted["field"]), bool(wanted["desc"])


def shown(name: str, value: Any) -> str:
    """Return a cell's text: a time to the minute, a number to three places."""
    if name == "Time" and value:
        at = (
            datetime.fromtimestamp(value / 1e9, UTC)
            if isinstance(value, int)
            else datetime.fromisoformat(value)
        )
        return f"{at:%F %H:%M}"
    try:
        return f"{float(value):.3f}".rstrip("0").rstrip(".")
    except (TypeError, ValueError):
        return "" if value is None else str(value)


def main() -> None:
    """Draw one picture of all panels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--language", choices=("flux", "influxql"), required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    dashboard = json.loads((DASHBOARDS / arguments.language / "fleet.json").read_text("utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel.get("targets")]
    figure = Figure(figsize=(16.0, 5.2 * len(panels) / 2))
    for place, panel in enumerate(panels):
        rows = answered((arguments.folder / f"{arguments.language} panel {panel['title']}").read_bytes())
        axes = figure.add_subplot((len(panels) + 1) // 2, 2, place + 1)
        axes.set_axis_off()
        axes.set_title(f"{panel['title']} ({len(rows)} rows)", loc="left", fontsize=11)
        column, is_highest_first = sorting(panel)
        present = [row for row in rows if row.get(column) not in (None, "")]
        present.sort(key=lambda row: _key(row[column]), reverse=is_highest_first)
        hidden = panel["transformations"][-1]["options"]["excludeByName"]
        with_text = (name for name in _COLUMNS if any(row.get(name) not in (None, "") for row in rows))
        columns = [name for name in with_text if name not in hidden]
        cells = [[shown(name, row.get(name)) for name in columns] for row in present[:WORST]]
        if cells:
            axes.table(cellText=cells, colLabels=columns, loc="upper center", cellLoc="left")
    figure.tight_layout()
    figure.savefig(arguments.output, dpi=70)


def _key(value: Any) -> tuple[float, str]:
    try:
        return float(value), ""
    except (TypeError, ValueError):
        return 0.0, str(value)


if __name__ == "__main__":
    main()
