"""Real database servers for tests: InfluxDB 2.8, Debian's InfluxDB 1.6.7 and VictoriaMetrics.

Each is a child process on a free loopback port with its data in a temporary folder. One runs for a whole test
session; each test takes a database of its own from it (`fresh_database`) and reads back what is stored there.
"""

import base64
import http.client
import itertools
import json
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

import pytest

from telemetry.clock import Clock
from telemetry.demo.server import ServerProcess, debian_program, start_influxdb1, start_server
from telemetry.errors import UnavailableError
from telemetry.ownership import cache_folder
from telemetry.sinks.influxql import quoted

ORG = "fleet"
USERNAME = "operator"
PASSWORD = "pass-word canary"
TOKEN = "canary-token-of-the-tests"
_BUILD = Path(__file__).parent / "influxd2" / "build"
_BUILD_TIMEOUT_S = 1800.0
_SEARCHABLE_S = 60.0

Kind = Literal["influxdb2", "influxdb1", "victoria_metrics"]


class Point(NamedTuple):
    """One field of one stored point; tags as sorted pairs."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    field: str
    time_ns: int


Points = dict[Point, float | bool | str]


class HttpAnswer(NamedTuple):
    status: int
    body: bytes


@dataclass(frozen=True)
class DatabaseServer:
    """A running server and what it needs to be used. `org` and `token` are of API v2, the rest of v1."""

    kind: Kind
    process: ServerProcess
    org: str = ""
    token: str = ""
    username: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        return self.process.url

    def request(
        self, method: str, path: str, body: bytes = b"", *, content_type: str = "", **query: str
    ) -> HttpAnswer:
        """Send one request with the server's credentials."""
        headers = {"Content-Type": content_type} if content_type else {}
        if self.token:
            headers["Authorization"] = f"Token {self.token}"
        elif self.username:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=60.0)
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return HttpAnswer(answer.status, answer.read())
        finally:
            connection.close()

    def fresh_database(self, retention_s: int = 0, *, odd: str = "") -> "Database":
        """Make an empty database (bucket) of its own; retention_s: 0 keeps points for ever.

        odd: the end of its name.
        """
        database = Database(self, f"test_{next(_numbers)}{odd}")
        if self.kind == "influxdb2":
            rules = [{"type": "expire", "everySeconds": retention_s}] if retention_s else []
            body = {"orgID": self.organisation_id(), "name": database.name, "retentionRules": rules}
            answer = self.request("POST", "/api/v2/buckets", json.dumps(body).encode())
            assert answer.status == 201, answer
        elif self.kind == "influxdb1":
            duration = f" WITH DURATION {retention_s}s" if retention_s else ""
            answer = self.request("POST", "/query", q=f"CREATE DATABASE {quoted(database.name)}{duration}")
            assert answer.status == 200, answer
        return database

    def organisation_id(self) -> str:
        """Return the id of InfluxDB 2's one organisation."""
        answer = self.request("GET", "/api/v2/orgs", org=self.org)
        return str(json.loads(answer.body)["orgs"][0]["id"])


_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One database of a server. VictoriaMetrics has one for all, in which names of measurements differ."""

    server: DatabaseServer
    name: str

    def writer(self) -> DatabaseServer:
        """Return the server as an account sees it that may write to this database, and nothing else."""
        server = self.server
        if server.kind == "influxdb1":
            for statement in (
                f"CREATE USER {self.name}_writer WITH PASSWORD 'writes'",
                f'GRANT WRITE ON "{self.name}" TO {self.name}_writer',
            ):
                answer = server.request("POST", "/query", q=statement)
                assert answer.status == 200, answer
            return replace(server, username=f"{self.name}_writer", password="writes")
        organisation = server.organisation_id()
        found = server.request("GET", "/api/v2/buckets", name=self.name)
        bucket = json.loads(found.body)["buckets"][0]["id"]
        resource = {"type": "buckets", "id": bucket, "orgID": organisation}
        wanted = {"orgID": organisation, "permissions": [{"action": "write", "resource": resource}]}
        answer = server.request("POST", "/api/v2/authorizations", json.dumps(wanted).encode())
        assert answer.status == 201, answer
        return replace(server, token=json.loads(answer.body)["token"])

    def points(self, measurement: str = "") -> Points:
        """Return all that is stored, or what is stored of one measurement, field by field."""
        if self.server.kind == "victoria_metrics":
            return self._exported(measurement)
        source = f'"{measurement}"' if measurement else "/.*/"
        answer = self.server.request(
            "GET", "/query", db=self.name, epoch="ns", q=" ".join(["SELECT * FROM", source, "GROUP BY *"])
        )
        assert answer.status == 200, answer
        found: Points = {}
        for series in json.loads(answer.body)["results"][0].get("series", []):
            tags = tuple(sorted((key, text) for key, text in series.get("tags", {}).items() if text))
            for row in series["values"]:
                for field, value in zip(series["columns"][1:], row[1:], strict=True):
                    if value is not None:
                        found[Point(series["name"], tags, field, row[0])] = value
        return found

    def query(self, text: str) -> Any:
        """Return the answer to an InfluxQL query, as parsed JSON."""
        answer = self.server.request("GET", "/query", db=self.name, epoch="ns", q=text)
        assert answer.status == 200, answer
        return json.loads(answer.body)["results"][0]

    def _export(self, selector: str) -> list[dict[str, Any]]:
        self.server.request("GET", "/internal/force_flush")
        answer = self.server.request("GET", "/api/v1/export?" + urlencode({"match[]": selector}))
        assert answer.status == 200, answer
        return [json.loads(line) for line in answer.body.splitlines()]

    def _wait_until_searchable(self) -> None:
        """VictoriaMetrics shows a new series after a second: wait for one that is newer than all others."""
        marker = f"marker{next(_numbers)}"
        assert self.server.request("POST", "/write", f"{marker} v=1".encode()).status == 204
        deadline_s = time.monotonic() + _SEARCHABLE_S
        while not self._export(f"{marker}_v"):
            assert time.monotonic() < deadline_s, "VictoriaMetrics does not show what was written"
            time.sleep(0.05)

    def _exported(self, measurement: str) -> Points:
        self._wait_until_searchable()
        found: Points = {}
        for series in self._export(
            "{__name__=~" + json.dumps(f"{measurement}_.*" if measurement else ".*") + "}"
        ):
            labels = dict(series["metric"])
            if labels.pop("db", self.name) != self.name:
                continue
            full_name = labels.pop("__name__")
            name = measurement or full_name.partition("_")[0]
            field = full_name[len(name) + 1 :]
            tags = tuple(sorted(labels.items()))
            for value, time_ms in zip(series["values"], series["timestamps"], strict=True):
                found[Point(name, tags, field, time_ms * 1_000_000)] = value
        return found


def influxd2_program() -> Path:
    """Return the path of InfluxDB 2.8, built if not cached; skip the test without Go or cargo."""
    folder = cache_folder() / "influxd-2.8.0"
    if not (folder / "influxd").is_file():
        missing = [name for name in ("go", "cargo", "rustup", "gcc") if shutil.which(name) is None]
        if missing:
            pytest.skip(f"InfluxDB 2.8 cannot be built: no {', no '.join(missing)}")
        finished = subprocess.run(
            [str(_BUILD), str(folder)], capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
        )
        if finished.returncode != 0:
            pytest.skip(f"InfluxDB 2.8 cannot be built: {finished.stderr.strip()[-500:]}")
    return folder / "influxd"


def start_influxdb2(folder: Path) -> DatabaseServer:
    """InfluxDB 2.8 with one organisation, one user and an operator token."""
    program = influxd2_program()
    process = start_server(
        lambda port: [
            str(program),
            f"--bolt-path={folder}/influxd.bolt",
            f"--sqlite-path={folder}/influxd.sqlite",
            f"--engine-path={folder}/engine",
            f"--http-bind-address=127.0.0.1:{port}",
            "--reporting-disabled",
            "--log-level=error",
        ],
        folder,
        Clock(),
        ready_path="/health",
    )
    server = DatabaseServer("influxdb2", process, org=ORG, token=TOKEN, username=USERNAME, password=PASSWORD)
    setup = {"username": USERNAME, "password": PASSWORD, "org": ORG, "bucket": "first", "token": TOKEN}
    answer = server.request("POST", "/api/v2/setup", json.dumps(setup).encode())
    assert answer.status == 201, answer
    return server


def start_debian_influxdb(folder: Path) -> DatabaseServer:
    """Debian's InfluxDB with authentication on and one user."""
    try:
        process = start_influxdb1(folder, cache_folder(), Clock(), auth_enabled=True)
    except UnavailableError as error:
        pytest.skip(f"InfluxDB 1.6.7: {error}")
    server = DatabaseServer("influxdb1", process, username=USERNAME, password=PASSWORD)
    answer = server.request(
        "POST", "/query", q=f"CREATE USER \"{USERNAME}\" WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES"
    )
    assert answer.status == 200, answer
    return server


def start_victoria_metrics(folder: Path) -> DatabaseServer:
    """Debian's VictoriaMetrics, which asks for no credentials."""
    try:
        program = debian_program("victoria-metrics", "usr/bin/victoria-metrics", cache_folder())
    except UnavailableError as error:
        pytest.skip(f"VictoriaMetrics: {error}")
    process = start_server(
        lambda port: [
            str(program),
            f"-storageDataPath={folder}/data",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-loggerLevel=ERROR",
        ],
        folder,
        Clock(),
        ready_path="/health",
    )
    return DatabaseServer("victoria_metrics", process)
