"""Fetches and builds the programs that tests start and that are no packages of this machine, once a user.

    python -m tests.support.prepare

A test that needs one would fetch it too, but within the test's time limit, and in User Mode Linux without a
network. Where one cannot be had, a line says so: its tests are then skipped.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from telemetry.demo.server import debian_program
from telemetry.errors import UnavailableError
from telemetry.ownership import cache_folder
from tests.support.grafana import schema_checker
from tests.support.servers import influxd2_program

PROGRAMS: dict[str, Callable[[], Path]] = {
    "InfluxDB 1.6.7": partial(debian_program, "influxdb", "usr/bin/influxd", cache_folder()),
    "VictoriaMetrics": partial(
        debian_program, "victoria-metrics", "usr/bin/victoria-metrics", cache_folder()
    ),
    "Prometheus' promtool": partial(debian_program, "prometheus", "usr/bin/promtool", cache_folder()),
    "Grafana's schema": schema_checker,
    "InfluxDB 2.8": influxd2_program,
}


def main() -> None:
    for name, have in PROGRAMS.items():
        try:
            have()
        except (UnavailableError, pytest.skip.Exception, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"setup: what needs {name} is skipped: {error}\n")


if __name__ == "__main__":
    main()
