"""A first burst of lost frames is seen by all who look: docs/queries.md, the dashboards, Prometheus.

Six good minutes, one burst, six good minutes: written by the gateway's own stages, asked in real InfluxDB
servers and by Prometheus' own engine (Debian's promtool). VictoriaMetrics would not do: its increase() takes
the first value of a series for growth.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from telemetry_core.decode.spec import PlanSpec

from telemetry.demo.server import debian_program
from telemetry.errors import UnavailableError
from telemetry.ledger import Ledger
from telemetry.live.gateway import gateway_lines
from telemetry.ownership import cache_folder
from telemetry.service.pipeline import Pipeline
from telemetry.sources.can.sockets import CanUnixSocket
from telemetry.sources.can.source import SocketCanSource
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.stages import Stages
from telemetry.web.metrics import exposition
from tests.support.clock import FakeClock
from tests.support.fleet import NOW
from tests.support.grafana import FOLDER, Choices, TimeRange, flux_of, influxql_of, load, targets
from tests.support.listed_store import ListedStore
from tests.support.queries_page import (
    answer_by_flux,
    answer_by_influxql,
    answer_by_pandas,
    flux_rows,
    questions,
)
from tests.support.raw_answers import LABELS
from tests.support.servers import Database, DatabaseServer
from tests.support.web import status

VEHICLE, SOURCE = "van", "can0"
MINUTES = 12
BURST = {"kernel_dropped": 5700, "lost/queue_overflow": 37}
TRUE = {("van", "can0", "kernel_dropped"): 5700.0, ("van", "can0", "lost_queue_overflow"): 37.0}
PANELS = {"Dropped by the kernel": 5700.0, "Lost: a queue was full": 37.0}
GATEWAY_EVERY_S, SCRAPE_EVERY_S = 10, 15
SECOND_NS = 1_000_000_000
END_NS = int(NOW.timestamp()) * SECOND_NS
START_NS = END_NS - MINUTES * 60 * SECOND_NS
CHOICES: Choices = {"vehicle": (VEHICLE,), "source": (SOURCE,), "pack": ("main",)}
WEB_PAGE = Path(__file__).parents[2] / "docs" / "web.md"
QUESTION = next(question for question in questions() if question.number == 11)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Points of the gateway, and the text of each scrape."""

    lines: tuple[bytes, ...]
    scrapes: tuple[bytes, ...]


@cache
def recorded() -> Recorded:
    """Twelve minutes of a gateway whose bus drops frames in the middle, and never again."""
    clock = FakeClock(START_NS)
    stages = Stages(PlanSpec((), ()), None, vehicle=VEHICLE)
    ledger = Ledger({})
    pipeline = Pipeline(stages, ListedStore(), ledger, clock, {})
    source = SocketCanSource(SOURCE, CanUnixSocket(Path("/nowhere"), 0), clock)
    stages.expect(Binding(NO_BUS, SOURCE, SOURCE))
    lines: list[bytes] = []
    scrapes: list[bytes] = []
    for after_s in range(MINUTES * 60):
        counts: Mapping[str, int] = source.counts()
        if after_s >= MINUTES * 30:
            counts = {**counts, **BURST}
        pipeline.count_losses(SOURCE, counts)
        if after_s % GATEWAY_EVERY_S == 0:
            time_ns = START_NS + after_s * SECOND_NS
            lines += gateway_lines(VEHICLE, time_ns, ledger.snapshot(), {"uptime_s": after_s})
        if after_s % SCRAPE_EVERY_S == 0:
            scrapes.append(exposition({**status(), "accounts": ledger.snapshot()}))
    return Recorded(tuple(lines), tuple(scrapes))


def without_zeros() -> tuple[bytes, ...]:
    """Return the lines of gateways that knew no 0: there is nothing before the first loss."""
    return tuple(re.sub(rb"(kernel_dropped|lost_\w+)=0,", b"", line) for line in recorded().lines)


def long_ago() -> tuple[bytes, ...]:
    """Return the same gateway with 900 dropped a month before, and 900 more in each number since."""
    earlier = b"gateway,source=can0,vehicle=van kernel_dropped=900,lost_queue_overflow=0 %d" % (
        END_NS - 30 * 86_400 * SECOND_NS
    )
    later = (
        re.sub(rb"kernel_dropped=(\d+)", lambda found: b"kernel_dropped=%d" % (int(found[1]) + 900), line)
        for line in recorded().lines
    )
    return (earlier, *later)


HISTORIES = {"from 0": lambda: recorded().lines, "from nothing": without_zeros, "from 900": long_ago}
each_history = pytest.mark.parametrize("history", HISTORIES)


def written(server: DatabaseServer, history: str) -> Database:
    database, body = server.fresh_database(), b"\n".join(HISTORIES[history]())
    if server.kind == "influxdb2":
        answer = server.request("POST", "/api/v2/write", body, org=server.org, bucket=database.name)
    else:
        answer = server.request("POST", "/write", body, db=database.name)
    assert answer.status == 204, answer
    return database


@pytest.fixture(
    params=[pytest.param(kind, marks=pytest.mark.server(kind)) for kind in ("influxdb2", "influxdb1")]
)
def by_influxql(request: pytest.FixtureRequest) -> DatabaseServer:
    server: DatabaseServer = request.getfixturevalue(request.param)
    return server


def panel_queries(language: str) -> Iterator[tuple[str, str]]:
    for target in targets(load(FOLDER / language / "gateway.json")):
        if target.panel in PANELS:
            yield target.panel, target.query


SHOWN = TimeRange(NOW - timedelta(minutes=15), NOW)


def test_before_anything_is_lost_each_counter_stands_at_0() -> None:
    first = recorded().lines[1].decode()
    assert first.startswith("gateway,source=can0,vehicle=van ")
    for name in ("read", "kernel_dropped", "lost_queue_overflow", "lost_bad_length", "lost_error_frame"):
        assert f"{name}=0" in first.replace(" ", ",").split(",")


@pytest.mark.server("influxdb2")
@each_history
def test_flux_sees_the_first_loss(history: str, influxdb2: DatabaseServer) -> None:
    database = written(influxdb2, history)
    found = answer_by_flux(database, QUESTION, LABELS[11])
    assert {labels: count for labels, count in found.items() if count} == TRUE
    for panel, query in panel_queries("flux"):
        rows = list(flux_rows(database, flux_of(query, CHOICES, SHOWN, database.name), NOW))
        assert [float(row["_value"]) for row in rows] == [PANELS[panel]], panel


@each_history
def test_influxql_sees_the_first_loss(history: str, by_influxql: DatabaseServer) -> None:
    database = written(by_influxql, history)
    found = answer_by_influxql(database, QUESTION, LABELS[11])
    assert {labels: count for labels, count in found.items() if count} == TRUE
    for panel, query in panel_queries("influxql"):
        (series,) = database.query(influxql_of(query, CHOICES, SHOWN))["series"]
        assert [value for _, value in series["values"]] == [PANELS[panel]], panel


@pytest.mark.server("influxdb2")
@each_history
def test_pandas_sees_the_first_loss(
    history: str, influxdb2: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = written(influxdb2, history)
    monkeypatch.setenv("INFLUXDB_V2_URL", influxdb2.url)
    monkeypatch.setenv("INFLUXDB_V2_ORG", influxdb2.org)
    monkeypatch.setenv("INFLUXDB_V2_TOKEN", influxdb2.token)
    found = answer_by_pandas(database, QUESTION, LABELS[11])
    assert {labels: count for labels, count in found.items() if count} == TRUE


def promtool() -> Path:
    try:
        return debian_program("prometheus", "usr/bin/promtool", cache_folder())
    except UnavailableError as error:
        pytest.skip(f"Prometheus' promtool: {error}")


def scraped() -> list[dict[str, str]]:
    """Return promtool's input: each lost-frame series with its value at each scrape, `_` for none."""
    found: dict[str, list[str]] = {}
    for at, scrape in enumerate(recorded().scrapes):
        for family in text_string_to_metric_families(scrape.decode()):
            for sample in family.samples:
                if sample.name.endswith(("_dropped_total", "_lost_total")):
                    labels = ",".join(f"{name}={json.dumps(text)}" for name, text in sample.labels.items())
                    values = found.setdefault(f"{sample.name}{{{labels}}}", ["_"] * at)
                    values.append(f"{sample.value:g}")
    return [{"series": series, "values": " ".join(values)} for series, values in found.items()]


def test_prometheus_sees_the_first_loss_and_the_pages_alert_fires(tmp_path: Path) -> None:
    page = WEB_PAGE.read_text("utf-8")
    (rules,) = re.findall(r"^```yaml\n(groups:\n.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "rules.yml").write_text(rules, "utf-8")
    dropped = 'nev_telemetry_frames_kernel_dropped_total{source="can0"}'
    queue = 'nev_telemetry_frames_lost_total{source="can0",reason="queue_overflow"}'
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{SCRAPE_EVERY_S}s",
        "tests": [
            {
                "interval": f"{SCRAPE_EVERY_S}s",
                "input_series": scraped(),
                "promql_expr_test": [
                    {
                        "expr": f"increase({series}[{window}])",
                        "eval_time": "11m45s",
                        "exp_samples": [{"labels": series[series.index("{") :], "value": value}],
                    }
                    for window in ("10m", "15m")
                    for series, value in ((dropped, 5700), (queue, 37))
                ],
                "alert_rule_test": [
                    {"alertname": "FramesLost", "eval_time": "5m", "exp_alerts": []},
                    {
                        "alertname": "FramesLost",
                        "eval_time": "7m",
                        "exp_alerts": [
                            {"exp_labels": {"source": "can0"}},
                            {"exp_labels": {"source": "can0", "reason": "queue_overflow"}},
                        ],
                    },
                ],
            }
        ],
    }
    (tmp_path / "first_loss.yml").write_text(json.dumps(tests), "utf-8")  # JSON is YAML
    finished = subprocess.run(
        [str(promtool()), "test", "rules", "first_loss.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
