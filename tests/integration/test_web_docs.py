"""docs/web.md names every path and every metric, and no other."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from telemetry.clock import Clock
from telemetry.live.state import LiveSnapshot
from telemetry.web.connection import HEAD_WITHIN_S, IDLE_S, SLOW_S, STALLED_S
from telemetry.web.http import MAX_HEAD_BYTES
from telemetry.web.metrics import exposition
from telemetry.web.server import MAX_CLIENTS, MAX_STREAMS
from telemetry.web.site import Site, Views
from tests.support.web import status

PAGE = (Path(__file__).parents[2] / "docs" / "web.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    section = next(part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if part.startswith(heading))
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_path_is_documented() -> None:
    documented = {path for row in rows("Paths") for path in quoted(row[0])}
    site = Site(Views(status, lambda: LiveSnapshot(0.0, 0), lambda: None), Clock())
    assert documented == {"/", *site.routes}


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    documented = {quoted(row[0])[0]: (row[1], set(quoted(row[2]))) for row in rows("Prometheus")}
    found = {}
    for family in text_string_to_metric_families(exposition(status(bound_factor=2.0)).decode()):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels or documented.get(name, ("", set()))[1])
    assert documented == found


def test_every_metric_of_an_alert_exists() -> None:
    rules = PAGE[PAGE.index("groups:") :]
    documented = {quoted(row[0])[0] for row in rows("Prometheus")}
    named = set(re.findall(r"nev_telemetry_\w+", rules))
    assert named
    assert named <= documented


def test_limits_are_those_of_the_code() -> None:
    words = " ".join(" ".join(row) for row in rows("Limits"))
    for figure in (MAX_CLIENTS, MAX_STREAMS):
        assert f" {figure}; " in words
    for seconds in (HEAD_WITHIN_S, IDLE_S, STALLED_S, SLOW_S):
        assert f" {seconds:.0f} s" in words
    assert f"{MAX_HEAD_BYTES // 1024} KiB" in words
