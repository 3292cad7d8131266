"""A panel's course shows in every window what all the values say, of whatever was left out within bounds.

What is true comes from the simulated van's unreduced values by loops in plain Python: the mean over time of
lines between them. The night between both mornings is a silence. A panel has two vehicles with two packs
each; in the second pack stands what was kept by the other shape.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache

import pytest

from dashboards.units import label_of
from tests.support.fleet import load
from tests.support.fleet_drive import MORNINGS, SHAPES, UNREDUCED, driven
from tests.support.grafana import ALL_VALUES, FOLDER, SILENCE_S, TimeRange, flux_of, influxql_of, panels
from tests.support.grafana import load as load_dashboard
from tests.support.lineprotocol import Number, parse_line
from tests.support.queries_page import flux_rows
from tests.support.servers import Database, DatabaseServer

pytestmark = pytest.mark.xdist_group("fleet")  # driven once
SECOND = 1_000_000_000
NIGHT = TimeRange(MORNINGS[0] - timedelta(hours=1), MORNINGS[1] + timedelta(hours=1))
IN_THE_MIDST = TimeRange(MORNINGS[0] + timedelta(seconds=100), MORNINGS[0] + timedelta(seconds=1300))
DENSE = TimeRange(MORNINGS[0] + timedelta(seconds=100), MORNINGS[0] + timedelta(seconds=400))
BOUNDS = {"current_a": 0.5, "power_w": 200.0, "voltage_v": 0.1, "soc_pct": 0.1}
FIELDS = [
    "current_a",
    "soc_pct",
    *(pytest.param(one, marks=pytest.mark.long) for one in ("power_w", "voltage_v")),
]
SHOWN = [
    pytest.param(IN_THE_MIDST, 10, id="10s"),
    pytest.param(NIGHT, 60, id="60s"),
    pytest.param(NIGHT, 600, id="600s"),
]
Value = tuple[int, float]
Windows = dict[int, float]  # by the number of the window since 1970
Curves = dict[tuple[str, str], Windows]  # by vehicle and pack
_BY_LINE, _BY_HOLD = SHAPES
WHOSE = {  # what a pack's values are
    (_BY_LINE, "main"): _BY_LINE,
    (_BY_LINE, "rear"): _BY_HOLD,
    (_BY_HOLD, "main"): _BY_HOLD,
    (_BY_HOLD, "rear"): _BY_LINE,
}
ALONE = {(UNREDUCED, "main"): UNREDUCED}
both_servers = pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.server(one)) for one in ("influxdb2", "influxdb1")]
)


@cache
def values(field: str, vehicle: str = UNREDUCED) -> list[Value]:
    """Return all values of the field."""
    points = map(parse_line, driven().lines[vehicle])
    found = {
        point.time_ns: float(value)
        for point in points
        if point.measurement == "battery" and isinstance(value := point.fields.get(field), Number)
    }
    return sorted(found.items())


def pieces(field: str, interval_s: int) -> Iterator[tuple[int, int, float, float]]:
    """Yield window, how long, value at the beginning and at the end of each line, cut at windows' edges."""
    every = interval_s * SECOND
    for (from_ns, first), (to_ns, last) in zip(values(field), values(field)[1:], strict=False):
        at_ns = from_ns if to_ns - from_ns <= SILENCE_S * SECOND else to_ns
        while at_ns < to_ns:
            end_ns = min(to_ns, (at_ns // every + 1) * every)
            slope = (last - first) / (to_ns - from_ns)
            begins, ends = (first + slope * (each - from_ns) for each in (at_ns, end_ns))
            yield at_ns // every, end_ns - at_ns, begins, ends
            at_ns = end_ns


@cache
def true_means(field: str, interval_s: int) -> tuple[Windows, dict[int, int]]:
    """Return the mean over time in each window, and how much of it the values cover, in ns."""
    area: Windows = {}
    covered: dict[int, int] = {}
    for window, lasts_ns, first, last in pieces(field, interval_s):
        area[window] = area.get(window, 0.0) + (first + last) / 2 * lasts_ns
        covered[window] = covered.get(window, 0) + lasts_ns
    return {window: area[window] / covered[window] for window in area}, covered


@cache
def windows_with_values(vehicle: str, field: str, interval_s: int) -> set[int]:
    return {time_ns // SECOND // interval_s for time_ns, _ in values(field, vehicle)}


def is_dense(line: bytes) -> bool:
    """Return whether a line is one of those that a test of all values needs: there are many."""
    at_s = int(line.rpartition(b" ")[2]) / SECOND
    return b"power_w=" in line and DENSE.start.timestamp() - SILENCE_S <= at_s <= DENSE.stop.timestamp()


Stored = Callable[..., Database]


@pytest.fixture(scope="session")
def stored() -> Stored:
    """Store the packs' values, once a server."""
    databases: dict[tuple[str, ...], Database] = {}

    def store(server: DatabaseServer, packs: Mapping[tuple[str, str], str] = WHOSE) -> Database:
        of: tuple[str, ...] = (server.kind, *next(iter(packs)))
        if of not in databases:
            databases[of] = server.fresh_database()
            for (vehicle, pack), whose in packs.items():
                series = f"battery,pack={pack},source=can0,vehicle={vehicle}".encode()
                rows = (line.partition(b" ") for line in driven().lines[whose])
                lines = [series + b" " + rest for head, _, rest in rows if head.startswith(b"battery,")]
                load(databases[of], [line for line in lines if packs is WHOSE or is_dense(line)])
        return databases[of]

    return store


def found_by(
    database: Database, field: str, shown: TimeRange, interval_s: int, shape: str
) -> Iterator[tuple[str, Curves]]:
    """Yield by language what the dashboard's curves of that field show, of all vehicles and packs."""
    choices = {"vehicle": ALL_VALUES, "pack": ALL_VALUES}
    for language in ("flux", "influxql") if database.server.kind == "influxdb2" else ("influxql",):
        dashboard = load_dashboard(FOLDER / language / "battery.json")
        title = label_of("battery", field)
        (panel,) = (one for one in panels(dashboard) if (one["title"], one["type"]) == (title, "timeseries"))
        assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False
        text = panel["targets"][0]["query"]
        found: Curves = {}
        if language == "flux":
            query = flux_of(text, choices, shown, database.name, interval_s=interval_s, shape=shape)
            for row in flux_rows(database, query, shown.stop):
                if row["_value"]:
                    end_s = datetime.fromisoformat(row["_time"]).timestamp() - 0.01
                    curve = found.setdefault((row["vehicle"], row["pack"]), {})
                    curve[int(end_s // interval_s)] = float(row["_value"])
        else:
            query = influxql_of(text, choices, shown, interval_s=interval_s, shape=shape)
            for each in database.query(query).get("series", []):
                known = [(at_ns, value) for at_ns, value in each["values"] if value is not None]
                found[each["tags"]["vehicle"], each["tags"]["pack"]] = {
                    at_ns // SECOND // interval_s: value for at_ns, value in known
                }
        yield language, found


def off(found: Windows, true: Windows, most: float) -> list[tuple[int, float, float]]:
    return [
        (window, found[window], true[window])
        for window in true
        if window in found and abs(found[window] - true[window]) > most * (1 + 1e-6)
    ]


def in_range(shown: TimeRange, interval_s: int) -> range:
    """Return the windows, but one that is cut."""
    first, stop = (moment.timestamp() / interval_s for moment in (shown.start, shown.stop))
    return range(math.ceil(first), math.floor(stop))


@both_servers
@pytest.mark.parametrize(("shown", "interval_s"), SHOWN)
@pytest.mark.parametrize("field", FIELDS)
def test_a_course_is_within_the_bound_in_every_window(
    kind: str,
    shown: TimeRange,
    interval_s: int,
    field: str,
    request: pytest.FixtureRequest,
    stored: Stored,
) -> None:
    database = stored(request.getfixturevalue(kind))
    for vehicle, shape in SHAPES.items():
        packs = [pack for pack, whose in WHOSE.items() if whose == vehicle]
        for language, found in found_by(database, field, shown, interval_s, shape):
            assert found.keys() == WHOSE.keys(), language
            for pack in packs:
                check(found[pack], language, field, vehicle, shown, interval_s, shape)


@both_servers
@pytest.mark.parametrize("shape", ["line", "hold"])
def test_a_course_is_within_the_bound_where_nothing_is_left_out(
    kind: str, shape: str, request: pytest.FixtureRequest, stored: Stored
) -> None:
    database = stored(request.getfixturevalue(kind), ALONE)
    for language, found in found_by(database, "power_w", DENSE, 10, shape):
        ((_, curve),) = found.items()
        check(curve, language, "power_w", UNREDUCED, DENSE, 10, shape)


def check(
    found: Windows, language: str, field: str, vehicle: str, shown: TimeRange, interval_s: int, shape: str
) -> None:
    means, covered = true_means(field, interval_s)
    chosen = [window for window in in_range(shown, interval_s) if window in means]
    assert len(chosen) > (2 if interval_s == 600 else 20)
    assert set(chosen) <= found.keys(), (language, vehicle)
    if language == "influxql":
        chosen = [window for window in chosen if is_exact(window, vehicle, shape, field, interval_s)]
    true = {window: means[window] for window in chosen}
    assert off(found, true, BOUNDS[field]) == [], (language, vehicle, shape)
    silent = found.keys() & set(in_range(shown, interval_s)) - means.keys()
    near_s = 0 if language == "flux" else 2 * SILENCE_S
    assert all(distance_s(window, covered.keys(), interval_s) <= near_s for window in silent), language


def is_exact(window: int, vehicle: str, shape: str, field: str, interval_s: int) -> bool:
    """Return whether InfluxQL is exact: the window is covered and, by line, the one before has values."""
    _, covered = true_means(field, interval_s)
    if covered.get(window, 0) < 0.999 * interval_s * SECOND:
        return False
    return shape == "hold" or {window - 1, window} <= windows_with_values(vehicle, field, interval_s)


def distance_s(window: int, others: Iterable[int], interval_s: int) -> int:
    return (min(abs(window - other) for other in others) - 1) * interval_s


@both_servers
def test_a_mean_by_count_is_off_where_values_are_left_out(
    kind: str, request: pytest.FixtureRequest, stored: Stored
) -> None:
    """So the test above finds it."""
    database = stored(request.getfixturevalue(kind))
    means, _ = true_means("power_w", 60)
    for _, found in found_by(database, "power_w", NIGHT, 60, "mean by count"):
        assert found.keys() == WHOSE.keys()
        assert all(len(off(curve, means, 10 * BOUNDS["power_w"])) > 5 for curve in found.values())


@both_servers
def test_a_flag_stands_from_before_the_time_range_until_it_changes(
    kind: str, request: pytest.FixtureRequest, stored: Stored
) -> None:
    database = stored(request.getfixturevalue(kind))
    points = [point for point in map(parse_line, driven().lines[UNREDUCED]) if "charging" in point.fields]
    flags = sorted((point.time_ns, bool(point.fields["charging"])) for point in points)
    for vehicle in SHAPES:
        for found in states_by(database, vehicle):
            for second in range(120, 1260, 60):
                begins_ns = (round(MORNINGS[0].timestamp()) + second) * SECOND
                stands = [value for at_ns, value in found if at_ns <= begins_ns]
                known = [value for at_ns, value in flags if at_ns < begins_ns + 60 * SECOND]
                assert stands[-1] == known[-1], second
    assert {value for _, value in flags} == {True, False}


def states_by(database: Database, vehicle: str) -> Iterator[list[tuple[int, bool]]]:
    """Yield by language what the panel of states has, stamped with the beginning of windows."""
    shown, choices = IN_THE_MIDST, {"vehicle": (vehicle,), "pack": ("main",)}
    for language in ("flux", "influxql") if database.server.kind == "influxdb2" else ("influxql",):
        dashboard = load_dashboard(FOLDER / language / "battery.json")
        (panel,) = (one for one in panels(dashboard) if one["type"] == "state-timeline")
        text = panel["targets"][0]["query"]
        if language == "flux":
            rows = flux_rows(
                database, flux_of(text, choices, shown, database.name, interval_s=60), shown.stop
            )
            stamped = [(datetime.fromisoformat(row["_time"]).timestamp(), row["_value"]) for row in rows]
            yield [(round(at - 60) * SECOND, value == "true") for at, value in stamped if value]
        else:
            (series,) = database.query(influxql_of(text, choices, shown, interval_s=60))["series"]
            yield [(at_ns, value) for at_ns, value in series["values"]]


@both_servers
def test_a_course_by_line_has_every_series_each_time_it_is_asked_for(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Since a server may hand out their last windows in any order, ask again and again."""
    database = request.getfixturevalue(kind).fresh_database()
    begins_s, shown = round(MORNINGS[0].timestamp()), TimeRange(MORNINGS[0], MORNINGS[0] + timedelta(hours=4))
    stamps = [(begins_s + after_s) * SECOND + 7 for after_s in range(-600, 4 * 3600, 30)]
    for vehicle, pack in WHOSE:
        series = f"battery,pack={pack},source=can0,vehicle={vehicle}"
        load(database, [f"{series} current_a=10.0 {at_ns}".encode() for at_ns in stamps])
    for _ in range(20):
        for language, found in found_by(database, "current_a", shown, 600, "line"):
            assert found.keys() == WHOSE.keys(), language
            assert all(set(in_range(shown, 600)) <= curve.keys() for curve in found.values()), language
