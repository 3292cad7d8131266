"""A fleet drawn at random goes through InfluxDB and `lake export`, and docs/lake.md is asked about it.

What is true comes out of loops over the raw points (tests/support/raw_answers.py), and out of their number.
"""

import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from telemetry import lake
from telemetry.clock import Clock
from telemetry.model import point as lineprotocol
from tests.support.command import Done, command
from tests.support.fleet import NOW, SEED, fleet_lines
from tests.support.gateway import influx_table
from tests.support.lake import DATABASE, MIDNIGHT_NS, candump, tree
from tests.support.raw_answers import DAY_NS, NS, PACK, Answer, Asked, Labels, RawPoints, stamp
from tests.support.servers import Database, DatabaseServer

pytestmark = pytest.mark.xdist_group("fleet")
PAGE = Path(__file__).parents[2] / "docs/lake.md"
_QUESTION = re.compile(r"^### (\d+)\. .+?(?=^##)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(sql|python|python setup)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAST_DAY = NOW.date() - timedelta(days=1)
DAYS = [LAST_DAY - timedelta(days=number) for number in range(5, -1, -1)]
START_NS = int(datetime(DAYS[0].year, DAYS[0].month, DAYS[0].day, tzinfo=UTC).timestamp()) * NS
STOP_NS = START_NS + len(DAYS) * DAY_NS
MEASUREMENTS = (
    "battery",
    "cells",
    "charger",
    "event",
    "charging_session",
    "charging_phase",
    "charging_curve",
)


def charge_lines() -> list[bytes]:
    """Return charges of two packs of a vehicle of its own; three of them are fast."""
    powers_w = {"front": (49_999.0, 50_000.0, 11_000.0), "rear": (120_000.0, None, 75_000.5)}
    return [
        lineprotocol.line(
            "charging_session",
            {"vehicle": "bus 1", "pack": pack, "charger": "main"},
            {"open": False, "peak_power_w": power_w, "energy_wh": 1000.0 * number, "outcome": "complete"},
            START_NS + (number + 1) * DAY_NS + 5,
        )
        for pack, powers in powers_w.items()
        for number, power_w in enumerate(powers)
    ]


@pytest.fixture(scope="module")
def asked() -> Asked:
    return Asked(RawPoints([*fleet_lines(), *charge_lines()]), START_NS, STOP_NS)


def export(database: Database, folder: Path, day: date, *, spool: str = "") -> Done:
    """Run `lake export` of one day."""
    config = folder / f"{database.name}.toml"
    if not config.exists():
        spool_table = f"[spool]\ndirectory = '{folder}/spool'\n{spool}"
        sink = influx_table(database, folder)
        config.write_text(
            f"vehicle = 'v'\n{spool_table}\n{sink}\n[[can]]\nname = 'can0'\ninterface = 'can0'\n"
        )
    now_ns = int(NOW.timestamp() + 30 * 86_400) * NS
    with patch.object(Clock, "unix_ns", lambda _: now_ns):
        return command("lake", "export", config, "--day", f"{day:%F}", "-o", folder / "lake")


@pytest.fixture(scope="module", params=["influxdb2", pytest.param("influxdb1", marks=pytest.mark.long)])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export all days of the fleet and of the charges; return the folder with the lake."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    fleet: Database = request.getfixturevalue(f"fleet_in_{request.param}")
    charges = server.fresh_database()
    body = b"\n".join(charge_lines())
    if server.token:
        answer = server.request("POST", "/api/v2/write", body, org=server.org, bucket=charges.name)
    else:
        answer = server.request("POST", "/write", body, db=charges.name)
    assert answer.status == 204
    folder = tmp_path_factory.mktemp("exported")
    for day in DAYS:
        said = export(fleet, folder, day)
        assert said.returncode == 0, said.stderr
    for number in range(1, 4):
        said = export(charges, folder, DAYS[number])
        assert (said.returncode, said.stderr) == (0, f"bus 1 {DAYS[number]:%F}: new: 2 rows\n")
    return folder


def test_all_points_of_the_days_are_in_the_lake(exported: Path, asked: Asked) -> None:
    import pyarrow.parquet as pq

    for measurement in MEASUREMENTS:
        true, found = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
        for point in asked.points.between(measurement, START_NS, STOP_NS):
            tags = {name: text for name, text in point.tags.items() if name not in ("vehicle", "source")}
            fields = {name: value for name, value in point.fields.items() if value != ""}
            for name, value in (*tags.items(), *fields.items()):
                true[point.time_ns, point.tags["vehicle"], point.tags.get("source"), name, value] += 1
        for file in lake.files(exported / "lake", table=measurement):
            rows = pq.read_table(file, partitioning=None)
            vehicle = re.findall("vehicle=([^/]*)", file)[0].replace("%20", " ")
            times = rows["time"].cast("int64").to_pylist()
            sources = rows["channel"].to_pylist()
            for name in set(rows.column_names) - {"time", "channel"}:
                for time_ns, source, value in zip(times, sources, rows[name].to_pylist(), strict=True):
                    if value is not None and value != "":
                        found[time_ns, vehicle, source, name, value] += 1
        assert true == found, f"{measurement} NEV_TELEMETRY_FLEET={SEED}"


def truth(asked: Asked) -> dict[int, tuple[Labels, Answer]]:
    """Return the labels and the answers of all questions."""
    by_day: Labels = (*PACK, "day")
    delta_v: dict[Labels, list[float]] = defaultdict(list)
    for (*labels, _), value in sorted(
        asked.grouped("battery", "cell_delta_v", min, bucket=asked.day).items()
    ):
        delta_v[tuple(labels)].append(value)
    coldest: Answer = {}
    firsts = asked.grouped("battery", "temp_min_c", lambda values: values[0], bucket=asked.day)
    for (vehicle, pack, _), value in firsts.items():
        coldest[vehicle, pack] = min(value, coldest.get((vehicle, pack), value))
    days: dict[str, set[date]] = defaultdict(set)
    hot: dict[Labels, set[int]] = defaultdict(set)
    for point in asked.points.between("battery", START_NS, STOP_NS):
        days[point.tags["vehicle"]].add(date.fromisoformat(asked.day(point.time_ns)))
        if point.fields.get("temp_max_c", 0.0) > 45.0:
            hot[point.labels(PACK)].add(point.time_ns // (60 * NS))
    sessions = asked.points.between("charging_session", START_NS, STOP_NS)
    fast = Counter(each.labels(PACK) for each in sessions if each.fields.get("peak_power_w", 0.0) >= 50_000.0)
    assert (fast["bus 1", "front"], fast["bus 1", "rear"]) == (1, 2)
    return {
        1: (
            (*PACK, "month"),
            asked.grouped(
                "battery", "capacity_ah", lambda ah: sum(ah) / len(ah), bucket=lambda ns: asked.day(ns)[:7]
            ),
        ),
        2: (PACK, {labels: values[-1] - values[0] for labels, values in delta_v.items()}),
        3: (
            PACK,
            asked.grouped("battery", "cell_min_index", lambda values: Counter(values).most_common(1)[0][0]),
        ),
        4: (by_day, {key: wh / 1000.0 for key, wh in asked.grown("charged_wh", PACK, asked.day).items()}),
        5: (
            (*PACK, "time"),
            {
                (*each.labels(PACK), stamp(each.time_ns)): each.fields["energy_wh"] / 1000.0
                for each in sessions
                if "energy_wh" in each.fields
            },
        ),
        6: (PACK, {labels: float(count) for labels, count in fast.items()}),
        7: (PACK, coldest),
        8: (
            ("vehicle",),
            {(name,): float((max(each) - min(each)).days + 1 - len(each)) for name, each in days.items()},
        ),
        9: (PACK, {labels: len(minutes) / 60.0 for labels, minutes in hot.items()}),
        10: (by_day, asked.grouped("battery", "soc_pct", min, bucket=asked.day)),
    }


def _answer(labels: Labels, rows: list[tuple[Any, ...]]) -> Answer:
    found: Answer = {}
    for *key, value in rows:
        named = tuple(
            f"{part:%F}" if label == "day" else f"{part:%FT%T}" if label == "time" else str(part)
            for label, part in zip(labels, key, strict=True)
        )
        assert named not in found
        found[named] = float(value)
    return found


def test_the_ten_questions_have_the_true_answers_in_duckdb_and_polars(
    exported: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported)
    page = PAGE.read_text("utf-8")
    setups = [code for language, code in _BLOCK.findall(page) if language == "python setup"]
    names: dict[str, Any] = {}
    for code in setups:
        exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - it is the page that is tested
    true = truth(asked)
    questions = {int(match[1]): dict(_BLOCK.findall(match[0])) for match in _QUESTION.finditer(page)}
    assert list(questions) == list(true) == list(range(1, 11))
    for number, blocks in questions.items():
        labels, expected = true[number]
        assert expected, (number, SEED)
        in_duckdb = _answer(labels, names["db"].sql(blocks["sql"]).fetchall())
        exec(compile(blocks["python"], str(PAGE), "exec"), names)  # noqa: S102
        in_polars = _answer(labels, names["answer"].collect().rows())
        for found in (in_duckdb, in_polars):
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), (number, SEED)


def test_a_day_that_is_there_is_skipped_and_one_that_changed_is_done_again(
    influxdb1: DatabaseServer, tmp_path: Path
) -> None:
    database, lines = influxdb1.fresh_database(), charge_lines()
    assert influxdb1.request("POST", "/write", b"\n".join(lines), db=database.name).status == 204
    day = DAYS[1]
    assert "new: 2 rows" in export(database, tmp_path, day).stderr
    assert "skipped: 2 rows" in export(database, tmp_path, day).stderr
    late = lines[0].replace(b"front", b"third")
    assert influxdb1.request("POST", "/write", late, db=database.name).status == 204
    assert "changed: 3 rows" in export(database, tmp_path, day).stderr
    assert len(lake.files(tmp_path / "lake")) == 1
    assert [*(tmp_path / "lake").rglob("*.parquet")] == [Path(file) for file in lake.files(tmp_path / "lake")]


def test_a_day_that_was_made_of_recordings_is_left_alone_and_the_others_are_exported(
    influxdb1: DatabaseServer, tmp_path: Path
) -> None:
    database, lines = influxdb1.fresh_database(), charge_lines()
    lines += [line.replace(b"bus\\ 1", b"bus\\ 2") for line in lines]
    assert influxdb1.request("POST", "/write", b"\n".join(lines), db=database.name).status == 204
    log = candump(tmp_path / "1.log", [(START_NS + DAY_NS, "310", "00" * 8)])
    lake.write(log, to=tmp_path / "lake", databases=str(DATABASE), vehicle="bus 1")
    before = tree(tmp_path / "lake")
    said, day = export(database, tmp_path, DAYS[1]), f"{DAYS[1]:%F}"
    assert said.returncode == 65
    assert said.stderr.splitlines() == [
        f"bus 1 {day}: is made of recordings already (name another dataset)",
        f"bus 2 {day}: new: 2 rows",
        f"nev-telemetry: {day}: 1 of its vehicles failed",
    ]
    assert before.items() <= tree(tmp_path / "lake").items()
    assert len(lake.files(tmp_path / "lake", vehicle="bus 2")) == 1


def test_a_day_to_which_more_may_come_is_refused(influxdb1: DatabaseServer, tmp_path: Path) -> None:
    today = (NOW + timedelta(days=30)).date()
    for day, returncode, words in (
        (today, 64, "is not closed"),
        (today - timedelta(days=7), 64, "is not closed"),
        (today - timedelta(days=9), 65, "has nothing of"),
    ):
        said = export(influxdb1.fresh_database(), tmp_path, day)
        assert (said.returncode, words in said.stderr) == (returncode, True), said.stderr
    said = export(influxdb1.fresh_database(), tmp_path, today - timedelta(days=9), spool="max_age_h = 240")
    assert said.returncode == 64


@pytest.mark.long  # 160 MB of packages that nothing else needs
@pytest.mark.optional
@pytest.mark.filterwarnings("ignore")  # theirs
def test_delta_lake_and_iceberg_take_the_rows_by_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deltalake, iceberg = pytest.importorskip("deltalake"), pytest.importorskip("pyiceberg.catalog.sql")
    for number in range(2):
        frames = [
            (MIDNIGHT_NS + (2 * n + number) * 10**9, "300", f"{n:02X}00000000000000") for n in range(10)
        ]
        candump(tmp_path / f"logs/ev{number}/1.log", frames)
    lake.write(tmp_path / "logs", to=tmp_path / "lake", databases=str(DATABASE))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iceberg").mkdir()
    (recipe,) = re.findall(
        r"^```python recipe\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    exec(compile(recipe.replace("battery", "BMS_PackPower"), str(PAGE), "exec"), {})  # noqa: S102
    catalog = iceberg.SqlCatalog("fleet", uri="sqlite:///catalog.db", warehouse=f"file://{tmp_path}/iceberg")
    for found in (
        deltalake.DeltaTable("delta/BMS_PackPower").to_pyarrow_table(),
        catalog.load_table("lake.BMS_PackPower").scan().to_arrow(),
    ):
        assert sorted(found["time"].cast("int64").to_pylist()) == [
            MIDNIGHT_NS // 1000 + n * 10**6 for n in range(20)
        ]
