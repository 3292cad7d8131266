"""Every query of docs/reduction.md, as it stands there, is within the bound of what all the values say."""

import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
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
HOUR_S, LASTS_S, STEP_NS = 3600, 5100, SECOND // 5
TENTH_NS = 600 * SECOND
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)  # of what is asked for now: 5 minutes before the last value
START_NS = int((NOW - timedelta(seconds=LASTS_S - 300)).timestamp()) * SECOND
ASKED = tuple(  # between values, while the current rests and steps: nearer and farther from the last step
    NOW + timedelta(seconds=after_s) for after_s in (0.0, 3.137, 24.9051, 57.25, 89.6003)
)
BOUND = 0.5
SHAPES = {"can0": "hold", "can1": "line"}  # by the tag `source`
PAGE = Path(__file__).parents[2] / "docs" / "reduction.md"
Value = tuple[int, float]
pytestmark = pytest.mark.xdist_group("reduction page")


@cache
def values(source: str) -> list[Value]:
    """Return current, five times a second: rest, a walk with noise and steps, rest.

    Each 31 s a rest steps by 5 A within 10 ms: a line that goes on from there is off by thousands.
    """
    drawn, level, made = random.Random(source), -20.0, []
    for number in range(LASTS_S * SECOND // STEP_NS + 1):
        time_ns = START_NS + number * STEP_NS
        if 1500 * SECOND < number * STEP_NS < 3300 * SECOND:
            level += drawn.gauss(0, 0.3) - level / 500
            level += 40 * drawn.choice((-1, 1)) if drawn.random() < 0.002 else 0
            made.append((time_ns, round(level + drawn.gauss(0, 0.1), 1)))
            continue
        level = 60.0 + 5 * (number // 155 % 2)
        if number % 155 == 0:
            made.append((time_ns - 10_000_000, 125.0 - level))
        made.append((time_ns, level))
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
    turns = range(9000, 9300)
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
    after_ns, value = all_values[after]
    return before + (value - before) * (time_ns - before_ns) / (after_ns - before_ns)


def true_mean(source: str, start_ns: int, stop_ns: int) -> float:
    """Return the mean over time of what all values draw between these."""
    inner = [value for value in values(source) if start_ns < value[0] < stop_ns]
    drawn = [(start_ns, true_at(source, start_ns)), *inner, (stop_ns, true_at(source, stop_ns))]
    area = sum(
        (to_ns - at_ns) * (before if SHAPES[source] == "hold" else (before + after) / 2)
        for (at_ns, before), (to_ns, after) in pairwise(drawn)
    )
    return area / (stop_ns - start_ns)


def nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def by_flux(
    database: Database, query: str, now: datetime = NOW, label: str = "source"
) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for row in flux_rows(database, query.replace('"fleet"', f'"{database.name}"'), now):
        stamp = datetime.fromisoformat(row["_time"]).timestamp() if row.get("_time") else 0
        found.setdefault(row[label], []).append((round(stamp * SECOND), float(row["_value"])))
    return found


def by_influxql(
    database: Database, query: str, now: datetime = NOW, label: str = "source"
) -> dict[str, list[tuple[int, float]]]:
    text = " ".join(query.split())
    assert "error" not in database.query(text)
    # An offset of windows may be now() or a duration, and no time.
    text = text.replace("time(10m, now())", f"time(10m, {nanoseconds(now) % TENTH_NS}ns)")
    text = text.replace("now()", f"'{now:%FT%T.%fZ}'")
    found: dict[str, list[tuple[int, float]]] = {}
    for series in database.query(text)[
        "series"
    ]:  # one may come in two parts: its last window after the others
        rows = found.setdefault(series["tags"][label], [])
        rows.extend((time_ns, amps) for time_ns, amps in series["values"] if amps is not None)
    return found


def check_raster(found: Sequence[tuple[int, float]], source: str, *, ends_window: bool) -> None:
    """Compare the hour each 10 s. ends_window: a value is the last before its stamp."""
    assert HOUR_S / 10 - 7 <= len(found) <= HOUR_S / 10 + 7
    for time_ns, amps in found:
        assert time_ns % (10 * SECOND) == 0
        assert amps == pytest.approx(true_at(source, time_ns - ends_window), abs=BOUND + 1e-9), time_ns


def check_mean(amps: float, source: str, start_ns: int, stop_ns: int) -> None:
    assert amps == pytest.approx(true_mean(source, start_ns, stop_ns), abs=BOUND), (start_ns, stop_ns)


@pytest.mark.server("influxdb2")
@pytest.mark.parametrize("now", ASKED)
def test_each_query_in_flux_is_within_the_bound(
    influxdb2: DatabaseServer, stored: Callable[[DatabaseServer], Database], now: datetime
) -> None:
    database, now_ns = stored(influxdb2), nanoseconds(now)
    for source, shape in SHAPES.items():
        raster, mean = (by_flux(database, query, now)[source] for query in queries("flux", shape))
        check_raster(raster, source, ends_window=shape == "hold")
        ((_, amps),) = mean
        stop_ns = now_ns if shape == "hold" else (now_ns // SECOND - 120) * SECOND
        check_mean(amps, source, stop_ns - HOUR_S * SECOND, stop_ns)


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.server(one)) for one in ("influxdb2", "influxdb1")]
)
@pytest.mark.parametrize("now", ASKED)
def test_each_query_in_influxql_is_within_the_bound(
    kind: str,
    request: pytest.FixtureRequest,
    stored: Callable[[DatabaseServer], Database],
    now: datetime,
) -> None:
    database, now_ns = stored(request.getfixturevalue(kind)), nanoseconds(now)
    for source, shape in SHAPES.items():
        *rasters, mean = (by_influxql(database, query, now)[source] for query in queries("sql", shape))
        assert len(rasters) == (1 if shape == "hold" else 0)
        for raster in rasters:  # stamped with the beginning of its window; the last window is of a part
            check_raster(
                [(at_ns + 10 * SECOND, amps) for at_ns, amps in raster[:-1]], source, ends_window=True
            )
        whole = mean[1:] if shape == "hold" else mean[1:-1]
        count = 6 if shape == "hold" else 5
        assert [at_ns for at_ns, _ in whole] == [
            now_ns - HOUR_S * SECOND + n * TENTH_NS for n in range(count)
        ]
        for at_ns, amps in whole:
            check_mean(amps, source, at_ns, at_ns + TENTH_NS)


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.server(one)) for one in ("influxdb2", "influxdb1")]
)
def test_the_worst_cell_is_that_of_most_time_and_not_of_most_changes(
    kind: str, request: pytest.FixtureRequest, stored: Callable[[DatabaseServer], Database]
) -> None:
    database = stored(request.getfixturevalue(kind))
    (question,) = (each for each in questions() if each.number == 5)
    asked = [by_influxql(database, question.influxql, label="pack")]
    asked += [by_flux(database, question.flux, label="pack")] if kind == "influxdb2" else []
    for found in asked:
        assert {pack: cell for pack, ((_, cell),) in found.items()} == dict.fromkeys(SHAPES, 41.0)
    for source in SHAPES:
        (changed_most, _), *_ = Counter(cell for _, cell in kept(source, lowest_cells(), 0.0)).most_common()
        assert changed_most != 41.0


def test_a_mean_of_kept_values_is_not_the_mean_of_the_hour() -> None:
    """What moves is kept densely, and so counts for more."""
    first_ns, last_ns = values("can0")[0][0], values("can0")[-1][0]
    for source in SHAPES:
        amps = [number for _, number in kept(source, values(source))]
        assert abs(sum(amps) / len(amps) - true_mean(source, first_ns, last_ns)) > 20
