"""What `check` says of the server, by its answers."""

from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.errors import UnavailableError
from telemetry.model.finding import Grade
from tests.support.checking import CAN9, asked, findings, texts
from tests.support.scripted_server import ScriptedServer, answer


@pytest.mark.parametrize("create", [True, False])
def test_a_missing_bucket_is_a_fact_only_where_it_will_be_made_and_check_makes_none(
    tmp_path: Path, create: bool
) -> None:
    missing = b'{"code":"not found","message":"bucket \\"d\\" not found"}'
    found, server = asked(tmp_path, answer(404, {}, missing), create=create)
    asked_by = [(request.method, request.lines) for request in server.requests]
    assert asked_by[0] == ("POST", [])
    assert {method for method, _ in asked_by[1:]} <= {"GET"}
    facts, faults = texts(found, Grade.FACT), texts(found, Grade.FAULT)
    assert ("the bucket or database is missing and will be made" in facts) == create
    assert ('bucket "d" not found' in faults) != create
    assert ("(mend the name; create = true" in faults) != create


def test_a_server_that_takes_an_empty_write_is_a_fact_and_its_api_is_named(tmp_path: Path) -> None:
    found, server = asked(tmp_path)
    assert f"server {server.url}: takes data by API v2" in texts(found, Grade.FACT)
    assert texts(found, Grade.FAULT) == ""


@pytest.mark.parametrize(
    ("on_write", "on_ping", "is_warned"),
    [
        ({}, {}, True),
        ({"X-Influxdb-Version": "1.8.10"}, {}, False),
        ({}, {"X-Influxdb-Build": "Core"}, False),
    ],
)
def test_a_server_that_takes_an_empty_write_and_shows_no_store_is_a_warning(
    tmp_path: Path, on_write: dict[str, str], on_ping: dict[str, str], is_warned: bool
) -> None:
    found, server = asked(tmp_path, answer(204, on_write), answer(404), answer(204, on_ping))
    targets = [request.target.partition("?")[0] for request in server.requests]
    assert targets[1:] == ["/api/v2/buckets", *([] if on_write else ["/ping"])]
    assert ("nothing in its header names one" in texts(found, Grade.WARNING)) is is_warned
    assert texts(found, Grade.FAULT) == ""


@pytest.mark.parametrize("status", [200, 202])
def test_a_server_that_answers_an_empty_write_with_an_empty_200_is_a_fault(
    tmp_path: Path, status: int
) -> None:
    found, _server = asked(tmp_path, *[answer(status, {"Server": "nginx"})] * 2)
    assert f"what answers is no database: HTTP {status}: an empty body" in texts(found, Grade.FAULT)


def test_an_influxdb_2_that_shows_its_bucket_is_a_fact_with_version_and_retention(tmp_path: Path) -> None:
    bucket = b'{"buckets":[{"name":"d","retentionRules":[{"everySeconds":2592000}]}]}'
    found, server = asked(
        tmp_path, answer(204), answer(200, {}, bucket), answer(204, {"X-Influxdb-Version": "v2.8.0"})
    )
    facts = texts(found, Grade.FACT).splitlines()
    described = f"server {server.url}: InfluxDB v2.8.0, bucket d keeps 30 d"
    assert facts[-2:] == [f"server {server.url}: takes data by API v2", described]


def test_a_server_that_cannot_be_reached_or_refuses_is_a_fault(tmp_path: Path) -> None:
    assert "Connection refused" in texts(findings(tmp_path, CAN9), Grade.FAULT)
    found, _server = asked(
        tmp_path, answer(401, {}, b'{"code":"unauthorized","message":"unauthorized access"}')
    )
    assert "unauthorized access" in texts(found, Grade.FAULT)


def test_a_fault_is_the_exit_code_whatever_is_found_after_it(tmp_path: Path) -> None:
    source = '[[python_can]]\nname = "usb"\noptions = { interface = "nothing" }\n'
    with ScriptedServer() as server:
        levels = [finding.level for finding in findings(tmp_path, source, server.url)]
        exit_code = main(["check", str(tmp_path / "gateway.toml")])
    assert Grade.FAULT in levels
    assert levels[-1] is not Grade.FAULT
    assert exit_code == UnavailableError.exit_code


def test_a_page_in_place_of_the_database_is_a_fault_that_names_it(tmp_path: Path) -> None:
    page = b"<html><title>Welcome to nginx!</title><body>If you see this page</body></html>"
    found, server = asked(tmp_path, *[answer(200, {"Content-Type": "text/html"}, page)] * 2)
    fault = f"server {server.url}: what answers is no database: HTTP 200 text/html: Welcome to nginx! ("
    assert fault in texts(found, Grade.FAULT)
    assert "takes data" not in texts(found, Grade.FACT)


def test_a_redirect_is_a_fault_that_says_where_to(tmp_path: Path) -> None:
    found, _ = asked(tmp_path, answer(302, {"Location": "http://user:pa55word@portal.example/login"}))
    faults = texts(found, Grade.FAULT)
    assert "redirected elsewhere: http://***@portal.example/login" in faults
