"""`retention` on real servers: what it installs, what that makes of rows, and what it says where it may not.

Means are compared with sums by hand over the same rows; copies with what was written, to the nanosecond.
"""

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.retention import flux
from telemetry.retention.influx2 import Influx2
from telemetry.retention.kept import TIERS, Tier
from telemetry.retention.server import Step, hours, install, reached, steps
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.server import Api, InfluxServer
from tests.support.command import failed, printed
from tests.support.servers import Database, DatabaseServer, Point
from tests.support.waiting import wait_until

NOW_S = int(time.time()) // 3600 * 3600
NOW = datetime.fromtimestamp(NOW_S, UTC)
S = 1_000_000_000
STEPS_1 = 2 + 42 + 1  # policies, continuous queries, the rows' own policy
STEPS_2 = 2 + 3 + 1  # buckets, tasks, the rows' own bucket
each_server = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.server(kind)) for kind in ("influxdb2", "influxdb1")]
)


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest) -> Database:
    server: DatabaseServer = request.getfixturevalue(kind)
    return server.fresh_database()


def settings(database: Database, server: DatabaseServer | None = None) -> InfluxServer:
    server = server or database.server
    return InfluxServer(
        url=server.url,
        org=server.org,
        bucket=database.name,
        token=Secret(server.token) if server.token else None,
        username="" if server.token else server.username,
        password=None if server.token else Secret(server.password),
    )


def write(database: Database, lines: str) -> None:
    server = database.server
    if server.kind == "influxdb2":
        answer = server.request("POST", "/api/v2/write", lines.encode(), org=server.org, bucket=database.name)
    else:
        answer = server.request("POST", "/write", lines.encode(), db=database.name)
    assert answer.status == 204, answer


def rows(of_vehicle: str, begins_s: int, *rows: tuple[float, str]) -> str:
    tags = f"battery,pack=main,source=can0,vehicle={of_vehicle}"
    return "\n".join(f"{tags} {fields} {int((begins_s + at_s) * S)}" for at_s, fields in rows) + "\n"


def kept(database: Database, place: str) -> Mapping[Point, float | bool | str]:
    """Return what a place holds, of either kind of server."""
    if database.server.kind == "influxdb2":
        return Database(database.server, f"{database.name}_{place}").points()
    found = {}
    text = " ".join(("SELECT * FROM", f'"{place}"./.*/', "GROUP BY *"))
    for series in database.query(text).get("series", []):
        tags = tuple(sorted((key, text) for key, text in series.get("tags", {}).items() if text))
        for row in series["values"]:
            for field, value in zip(series["columns"][1:], row[1:], strict=True):
                if value is not None:
                    found[Point(series["name"], tags, field, row[0])] = value
    return found


def minute(database: Database, at_s: int, vehicle: str = "van-1") -> dict[str, float | bool | str]:
    return {
        point.field: value
        for point, value in kept(database, "minutes").items()
        if point.time_ns == at_s * S and ("vehicle", vehicle) in point.tags
    }


def installed(database: Database) -> list[str]:
    with reached(settings(database), Clock()) as server:
        return list(install(server, datetime.now(UTC)))


DAY_AGO_S = NOW_S - 86_400
UNEVEN = rows(
    "van-1",
    DAY_AGO_S - 60,
    (50.0, 'current_a=1,cell_min_index=4,charging=false,charged_wh=5,cell_min_pack="a"'),
    (70.0, "current_a=-10,cell_min_index=7,charged_wh=6"),
    (90.0, "current_a=20"),
    (91.0, "current_a=30,charging=true"),
    (92.0, 'current_a=40,charged_wh=8,cell_min_pack="b"'),
    (4000.0, "current_a=9"),  # after a gap of more than an hour
)


@each_server
def test_a_minute_keeps_mean_least_greatest_and_last_of_a_level_and_the_last_of_all_else(
    database: Database,
) -> None:
    write(database, UNEVEN)
    installed(database)
    found = minute(database, DAY_AGO_S)
    mean = found.pop("mean_current_a")
    assert found == {
        "min_current_a": -10.0,
        "max_current_a": 40.0,
        "last_current_a": 40.0,
        "last_cell_min_index": 7.0,
        "last_charging": True,
        "last_charged_wh": 8.0,
        "last_cell_min_pack": "b",
    }
    # -10 for 20 s, 20 for 20 s, 30 for 1 s, 40 for 1 s; of the plain mean each row counts alike.
    by_time = (-10 * 20 + 20 * 20 + 30 * 1 + 40 * 1) / 42
    by_rows = (-10 + 20 + 30 + 40) / 4
    assert mean == pytest.approx(by_time if database.server.kind == "influxdb2" else by_rows)
    alone = dict.fromkeys(("mean_current_a", "min_current_a", "max_current_a", "last_current_a"), 9.0)
    assert minute(database, DAY_AGO_S + 3900) == alone  # of no row before the gap


@each_server
def test_what_happens_once_is_copied_to_the_nanosecond_and_accounts_by_the_hour(database: Database) -> None:
    event = 'event,code=cell_imbalance,source=can0,vehicle=van-1 level={},active={},text="a cell" {}\n'
    at_ns = (DAY_AGO_S + 33) * S + 123_456_789
    lines = [event.format(1, "true", at_ns), event.format(0, "false", at_ns + 1)]
    session = "charging_session,charger=main,pack=main,vehicle=van-1 energy_wh={},open={} {}\n"
    lines += [
        session.format(energy_wh, is_open, at_ns) for energy_wh, is_open in ((10, "true"), (20, "false"))
    ]
    lines.append(f"cell_resistance,pack=main,vehicle=van-1 r001=0.5,r002=0.75 {at_ns}\n")
    lines.append(f"battery_use,pack=main,vehicle=van-1 charge_in_ah=7,temp_m10_soc_70_s=60 {at_ns}\n")
    of_family = "" if database.server.kind == "influxdb2" else "last_"  # which has no alias in InfluxQL
    account = 'gateway,vehicle=van-1 points_made={},version="1.2" {}\n'
    lines += [account.format(count, (DAY_AGO_S + count) * S) for count in (10, 20, 3700)]
    write(database, "".join(lines))
    installed(database)
    found = {
        (point.measurement, point.field, point.time_ns): value
        for point, value in kept(database, "records").items()
    }
    assert found == {
        **{
            ("event", name, at_ns): value
            for name, value in (("level", 1.0), ("active", True), ("text", "a cell"))
        },
        **{
            ("event", name, at_ns + 1): value
            for name, value in (("level", 0.0), ("active", False), ("text", "a cell"))
        },
        **{
            ("charging_session", name, at_ns): value for name, value in (("energy_wh", 20.0), ("open", False))
        },
        **{("cell_resistance", f"{of_family}r{n:03d}", at_ns): value for n, value in ((1, 0.5), (2, 0.75))},
        ("battery_use", "charge_in_ah", at_ns): 7.0,
        ("battery_use", f"{of_family}temp_m10_soc_70_s", at_ns): 60.0,
        **{("gateway", "last_version", (DAY_AGO_S + hour) * S): "1.2" for hour in (0, 3600)},
        **{
            ("gateway", "last_points_made", (DAY_AGO_S + at) * S): count
            for at, count in ((0, 20.0), (3600, 3700.0))
        },
    }


@each_server
def test_what_was_stored_for_longer_is_brought_in_before_rows_expire(database: Database) -> None:
    old_s = NOW_S - 40 * 86_400
    write(database, rows("van-1", old_s, (5.0, "soc_pct=50")) + rows("van-1", DAY_AGO_S, (5.0, "soc_pct=60")))
    lines = installed(database)
    assert re.fullmatch("done: .* of 30 days", lines[-1])
    assert minute(database, old_s)["last_soc_pct"] == 50.0
    assert minute(database, DAY_AGO_S)["last_soc_pct"] == 60.0


@each_server
def test_an_installation_that_is_cut_off_twice_goes_on_with_the_day_at_which_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    days_s = [DAY_AGO_S // 86_400 * 86_400 - 86_400 * ago for ago in (5, 3, 2, 1)]
    write(database, "".join(rows("van-1", at_s + 40_000, (5.0, "soc_pct=50")) for at_s in days_s))
    with reached(settings(database), Clock()) as server:
        bring_in, begun = server.bring_in, list[float]()

        def cut_off(refused_s: int, start: datetime, stop: datetime) -> None:
            begun.append(start.timestamp())
            if begun[-1] // 86_400 * 86_400 == refused_s:
                raise UnavailableError("timeout")
            bring_in(start, stop)

        for refused_s, first_s in ((days_s[1], None), (days_s[3], days_s[0]), (0, days_s[2])):
            monkeypatch.setattr(server, "bring_in", partial(cut_off, refused_s))
            begun.clear()
            with pytest.raises(UnavailableError) if refused_s else contextlib.nullcontext():
                list(install(server, datetime.now(UTC)))
            assert first_s in (None, begun[0])
        assert [step.what for step in steps(server) if step.make] == []
        assert all(minute(database, (at_s + 40_000) // 60 * 60)["last_soc_pct"] == 50.0 for at_s in days_s)


@each_server
def test_how_long_somebody_has_chosen_to_keep_rows_stays(database: Database) -> None:
    server, name = database.server, database.name
    if server.kind == "influxdb1":
        server.request("POST", "/query", b"", q=f"ALTER RETENTION POLICY autogen ON {name} DURATION 90d")
    else:
        with reached(settings(database), Clock()) as found:
            assert isinstance(found, Influx2)
            bucket = found.insist(Api.V2, "GET", "/api/v2/buckets", {"name": name})["buckets"][0]["id"]
            rules = [{"type": "expire", "everySeconds": 90 * 86_400}]
            found.insist(Api.V2, "PATCH", f"/api/v2/buckets/{bucket}", {}, {"retentionRules": rules})
    installed(database)
    with reached(settings(database), Clock()) as found:
        assert found.kept("raw").found == "is of 90 days, and stays so"
        assert [step.what for step in steps(found) if step.make] == []


@each_server
def test_a_second_installation_changes_nothing_and_a_part_of_one_is_completed(database: Database) -> None:
    write(database, UNEVEN)
    with reached(settings(database), Clock()) as server:
        count = STEPS_2 if database.server.kind == "influxdb2" else STEPS_1
        assert len([step for step in steps(server) if step.make]) == count
        list(install(server, datetime.now(UTC)))
        assert [step.what for step in steps(server) if step.make] == []
        assert list(install(server, datetime.now(UTC))) == []
        _remove_a_task(database)
        (gone,) = [step for step in steps(server) if step.make]
        assert gone.found == "missing"
        assert f"done: {gone.what}" in list(install(server, datetime.now(UTC)))
        assert [step.what for step in steps(server) if step.make] == []


def _remove_a_task(database: Database) -> None:
    server = database.server
    if server.kind == "influxdb1":
        database.query(f'DROP CONTINUOUS QUERY "nev_battery_3d" ON "{database.name}"')
        return
    found = server.request("GET", "/api/v2/tasks", name=f"nev-telemetry {database.name} 3d")
    task = json.loads(found.body)["tasks"][0]["id"]
    assert server.request("DELETE", f"/api/v2/tasks/{task}").status == 204


LATE = {
    "3h": 2 * 3_600,
    "3d": 2 * 86_400,
    "29d": 20 * 86_400,
}  # what a task brings in first, and how old it is


@each_server
def test_rows_that_come_late_are_brought_in_by_the_task_that_looks_back_so_far(database: Database) -> None:
    now_s = int(time.time()) // 60 * 60  # of this test: a task that looks back 3 h begins at its own now
    for age_s in LATE.values():
        write(database, rows("van-2", now_s - age_s, (5.0, "soc_pct=50"), (25.0, "soc_pct=60")))
    with reached(settings(database), Clock()) as server:
        for step in (server.kept("minutes"), server.kept("records")):
            assert step.make is not None
            step.make()
        tasks = {step.what.rpartition(" ")[2]: step for step in server.tasks()}
        assert _late_minutes(database, now_s) == []
        for tier, brought_in in zip(TIERS, (["3h"], ["3h", "3d"], [*LATE]), strict=True):
            _begin(database, tier.since, tasks, now_s)
            wait_until(partial(_has_late_minutes, database, now_s, brought_in))


def _has_late_minutes(database: Database, now_s: int, since: list[str]) -> bool:
    return _late_minutes(database, now_s) == since


def _late_minutes(database: Database, now_s: int) -> list[str]:
    return [
        since
        for since, age_s in LATE.items()
        if minute(database, now_s - age_s, "van-2").get("last_soc_pct") == 60.0
    ]


def _begin(database: Database, since: str, tasks: Mapping[str, Step], now_s: int) -> None:
    """Make what looks back so far; InfluxDB 1 runs it at once, InfluxDB 2 when it is told to."""
    server = database.server
    make = tasks[f"nev_battery_{since}" if server.kind == "influxdb1" else since].make
    assert make is not None
    make()
    if server.kind == "influxdb2":
        found = server.request("GET", "/api/v2/tasks", name=f"nev-telemetry {database.name} {since}")
        (task,) = json.loads(found.body)["tasks"]
        now_h = now_s // 3_600  # or before: what is scheduled for later waits until then
        hour = next(_that_see(range(now_h, 0, -1), task["flux"], (now_s - LATE[since]) / 3_600))
        body = json.dumps({"scheduledFor": hours(datetime.fromtimestamp(hour * 3_600, UTC))}).encode()
        path = f"/api/v2/tasks/{task['id']}/runs"
        answer = server.request("POST", path, body, content_type="application/json")
        assert answer.status == 201, answer


def _that_see(hours: range, task: str, row_h: float) -> Iterator[int]:
    """Yield those hours at which a task brings in the row of such a time. All in hours since 1970."""
    (count,), (apart,), (length,) = (
        map(int, re.findall(form, task))
        for form in (r"0 % (\d+)\n", r"slice \* (\d+) \*", r"d: (\d+)h, from: stop")
    )
    for hour in hours:
        stop = hour - hour % count * apart
        if stop - length <= row_h < stop:
            yield hour


@pytest.mark.parametrize(
    ("tier", "least_h", "within_h"), [*zip(TIERS, (2, 48, 22 * 24), (1, 24, 88), strict=True)]
)
def test_a_row_that_comes_late_waits_no_longer_for_its_slice_than_the_page_says(
    tier: Tier, least_h: int, within_h: int
) -> None:
    """By the task's own numbers, for each hour of the round, and each age; none is of rows that expire."""
    task = flux.task("fleet", tier)
    for now_h in range(500_000, 500_000 + within_h):
        for age_h in range(least_h):
            first = next(_that_see(range(now_h, now_h + 200), task, now_h - age_h - 0.5))
            assert first - now_h <= within_h


def config(tmp_path: Path, database: Database, server: DatabaseServer) -> Path:
    """Write what an operator has: where the database is, and nothing of a vehicle."""
    secret = tmp_path / "secret"
    secret.write_text(server.token or server.password)
    secret.chmod(0o600)
    keys = {"url": server.url, "org": server.org, "bucket": database.name}
    keys |= (
        {"token_file": str(secret)}
        if server.token
        else {"username": server.username, "password_file": str(secret)}
    )
    file = tmp_path / "operator.toml"
    file.write_text(
        "[influx]\n" + "".join(f"{key} = {json.dumps(text)}\n" for key, text in keys.items() if text)
    )
    return file


@each_server
def test_the_command_shows_then_installs_and_counts_before_and_after(
    database: Database, tmp_path: Path
) -> None:
    write(database, UNEVEN)
    file = config(tmp_path, database, database.server)
    shown = printed("retention", file).splitlines()
    count = STEPS_2 if database.server.kind == "influxdb2" else STEPS_1
    assert len([line for line in shown if line.endswith(", to be made")]) == count
    assert shown[-1] == "nothing was changed (--apply does it)"
    applied = printed("retention", file, "--apply").splitlines()
    assert len([line for line in applied if line.startswith("done: ")]) == count
    values = sum(fields.count("=") for fields in (line.split(" ")[1] for line in UNEVEN.splitlines()))
    assert f" {values}," in shown[-2].replace("values:", "")
    assert shown[-2].endswith("minutes 0, records 0") or shown[-2].endswith(
        f"minutes 0, {database.name}_records 0"
    )
    minutes = len(kept(database, "minutes"))
    assert f"minutes {minutes}," in applied[-1]
    assert printed("retention", file, "--apply").splitlines()[-1] == "all is as it should be"


@each_server
def test_a_bucket_of_a_wrong_name_is_not_made(database: Database, tmp_path: Path) -> None:
    wrong = Database(database.server, f"{database.name}_typo")
    before = _databases(wrong)
    for options in ((), ("--apply",)):
        said = failed(69, "retention", config(tmp_path, wrong, wrong.server), *options)
        assert (
            f"has no {'bucket' if wrong.server.token else 'database'} {wrong.name}, and none is made" in said
        )
        assert said.count("\n") <= 1
    assert _databases(wrong) == before


def _databases(database: Database) -> str:
    if database.server.kind == "influxdb1":
        return json.dumps(database.query("SHOW DATABASES"))
    found = json.loads(database.server.request("GET", "/api/v2/buckets", limit="100").body)["buckets"]
    return json.dumps(sorted(bucket["name"] for bucket in found))


@pytest.mark.server("influxdb2")
def test_what_is_brought_in_is_no_answer_and_a_query_that_ends_early_is_an_error(
    influxdb2: DatabaseServer,
) -> None:
    """A client reads 16 MB of an answer and then hangs up, which would end the query."""
    database = influxdb2.fresh_database()
    installed(database)
    write(database, UNEVEN)
    with reached(settings(database), Clock()) as server:
        assert isinstance(server, Influx2)
        queries = flux.once(database.name, hours(datetime.fromtimestamp(DAY_AGO_S - 3600, UTC)), hours(NOW))
        for text in queries:  # one after the other: what writes side by side with others may wait too long
            assert len(re.findall(r"^(?:means|steps|rows)\(measurement: \"", text, re.MULTILINE)) == 1
            assert server._query(text) == []
        assert len(minute(database, DAY_AGO_S)) == 8
        between = "start: 2026-01-01T00:00:00Z, stop: 2026-02-01T00:00:00Z"
        many = f'generate.from(count: 20000, fn: (n) => n, {between}) |> yield(name: "many")'
        dies = 'array.from(rows: [{x: 1}]) |> map(fn: (r) => ({r with y: die(msg: "out of it")}))'
        # Both run side by side: which of them is first decides whether the answer has begun.
        with pytest.raises(UnavailableError, match=r"(ends a query|answers 400): .*out of it"):
            server._query(f'import "array"\nimport "generate"\n\n{many}\n{dies}')


@pytest.mark.server("influxdb2")
def test_a_task_that_somebody_has_switched_off_stays_so(influxdb2: DatabaseServer) -> None:
    database = influxdb2.fresh_database()
    installed(database)
    with reached(settings(database), Clock()) as server:
        name = f"nev-telemetry {database.name} 3d"
        (task,) = server.insist(Api.V2, "GET", "/api/v2/tasks", {"name": name})["tasks"]
        for body in ({"status": "inactive"}, {"flux": task["flux"].replace("3d,", "2d,")}):
            server.insist(Api.V2, "PATCH", f"/api/v2/tasks/{task['id']}", {}, body)
            found = {step.what: step for step in server.tasks()}[f"task {name}"]
            assert found.found.startswith("is switched off, and stays so")
            list(install(server, datetime.now(UTC)))
            assert (
                server.insist(Api.V2, "GET", "/api/v2/tasks", {"name": name})["tasks"][0]["status"]
                == "inactive"
            )
        assert [step.what for step in steps(server) if step.make] == []


@each_server
def test_an_account_that_may_only_write_is_told_so_in_a_line(database: Database, tmp_path: Path) -> None:
    file = config(tmp_path, database, database.writer())
    for options in ((), ("--apply",)):
        said = failed(69, "retention", file, *options)
        assert said.count("\n") <= 1
        assert "account" in said
        assert "administrator" in said or "all-access" in said


@pytest.mark.server("victoria_metrics")
def test_a_server_that_is_neither_kind_is_named_in_a_line(victoria_metrics: DatabaseServer) -> None:
    with (
        pytest.raises(UnavailableError, match=r"no InfluxDB 1\.x or 2\.x") as caught,
        reached(settings(Database(victoria_metrics, "fleet")), Clock()),
    ):
        pass
    assert "\n" not in str(caught.value)


@each_server
@pytest.mark.parametrize("is_odd", [False, True])
def test_the_files_install_what_the_command_does(
    kind: str, request: pytest.FixtureRequest, is_odd: bool, tmp_path: Path
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    odd = " \"' ${v}{0}" if kind == "influxdb1" else " \\ ' ${v}{0}"  # 2 takes no quotation mark, 1 no \\
    database = server.fresh_database(odd=odd if is_odd else "")
    printed("files", "--retention", tmp_path, "--database", database.name)
    if server.kind == "influxdb1":
        text = (tmp_path / "influxql/retention.sql").read_text()
        answer = server.request("POST", "/query", b"", q=text)
        assert b"error" not in answer.body
    else:
        for place, days in (("minutes", 365), ("records", 0)):
            rules = [{"type": "expire", "everySeconds": days * 86_400}] if days else []
            bucket = {
                "orgID": server.organisation_id(),
                "name": f"{database.name}_{place}",
                "retentionRules": rules,
            }
            assert server.request("POST", "/api/v2/buckets", json.dumps(bucket).encode()).status == 201
        for file in sorted((tmp_path / "flux").iterdir()):
            task = {"orgID": server.organisation_id(), "flux": file.read_text()}
            answer = server.request("POST", "/api/v2/tasks", json.dumps(task).encode())
            assert answer.status == 201, answer
    if is_odd:
        write(database, UNEVEN)
    with reached(settings(database), Clock()) as found:
        raw = [] if server.kind == "influxdb1" else [f"bucket {database.name} of 30 days"]  # the one by hand
        assert [step.what for step in steps(found) if step.make] == raw
        if is_odd:
            found.bring_in(datetime.fromtimestamp(DAY_AGO_S, UTC), NOW)
            assert [count > 0 for count in found.values().values()] == [True, True, False]
