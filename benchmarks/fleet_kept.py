"""What `retention --apply` costs over a whole fleet that `python -m benchmarks.fleet` has made.

Processor time of the server, out of /proc, and its largest memory: after each step of the first installation,
until the server is quiet after it, and of a task that looks back for three busy hours.

    python -m benchmarks.fleet_kept operator.toml --pid PID --busy 2026-11-29T10:00:00Z
"""

import argparse
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.fleet_asked import cpu_s, wait_until_quiet
from telemetry.clock import Clock
from telemetry.decode.target import sink_settings
from telemetry.retention.server import install, reached
from telemetry.sinks.influx.server import InfluxServer


def largest_gb(pid: int) -> float:
    """Return the largest resident memory that a process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) / 1e6


def of_days(lines: Iterator[str], days: int) -> Iterator[str]:
    """Yield what an installation says until so many days are brought in, or to its end."""
    for line in lines:
        yield line
        days -= line.startswith("brought in")
        if days == 0:
            return


def main() -> None:
    """Install, and print a line for each step with what it has cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument(
        "--busy", type=datetime.fromisoformat, required=True, help="of three hours: the first"
    )
    parser.add_argument("--days", type=int, default=0, help="to bring in, and no tasks; 0: all")
    arguments = parser.parse_args()
    settings = sink_settings(arguments.config, {}, os.environ)
    assert isinstance(settings, InfluxServer)
    used_s = cpu_s(arguments.pid)

    def say(what: object) -> None:
        nonlocal used_s
        now_s = cpu_s(arguments.pid)
        print(f"{now_s - used_s:.1f} s, {largest_gb(arguments.pid):.2f} GB: {what}", flush=True)
        used_s = now_s

    with reached(settings, Clock()) as server:
        say(server.values())
        for line in of_days(install(server, datetime.now(UTC)), arguments.days):
            say(line)
        wait_until_quiet(arguments.pid)
        say("quiet")
        server.bring_in(arguments.busy, arguments.busy + timedelta(hours=3))
        wait_until_quiet(arguments.pid)
        say("three busy hours")
        say(server.values())


if __name__ == "__main__":
    main()
