"""`nev-telemetry sessions` and `session` of a database: InfluxDB 1 and 2, by options, by a configuration."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from telemetry.__main__ import main
from telemetry.charging.session import Session
from tests.support.charging_sessions import NS, START_NS, good, reconnected, session_lines
from tests.support.command import command, printed, refused
from tests.support.report_page import ReadPage
from tests.support.servers import DatabaseServer

DAY_NS = 86_400 * NS


def later(session: Session, by_ns: int, charger: str = "bay-2", vehicle: str = "van-3") -> Session:
    """Return the same charge at another time or elsewhere."""
    return replace(
        session,
        start_ns=session.start_ns + by_ns,
        end_ns=None if session.end_ns is None else session.end_ns + by_ns,
        charger=charger,
        vehicle=vehicle,
        phases=tuple(replace(each, start_ns=each.start_ns + by_ns) for each in session.phases),
        errors=tuple(replace(each, at_ns=each.at_ns + by_ns) for each in session.errors),
        curve=tuple(replace(each, at_ns=each.at_ns + by_ns) for each in session.curve),
    )


STORED = [
    good(),
    later(reconnected(), 60 * NS + 7, "bay-1"),  # at the same time, beside it
    later(good(), DAY_NS, vehicle="van-4"),
]


@pytest.fixture(params=["influxdb1", "influxdb2"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Store STORED in a database of its own, and return the options that name it."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    database = server.fresh_database()
    lines = "\n".join(line for session in STORED for line in session_lines(session))
    assert write(server, database.name, lines) in (200, 204)
    return database_options(server, database.name, tmp_path)


def database_options(server: DatabaseServer, database: str, folder: Path) -> list[str]:
    """Return the options that name the database, its secret in a file of the folder."""
    secret = folder / "secret"
    words = ["--url", server.url]
    if server.token:
        words += ["--bucket", database, "--org", server.org, "--token-file", str(secret)]
        secret.write_text(server.token)
    else:
        words += ["--database", database]
        if server.username:
            words += ["--username", server.username, "--password-file", str(secret)]
            secret.write_text(server.password)
    if secret.exists():
        secret.chmod(0o600)
    return words


def write(server: DatabaseServer, database: str, lines: str) -> int:
    """Write the lines and return the answer's status."""
    if server.token:
        query = {"bucket": database, "org": server.org}
        return server.request("POST", "/api/v2/write", lines.encode(), **query).status
    return server.request("POST", "/write", lines.encode(), db=database).status


def listed(*words: str) -> Any:
    """Return what the command says as JSON."""
    return json.loads(printed("sessions", *words, "--format", "json"))


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_database_gives_every_session_back_as_it_was(options: list[str]) -> None:
    found = listed(*options)
    assert len(found) == len(STORED)
    for session, read in zip(STORED, found, strict=True):
        assert read == json.loads(json.dumps(asdict(session)))


@pytest.mark.server("influxdb1", "influxdb2")
def test_sessions_are_chosen_by_vehicle_and_by_when_they_began(options: list[str]) -> None:
    assert [each["start_ns"] for each in listed(*options, "--vehicle", "van-4")] == [START_NS + DAY_NS]
    assert [each["vehicle"] for each in listed(*options, "--since", "2026-03-02")] == ["van-4"]
    assert [each["charger"] for each in listed(*options, "--since", "2026-03-01T09:00:30Z")] == [
        "bay-1",
        "bay-2",
    ]
    assert len(listed(*options, "--vehicle", good().vin or "")) == 3


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_configuration_names_the_database_and_a_session_is_written_as_a_page(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = zip(options[::2], options[1::2], strict=True)
    keys = "".join(f"{flag[2:].replace('-', '_')} = {json.dumps(value)}\n" for flag, value in pairs)
    config = tmp_path / "gateway.toml"
    config.write_text(f'vehicle = "van-3"\n[influx]\n{keys}[[can]]\ninterface = "can0"\n')
    table = printed("sessions", config)
    start = table.splitlines()[2].split()[1]
    assert start == "2026-03-01T09:01:00Z"
    report = tmp_path / "report.html"
    assert main(["session", start, str(config), "--report", str(report)]) == 0
    read = ReadPage(report.read_text("utf-8"))
    assert len(read.chart("Power over state of charge (kW)").steps("curve")) == len(STORED[1].curve)
    assert [each.title for each in read.drawn[-2:]] == ["Attempt 1", "Attempt 2"]
    capsys.readouterr()
    assert printed("session", "3", config).startswith("Charge of van-4, 2026-03-02T09:00:00Z\n")
    refused(65, "session", "4", config)


@pytest.mark.server("influxdb1", "influxdb2")
def test_a_database_without_sessions_is_an_empty_table_and_one_warning(options: list[str]) -> None:
    said = command("sessions", *options, "--since", "2027-01-01")
    assert said.returncode == 0
    assert said.stdout == "#  start  vehicle  station  SOC  energy  duration  outcome  why  who\n"
    assert said.stderr == f"warning: no charging session in {options[1]}\n"
