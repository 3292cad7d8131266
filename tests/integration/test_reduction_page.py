"""Every query of docs/reduction.md, as it stands there, is within the bound of what all the values say."""

import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.bounds import Bounds

from tests.support.fleet import load
from tests.support.queries_page import flux_rows, questions
from tests.support.servers import Database, DatabaseServer

SECOND = 1_000_000_000
HOUR_S, STEP_NS = 3600, SECOND // 5
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START_NS = int((NOW - timedelta(hours=1)).timestamp()) * SECOND
BOUND = 0.5
SHAPES = {"can0": "hold", "can1": "line"}  # by the tag `source`
PAGE = Path(__file__).parents[2] / "docs" / "reduction.md"
Value = tuple[int, float]
pytestmark = pytest.mark.xdist_group("reduction page")


@cache
def values(source: str) -> list[Value]:
    """Return an hour of current, five times a second: a walk with noise and steps, then rest."""
    drawn, level, made = random.Random(source), -20.0, []
    for number in range(HOUR_S * SECOND // STEP_NS + 1):
        step = 40 * drawn.choice((-1, 1)) if drawn.random() < 0.002 else 0
        level += drawn.gauss(0, 0.3) - level / 500 + step
        if number > HOUR_S * SECOND // STEP_NS // 2:
            level = 60.0
        made.append((START_NS + number * STEP_NS, round(level + drawn.gauss(0, 0.1), 1)))
    return made


def kept(source: str, all_values: list[Value], bound: float = BOUND) -> list[Value]:
    schema = Schema([RecordSpec("battery", (FieldSpec("value", SlotKind.FLOAT),))])
    line = SHAPES[source] == "line"
    bounds = Bounds(schema, [1], [bound], line=line, longest_ns=60 * SECOND)
    samples, out = SampleBatch(schema), SampleBatch(schema)
    for time_ns, value in all_values:
        samples.append(0, time_ns, {"value": value})
    bounds.reduce(samples, out)
    bounds.flush(out)
    return [(row.time_ns, row.raw["value"]) for row in out]


def lowest_cells() -> list[Value]:
    """Return the lowest cell, five times a second: one all the hour, but for a minute of two in turns."""
    turns = range(3000, 3300)
    return [
        (time_ns, 41.0 if number not in turns else (6.0, 12.0)[number % 2])
        for number, (time_ns, _) in enumerate(values("can0"))
    ]


def queries(language: str, shape: str) -> Iterator[str]:
    """Yield those of the page, of each shape in the order of the page."""
    section = PAGE.read_text("utf-8").partition("## Asking for values")[2].partition("\n## ")[0]
    part = section.partition("\n`line`, ")
    text = part[0 if shape == "hold" else 2]
    yield from re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def stored() -> Callable[[DatabaseServer], Database]:
    """Store the kept values of both shapes once a server."""
    databases: dict[str, Database] = {}

    def store(server: DatabaseServer) -> Database:
        if server.kind not in databases:
            databases[server.kind] = server.fresh_database()
            lines = [
                f"battery,pack=main,source={source},vehicle=van current_a={amps} {time_ns}".encode()
                for source in SHAPES
                for time_ns, amps in kept(source, values(source))
            ]
            assert len(lines) < 0.4 * sum(len(values(source)) for source in SHAPES)
            lines += [
                f"battery,pack={source},source={source},vehicle=van cell_min_index={cell} {time_ns}".encode()
                for source in SHAPES
                for time_ns, cell in kept(source, lowest_cells(), 0.0)
            ]
            load(databases[server.kind], lines)
        return databases[server.kind]

    return store


def true_at(source: str, time_ns: int) -> float:
    """Return what all values say of this moment, drawn by the shape of the source."""
    all_values = values(source)
    after = bisect_right(all_values, time_ns, key=lambda one: one[0])
    before_ns, before = all_values[after - 1]
    if SHAPES[source] == "hold" or after == len(all_values):
        return before
    return before + (all_values[after][1] - before) * (time_ns - before_ns) / STEP_NS


def true_mean(source: str) -> float:
    amps = [number for _, number in values(source)]
    if SHAPES[source] == "hold":
        return (
            sum(true_at(source, START_NS + second * SECOND - 1) for second in range(1, HOUR_S + 1)) / HOUR_S
        )
    return (sum(amps) - (amps[0] + amps[-1]) / 2) / (len(amps) - 1)


def by_flux(database: Database, query: str, label: str = "source") -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for row in flux_rows(database, query.replace('"fleet"', f'"{database.name}"'), NOW):
        stamp = datetime.fromisoformat(row["_time"]).timestamp() if row.get("_time") else 0
        found.setdefault(row[label], []).append((round(stamp * SECOND), float(row["_value"])))
    return found


def by_influxql(database: Database, query: str, label: str = "source") -> dict[str, list[tuple[int, float]]]:
    text = " ".join(query.split()).replace("now()", f"'{NOW:%FT%TZ}'")
    return {
        series["tags"][label]: [(time_ns, amps) for time_ns, amps in series["values"] if amps is not None]
        for series in database.query(text)["series"]
    }


def check(found: Sequence[tuple[int, float]], source: str, *, ends_window: bool) -> None:
    """Compare a raster, or one mean. ends_window: a value is the last before its stamp."""
    if len(found) == 1:
        assert found[0][1] == pytest.approx(true_mean(source), abs=BOUND)
        return
    assert len(found) >= HOUR_S / 10 - 1
    for time_ns, amps in found:
        assert amps == pytest.approx(true_at(source, time_ns - ends_window), abs=BOUND + 1e-9), time_ns


@pytest.mark.server("influxdb2")
def test_each_query_in_flux_is_within_the_bound(
    influxdb2: DatabaseServer, stored: Callable[[DatabaseServer], Database]
) -> None:
    for source, shape in SHAPES.items():
        asked = list(queries("flux", shape))
        assert len(asked) == 2
        for query in asked:
            check(by_flux(stored(influxdb2), query)[source], source, ends_window=shape == "hold")


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.server(one)) for one in ("influxdb2", "influxdb1")]
)
def test_each_query_in_influxql_is_within_the_bound(
    kind: str, request: pytest.FixtureRequest, stored: Callable[[DatabaseServer], Database]
) -> None:
    database = stored(request.getfixturevalue(kind))
    for source, shape in SHAPES.items():
        asked = list(queries("sql", shape))
        assert len(asked) == (2 if shape == "hold" else 1)
        for query in asked:
            found = by_influxql(database, query)[source]
            if len(found) > 1:  # stamped with the beginning of its window
                found = [(time_ns + 10 * SECOND, amps) for time_ns, amps in found]
            check(found, source, ends_window=True)


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.server(one)) for one in ("influxdb2", "influxdb1")]
)
def test_the_worst_cell_is_that_of_most_time_and_not_of_most_changes(
    kind: str, request: pytest.FixtureRequest, stored: Callable[[DatabaseServer], Database]
) -> None:
    database = stored(request.getfixturevalue(kind))
    (question,) = (each for each in questions() if each.number == 5)
    asked = [by_influxql(database, question.influxql, "pack")]
    asked += [by_flux(database, question.flux, "pack")] if kind == "influxdb2" else []
    for found in asked:
        assert {pack: cell for pack, ((_, cell),) in found.items()} == dict.fromkeys(SHAPES, 41.0)
    for source in SHAPES:
        (changed_most, _), *_ = Counter(cell for _, cell in kept(source, lowest_cells(), 0.0)).most_common()
        assert changed_most != 41.0


def test_a_mean_of_kept_values_is_not_the_mean_of_the_hour() -> None:
    """What moves is kept densely, and so counts for more."""
    for source in SHAPES:
        amps = [number for _, number in kept(source, values(source))]
        assert abs(sum(amps) / len(amps) - true_mean(source)) > 20
