"""The client against real servers: which API it finds, what it makes of their answers."""

import gzip
import re
from collections.abc import Callable

import pytest

from telemetry.clock import Clock
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.verdict import Acknowledged, Hold, HoldCause, Rejected
from tests.support.servers import Database, DatabaseServer, Point

NOW_NS = Clock().unix_ns()
Connect = Callable[[InfluxSettings], InfluxClient]


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Connect:
    def connect(settings: InfluxSettings) -> InfluxClient:
        client = InfluxClient(settings, Clock())
        request.addfinalizer(client.close)
        return client

    return connect


def settings_of(database: Database, *, api: Api = Api.AUTO, create: bool = False) -> InfluxSettings:
    server = database.server
    return InfluxSettings(
        url=server.url,
        api=api,
        org=server.org,
        bucket=database.name,
        token=Secret(server.token) if server.token else None,
        username=server.username,
        password=Secret(server.password) if server.password else None,
        create=create,
    )


def line(value: str, offset_ns: int = 0) -> bytes:
    return gzip.compress(f"pack,vehicle=a v={value} {NOW_NS + offset_ns}\n".encode())


@pytest.mark.server("influxdb2")
@pytest.mark.parametrize("api", [Api.AUTO, Api.V2])
def test_influxdb_2_is_written_by_api_v2(influxdb2: DatabaseServer, connect: Connect, api: Api) -> None:
    database = influxdb2.fresh_database()
    client = connect(settings_of(database, api=api))
    assert client.write(line("1.5")).verdict == Acknowledged()
    assert client.api is Api.V2
    assert database.points() == {Point("pack", (("vehicle", "a"),), "v", NOW_NS): 1.5}


@pytest.mark.server("influxdb2")
@pytest.mark.parametrize(("retention_s", "kept"), [(0, "its points for ever"), (30 * 24 * 3600, "30 d")])
def test_influxdb_2_is_described_by_its_version_and_its_buckets_retention(
    influxdb2: DatabaseServer, connect: Connect, retention_s: int, kept: str
) -> None:
    database = influxdb2.fresh_database(retention_s)
    client = connect(settings_of(database))
    client.probe()
    assert re.fullmatch(rf"InfluxDB \S+, bucket {database.name} keeps {kept}", client.describe())


@pytest.mark.server("influxdb1")
@pytest.mark.parametrize("api", [Api.AUTO, Api.V1])
def test_influxdb_1_is_written_by_api_v1(influxdb1: DatabaseServer, connect: Connect, api: Api) -> None:
    database = influxdb1.fresh_database()
    client = connect(settings_of(database, api=api))
    assert client.write(line("1.5")).verdict == Acknowledged()
    assert client.api is Api.V1
    assert database.points() == {Point("pack", (("vehicle", "a"),), "v", NOW_NS): 1.5}


@pytest.mark.server("victoria_metrics")
@pytest.mark.parametrize("api", list(Api))
def test_victoria_metrics_is_written_by_either_api(
    victoria_metrics: DatabaseServer, connect: Connect, api: Api
) -> None:
    database = victoria_metrics.fresh_database()
    client = connect(settings_of(database, api=api))
    assert client.write(gzip.compress(f"{api}_vm v=1.5 {NOW_NS}".encode())).verdict == Acknowledged()
    assert [point.field for point in database.points(f"{api}_vm")] == ["v"]


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        pytest.param(kind, api, marks=pytest.mark.server(kind))
        for kind, api in (
            ("influxdb2", Api.V2),
            ("influxdb1", Api.V1),
            ("victoria_metrics", Api.V1),
            ("victoria_metrics", Api.V2),
        )
    ],
)
def test_a_real_server_is_recognised_by_its_answer_to_a_write(
    kind: str, api: Api, connect: Connect, request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    client = connect(settings_of(server.fresh_database(), api=api))
    assert client.probe().verdict == Acknowledged()
    client.request = None  # type: ignore[assignment,method-assign]  # it need not ask once more
    assert client.is_recognised()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("influxdb2", marks=pytest.mark.server("influxdb2")),
        pytest.param("influxdb1", marks=pytest.mark.server("influxdb1")),
    ],
)
class TestBothInfluxdbs:
    @pytest.fixture
    def server(self, kind: str, request: pytest.FixtureRequest) -> DatabaseServer:
        server = request.getfixturevalue(kind)
        assert isinstance(server, DatabaseServer)
        return server

    def test_a_missing_database_holds(self, server: DatabaseServer, connect: Connect) -> None:
        client = connect(settings_of(Database(server, "nowhere")))
        verdict = client.write(line("1")).verdict
        assert isinstance(verdict, Hold)
        assert verdict.cause is HoldCause.NOT_FOUND

    def test_a_missing_database_is_made_when_that_is_allowed(
        self, server: DatabaseServer, connect: Connect
    ) -> None:
        database = Database(server, f"made, by us on {server.kind}")
        client = connect(settings_of(database, create=True))
        assert client.write(line("1")).verdict == Acknowledged()
        assert len(database.points()) == 1

    def test_an_account_that_may_only_write_writes_and_is_known_to_make_no_database(
        self, server: DatabaseServer, connect: Connect
    ) -> None:
        database = server.fresh_database()
        writer = database.writer()
        client = connect(settings_of(Database(writer, database.name), create=True))
        assert client.write(line("1.5")).verdict == Acknowledged()
        assert client.describe() == ""
        assert len(database.points()) == 1
        client = connect(settings_of(Database(writer, "nowhere"), create=True))
        verdict = client.probe().verdict
        assert isinstance(verdict, Hold)
        assert verdict.cause is HoldCause.NOT_FOUND
        refusal = client.refusal_to_create()
        assert re.match(
            "(?i)(error authorizing|.*admin|unauthorized).*|they are shown no organisation 'fleet'", refusal
        ), refusal
        verdict = client.write(line("1")).verdict
        assert isinstance(verdict, Hold)
        assert re.search(r"; making it: [^=]*$", verdict.words), verdict.words
        administrator = connect(settings_of(Database(server, "nowhere"), create=True))
        administrator.probe()
        assert administrator.refusal_to_create() == ""

    def test_wrong_credentials_hold(self, server: DatabaseServer, connect: Connect) -> None:
        settings = InfluxSettings(
            url=server.url, org=server.org, bucket="any", username="nobody", password=Secret("wrong one")
        )
        verdict = connect(settings).write(line("1")).verdict
        assert isinstance(verdict, Hold)
        assert verdict.cause is HoldCause.CREDENTIALS

    def test_asking_needs_no_line(self, server: DatabaseServer, connect: Connect) -> None:
        database = server.fresh_database()
        assert connect(settings_of(database)).probe().verdict == Acknowledged()
        assert database.points() == {}

    def test_a_type_conflict_is_named(self, server: DatabaseServer, connect: Connect) -> None:
        client = connect(settings_of(server.fresh_database()))
        assert client.write(line("1.5")).verdict == Acknowledged()
        verdict = client.write(line('"text"', 1)).verdict
        assert isinstance(verdict, Rejected)
        conflict = verdict.refusal.conflict
        assert conflict is not None
        assert (conflict.measurement, conflict.field, conflict.refused_type) == ("pack", "v", "string")

    def test_a_missing_retention_policy_holds(self, server: DatabaseServer, connect: Connect) -> None:
        database = server.fresh_database()
        settings = settings_of(Database(server, f"{database.name}/weekly"))
        verdict = connect(settings).write(line("1")).verdict
        assert isinstance(verdict, Hold)
        assert verdict.cause is HoldCause.NOT_FOUND
