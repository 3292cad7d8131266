"""What Grafana does to a dashboard's queries before it sends them: variables, time range, interval.

Follows its data source for InfluxDB: in Flux `v.…` is replaced word by word, in InfluxQL `$timeFilter`,
`$__interval`, `${__from}` and `${__to}`; `${NAME:regex}` becomes a group of alternatives when several values
are chosen.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from telemetry.ownership import cache_folder

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("flux/*.json")) + sorted(FOLDER.glob("influxql/*.json"))
INTERVAL_S = 600
SHAPES = {"line": "0.5", "hold": "1.0", "mean by count": "0.0"}  # what the variable `shape` stands for
SILENCE_S = 90
_BUILD_TIMEOUT_S = 600.0
_SCHEMA = Path(__file__).parent / "grafana_schema"
_VARIABLE = re.compile(r"\$\{(\w+):regex\}")

Choices = Mapping[str, Sequence[str]]
ALL_VALUES = (".*",)  # what All of a variable stands for, which Grafana sends as it is


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What the dashboard shows."""

    start: datetime
    stop: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel."""

    panel: str
    ref_id: str
    query: str


def load(file: Path) -> dict[str, Any]:
    dashboard = json.loads(file.read_text("utf-8"))
    assert isinstance(dashboard, dict)
    return dashboard


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all panels but rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def targets(dashboard: Mapping[str, Any]) -> Iterator[Target]:
    """Yield all queries of all panels."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Target(panel["title"], target["refId"], target["query"])


def variable_queries(dashboard: Mapping[str, Any]) -> Iterator[Target]:
    """Yield the queries that give what a variable may be."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield Target("variable", variable["name"], variable["query"])


def flux_of(
    query: str,
    choices: Choices,
    shown: TimeRange,
    bucket: str,
    *,
    interval_s: int = INTERVAL_S,
    shape: str = "line",
) -> str:
    """Return a query in Flux as it is sent."""
    values = {
        "v.defaultBucket": json.dumps(bucket),
        "v.timeRangeStart": f"{shown.start:%FT%TZ}",
        "v.timeRangeStop": f"{shown.stop:%FT%TZ}",
        "v.windowPeriod": f"{interval_s}s",
    }
    for name, value in values.items():
        query = query.replace(name, value)
    return _chosen(query, choices, shape)


def influxql_of(
    query: str, choices: Choices, shown: TimeRange, *, interval_s: int = INTERVAL_S, shape: str = "line"
) -> str:
    """Return a query in InfluxQL as it is sent."""
    start_ms, stop_ms = (round(moment.timestamp() * 1000) for moment in (shown.start, shown.stop))
    query = query.replace("$timeFilter", f"time >= {start_ms}ms and time <= {stop_ms}ms")
    query = query.replace("${__from}", f"{start_ms}").replace("${__to}", f"{stop_ms}")
    query = query.replace("$__interval_ms", f"{1000 * interval_s}").replace("$__interval", f"{interval_s}s")
    return _chosen(query, choices, shape)


def _chosen(query: str, choices: Choices, shape: str) -> str:
    query = query.replace("${shape}", SHAPES[shape]).replace("${silence}", f"{SILENCE_S}")
    return _VARIABLE.sub(lambda match: _alternatives(choices[match[1]]), query)


def _alternatives(values: Sequence[str]) -> str:
    if values == ALL_VALUES:
        return ".*"
    escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def schema_checker() -> Path:
    """Build, once, the program that checks dashboards against Grafana's schema; skip without Go."""
    if shutil.which("go") is None:
        pytest.skip("Grafana's schema cannot be had: no go")
    program = cache_folder() / "grafana-schema-0.0.22"
    if not program.is_file():
        built = program.with_name(f"{program.name}.{os.getpid()}")  # others may want it at the same time
        finished = subprocess.run(
            ["go", "build", "-mod=readonly", "-o", str(built), "."],
            cwd=_SCHEMA,
            capture_output=True,
            text=True,
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
        if finished.returncode != 0:
            pytest.skip(f"Grafana's schema cannot be had: {finished.stderr.strip()[-300:]}")
        built.replace(program)
    return program
