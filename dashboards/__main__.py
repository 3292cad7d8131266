"""Writes the dashboards: `python -m dashboards`. A test says when the files are out of date."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.battery import battery
from dashboards.cells import cells
from dashboards.charging import charging
from dashboards.fleet import fleet
from dashboards.flux import Flux
from dashboards.gateway import gateway
from dashboards.influx import Language
from dashboards.influxql import InfluxQL

FOLDER = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = (Flux(), InfluxQL())
DASHBOARDS: tuple[Callable[[Language], Dashboard], ...] = (fleet, battery, cells, charging, gateway)


def written() -> Iterator[tuple[Path, str]]:
    """Return each file and what stands in it."""
    for language in LANGUAGES:
        for make in DASHBOARDS:
            text = json.dumps(make(language), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
            yield FOLDER / language.name / f"{make.__name__}.json", f"{text}\n"


def main() -> None:
    """Write all of them."""
    for file, text in written():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
