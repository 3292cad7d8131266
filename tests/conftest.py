"""Fixtures and hooks of the whole suite."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.support.examples import register_profiles
from tests.support.servers import (
    Database,
    DatabaseServer,
    start_debian_influxdb,
    start_influxdb2,
    start_victoria_metrics,
)

pytest_plugins = ["tests.support.groups", "tests.support.parsing", "tests.support.required"]

# A shell that starts the tests in the background ignores SIGINT; the programs that they start would too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The programs that tests start import what the tests do, wherever they run.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))

register_profiles()

# What is imported and collected stays: to look through it for garbage takes as long as to collect it.
gc.disable()


def pytest_collection_finish() -> None:
    """Leave all that there is to the end, and look for garbage among what comes."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def influxdb2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """InfluxDB 2.8."""
    server = start_influxdb2(tmp_path_factory.mktemp("influxdb2"))
    with server.process:
        yield server


@pytest.fixture(scope="session")
def influxdb1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """Debian's InfluxDB 1.6.7; it asks for user and password."""
    server = start_debian_influxdb(tmp_path_factory.mktemp("influxdb1"))
    with server.process:
        yield server


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    """Debian's VictoriaMetrics; it keeps milliseconds and numbers only."""
    server = start_victoria_metrics(tmp_path_factory.mktemp("victoria_metrics"))
    with server.process:
        yield server


@pytest.fixture(scope="session")
def fleet_in_influxdb2(influxdb2: DatabaseServer) -> Database:
    """Store the fleet of tests/support/fleet.py in InfluxDB 2, for tests that read only."""
    return _fleet_in(influxdb2)


@pytest.fixture(scope="session")
def fleet_in_influxdb1(influxdb1: DatabaseServer) -> Database:
    """Store the same fleet in Debian's InfluxDB."""
    return _fleet_in(influxdb1)


def _fleet_in(server: DatabaseServer) -> Database:
    from tests.support.fleet import load_fleet  # takes seconds to import; few tests need it

    database = server.fresh_database()
    load_fleet(database)
    return database


@pytest.fixture(
    params=[pytest.param(kind, marks=pytest.mark.server(kind)) for kind in ("influxdb2", "influxdb1")]
)
def fleet_by_influxql(request: pytest.FixtureRequest) -> Database:
    """Return the same fleet in both servers: InfluxDB 2.8 understands InfluxQL through its v1 API."""
    database: Database = request.getfixturevalue(f"fleet_in_{request.param}")
    return database
