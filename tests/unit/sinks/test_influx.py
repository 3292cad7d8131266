"""How the client finds the server's API, makes what is missing, and finds its credentials."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.influx.verdict import Failure
from telemetry.sinks.verdict import Acknowledged, Hold, HoldCause, Retry
from telemetry.spool.compress import compress
from tests.support.clock import FakeClock
from tests.support.scripted_server import Act, Connection, ScriptedServer, drip

Reply = tuple[int, bytes]
NO_SUCH_PAGE = (404, b"404 page not found\n")
NO_BUCKET = (404, b'{"code":"not found","message":"bucket not found"}')
GOOD = (204, b"")
MADE = (200, b'{"results":[{"statement_id":0}]}')
LINES = compress(b"m v=1 1\n")


class Site:
    """What a server answers at each path; anything else is no page of it."""

    def __init__(self, pages: dict[str, Reply | Callable[[], Reply]]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def act(self, connection: Connection) -> None:
        target = urlsplit(connection.read_request().target)
        self.asked.append(target.path)
        page = self.pages.get(target.path, NO_SUCH_PAGE)
        status, body = page() if callable(page) else page
        connection.answer(status, {}, body)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def connect(server: ScriptedServer, request: pytest.FixtureRequest) -> Callable[..., InfluxClient]:
    def connect(site: Act, **settings: object) -> InfluxClient:
        server.script(*[site] * 50)
        values = {"url": server.url, "bucket": "cars", **settings}
        client = InfluxClient(InfluxSettings(**values), FakeClock())  # type: ignore[arg-type]  # checked names
        request.addfinalizer(client.close)
        return client

    return connect


Connect = Callable[..., InfluxClient]


def test_an_endpoint_that_is_missing_sends_it_to_the_other_api(connect: Connect) -> None:
    site = Site({"/write": GOOD})
    client = connect(site.act)
    assert client.probe().verdict == Acknowledged()
    assert client.api is Api.V1
    assert client.probe().verdict == Acknowledged()
    assert site.asked == ["/api/v2/write", "/write", "/write"]


def test_a_server_that_was_exchanged_for_a_newer_one_is_found_again(connect: Connect) -> None:
    site = Site({"/write": GOOD})
    client = connect(site.act)
    client.probe()
    site.pages = {"/api/v2/write": GOOD}
    assert client.probe().verdict == Acknowledged()
    assert client.api is Api.V2


def test_a_site_without_either_endpoint_holds_and_nothing_is_settled(connect: Connect) -> None:
    site = Site({})
    client = connect(site.act)
    verdict = client.probe().verdict
    assert isinstance(verdict, Hold)
    assert verdict.cause is HoldCause.NO_ENDPOINT
    assert client.api is Api.AUTO


def test_a_page_for_people_is_no_endpoint(connect: Connect) -> None:
    """A site whose pages are found under every path, with InfluxDB 1 behind one of them."""
    site = Site({"/api/v2/write": (200, b"<html>home</html>"), "/write": GOOD})
    client = connect(site.act)
    assert client.probe().verdict == Acknowledged()
    assert client.api is Api.V1


def test_a_bucket_that_a_page_says_was_made_is_not_made(connect: Connect) -> None:
    site = Site({"/api/v2/write": NO_BUCKET, "/query": (200, b"<html>home</html>")})
    verdict = connect(site.act, create=True).write(LINES).verdict
    assert isinstance(verdict, Hold)
    assert verdict.cause is HoldCause.NOT_FOUND
    assert "no database" in verdict.words
    assert site.asked == ["/api/v2/write", "/api/v2/orgs", "/query"]


def test_a_database_that_influxql_says_was_not_made_is_not_made(connect: Connect) -> None:
    refused = (200, b'{"results":[{"statement_id":0,"error":"not an admin"}]}')
    site = Site({"/api/v2/write": NO_BUCKET, "/query": refused})
    verdict = connect(site.act, create=True).write(LINES).verdict
    assert isinstance(verdict, Hold)
    assert "not an admin" in verdict.words
    assert site.asked == ["/api/v2/write", "/api/v2/orgs", "/query"]


@pytest.mark.parametrize("api", [Api.V1, Api.V2])
def test_an_api_that_is_configured_is_the_only_one_asked(connect: Connect, api: Api) -> None:
    site = Site({})
    client = connect(site.act, api=api)
    assert isinstance(client.probe().verdict, Hold)
    assert site.asked == ["/write" if api is Api.V1 else "/api/v2/write"]


def test_a_missing_bucket_is_not_made_unless_that_is_allowed(connect: Connect) -> None:
    site = Site({"/api/v2/write": NO_BUCKET})
    assert isinstance(connect(site.act).probe().verdict, Hold)
    assert site.asked == ["/api/v2/write"]


def test_asking_makes_nothing(connect: Connect) -> None:
    site = Site({"/api/v2/write": NO_BUCKET})
    assert isinstance(connect(site.act, create=True).probe().verdict, Hold)
    assert site.asked == ["/api/v2/write"]


def test_a_missing_bucket_is_made_in_its_organisation(connect: Connect, server: ScriptedServer) -> None:
    writes = iter([NO_BUCKET, GOOD])
    site = Site(
        {
            "/api/v2/write": lambda: next(writes),
            "/api/v2/orgs": (200, b'{"orgs":[{"id":"0815","name":"fleet"}]}'),
            "/api/v2/buckets": (201, b'{"id":"08","orgID":"15","name":"cars","retentionRules":[]}'),
        }
    )
    client = connect(site.act, create=True, org="fleet", token=Secret("t0ken"))
    assert client.write(LINES).verdict == Acknowledged()
    assert site.asked == ["/api/v2/write", "/api/v2/orgs", "/api/v2/buckets", "/api/v2/write"]
    assert json.loads(server.requests[2].body) == {"orgID": "0815", "name": "cars", "retentionRules": []}
    assert {request.headers["authorization"] for request in server.requests} == {"Token t0ken"}


@pytest.mark.parametrize("orgs", [NO_SUCH_PAGE, (200, b"["), (200, b'{"orgs":[]}'), (200, b"[]"), (500, b"")])
def test_where_buckets_cannot_be_made_a_database_is(
    connect: Connect, server: ScriptedServer, orgs: Reply
) -> None:
    """InfluxDB 1.8 takes writes by API v2, but has no buckets."""
    writes = iter([NO_BUCKET, GOOD])
    site = Site({"/api/v2/write": lambda: next(writes), "/api/v2/orgs": orgs, "/query": MADE})
    client = connect(site.act, create=True, bucket='ca"rs/weekly')
    assert client.write(LINES).verdict == Acknowledged()
    query = parse_qs(urlsplit(server.requests[2].target).query)
    assert query == {"q": ['CREATE DATABASE "ca\\"rs"']}


def test_a_bucket_that_cannot_be_made_holds_and_says_why(connect: Connect) -> None:
    site = Site({"/api/v2/write": NO_BUCKET, "/query": (403, b'{"error":"not an admin"}')})
    verdict = connect(site.act, create=True).write(LINES).verdict
    assert isinstance(verdict, Hold)
    assert verdict.cause is HoldCause.NOT_FOUND
    assert "not an admin" in verdict.words


def test_a_server_that_drips_in_place_of_making_a_bucket_is_left_at_the_deadline(
    connect: Connect, server: ScriptedServer
) -> None:
    orgs = (200, b'{"orgs":[{"id":"0815","name":"fleet"}]}')
    site = Site({"/api/v2/write": NO_BUCKET, "/api/v2/orgs": orgs})
    server.script(
        site.act, site.act, drip(b" ", at_once=b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n")
    )
    verdict = connect(site.act, create=True, request_timeout_s=1.0).write(LINES).verdict
    assert isinstance(verdict, Hold)
    assert verdict.words.endswith("; making it: no answer in time")
    assert server.requests[-1].target.startswith("/api/v2/buckets")


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("[]", "its points for ever"),
        ('[{"type":"expire","everySeconds":0}]', "its points for ever"),
        ('[{"type":"expire","everySeconds":2592000}]', "30 d"),
        ('[{"type":"expire","everySeconds":5400}]', "1.5 h"),
    ],
)
def test_an_influxdb_2_is_described_by_its_version_and_its_buckets_retention(
    connect: Connect, rules: str, kept: str
) -> None:
    bucket = f'{{"buckets":[{{"name":"cars","retentionRules":{rules}}}]}}'.encode()
    site = Site({"/api/v2/write": GOOD, "/api/v2/buckets": (200, bucket), "/ping": GOOD})
    client = connect(site.act)
    client.probe()
    assert client.describe() == f"InfluxDB of no version, bucket cars keeps {kept}"


@pytest.mark.parametrize("reply", [NO_SUCH_PAGE, (401, b"{}"), (200, b'{"buckets":[]}'), (200, b"[5]"), GOOD])
def test_what_shows_no_bucket_is_not_described(connect: Connect, reply: Reply) -> None:
    client = connect(Site({"/api/v2/write": GOOD, "/api/v2/buckets": reply, "/ping": GOOD}).act)
    client.probe()
    assert client.describe() == ""


def test_a_server_of_api_v1_is_not_asked_for_buckets(connect: Connect) -> None:
    site = Site({"/write": GOOD})
    client = connect(site.act)
    client.probe()
    assert client.describe() == ""
    assert site.asked == ["/api/v2/write", "/write"]


def test_the_password_file_is_read_with_the_first_request(
    connect: Connect, server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    client = connect(Site({}).act, api=Api.V1, username="u", password_file=file)
    file.write_text("p\n")
    file.chmod(0o600)
    client.probe()
    assert server.requests[0].headers["authorization"] == f"Basic {base64.b64encode(b'u:p').decode()}"
    assert not client.reread_credentials()
    file.write_text("q\n")
    assert client.reread_credentials()


def test_a_secret_that_was_read_again_is_blotted_too(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "password"
    client = connect(
        Site({"/write": (401, b"no such password: s3cond-secret")}).act,
        api=Api.V1,
        username="u",
        password_file=file,
    )
    file.write_text("f1rst-secret\n")
    file.chmod(0o600)
    client.probe()
    file.write_text("s3cond-secret\n")
    assert client.reread_credentials()
    reported = repr(client.probe())
    assert "no such password" in reported
    assert "s3cond-secret" not in reported


def test_urllib3_is_not_imported_before_the_first_request() -> None:
    program = "import sys, telemetry.sinks.influx.client; sys.exit('urllib3' in sys.modules)"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0


def test_an_aborted_client_sends_nothing_more(connect: Connect, server: ScriptedServer) -> None:
    client = connect(Site({"/api/v2/write": GOOD}).act)
    client.probe()
    client.abort()
    assert client.probe().verdict == Retry(Failure.ABORTED.value)
    assert len(server.requests) == 1
