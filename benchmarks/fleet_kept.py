"""What `retention --apply` costs over a whole fleet that `python -m benchmarks.fleet` has made.

Processor time of the server, out of /proc: after each step of the first installation, until the server is
quiet after it, and of an hour's tasks.

    python -m benchmarks.fleet_kept operator.toml --pid PID
"""

import argparse
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.fleet_asked import cpu_s
from telemetry.clock import Clock
from telemetry.decode.target import sink_settings
from telemetry.retention.influx2 import Influx2
from telemetry.retention.server import Retaining, install, reached
from telemetry.sinks.influx.server import Api, InfluxServer

_LOOK_S = 15.0
_QUIET = 0.02  # of a processor


def hour(server: Retaining, now: datetime) -> None:
    """Begin what the tasks of an hour do: by the task itself, where the server can be told to."""
    if not isinstance(server, Influx2):
        stop = now.replace(minute=0, second=0, microsecond=0)
        server.bring_in(stop - timedelta(hours=3), stop)
        return
    found = server.insist(Api.V2, "GET", "/api/v2/tasks", {"name": "nev-telemetry fleet 3h"})
    server.insist(Api.V2, "POST", f"/api/v2/tasks/{found['tasks'][0]['id']}/runs", {}, {})


def wait_until_quiet(pid: int) -> None:
    """Wait until the server does nothing any more; InfluxDB 1 runs its queries once when they are made."""
    quiet = 0
    while quiet < 2:
        before_s = cpu_s(pid)
        time.sleep(_LOOK_S)
        quiet = quiet + 1 if cpu_s(pid) - before_s < _QUIET * _LOOK_S else 0


def main() -> None:
    """Install, and print a line for each step with what all have cost until then."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pid", type=int, required=True)
    arguments = parser.parse_args()
    settings = sink_settings(arguments.config, {}, os.environ)
    assert isinstance(settings, InfluxServer)
    with reached(settings, Clock()) as server:
        print(server.values(), flush=True)
        began_s = cpu_s(arguments.pid)
        for line in install(server, datetime.now(UTC)):
            print(f"{cpu_s(arguments.pid) - began_s:.1f} s: {line}", flush=True)
        wait_until_quiet(arguments.pid)
        print(f"{cpu_s(arguments.pid) - began_s:.1f} s: quiet", flush=True)
        print(server.values(), flush=True)
        began_s = cpu_s(arguments.pid)
        hour(server, datetime.now(UTC))
        wait_until_quiet(arguments.pid)
        print(f"{cpu_s(arguments.pid) - began_s:.1f} s: an hour's tasks", flush=True)


if __name__ == "__main__":
    main()
