"""Draws docs/monitor.svg: the monitor on a simulated charge, mapped as in the demonstration.

The picture shows simulated time alone, so that it is the same whenever and wherever it is drawn.

python -m tools.pages.monitor_picture docs/monitor.svg
"""

import argparse
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from firmware_sim.links.player import SimulatedClock
from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.__main__ import main as command
from telemetry.cli.monitor import PICTURE_COLUMNS, PICTURE_LINES
from telemetry.clock import Clock
from telemetry.demo.gateway_config import SERIAL_DEVICES, SOURCE, gateway_config
from telemetry.model.instant import read_instant
from telemetry.monitor.bench import bench, log_table
from telemetry.monitor.feeds import DirectFeed
from telemetry.monitor.layout import Page, view
from telemetry.monitor.session import look_once
from telemetry.monitor.terminal import write_picture

START = "2026-03-02T18:00:00Z"
SECONDS = 900


class StandingClock(Clock):
    """A clock that stands at the end of the charge, however long its log takes to be read."""

    def unix_ns(self) -> int:
        return read_instant(START).ns + SECONDS * 1_000_000_000

    def monotonic_s(self) -> float:
        return 0.0


def draw(picture: Path, folder: Path) -> int:
    """Simulate, and draw the end of it. Returns an exit code."""
    log, config = folder / f"{SOURCE}.log", folder / "gateway.toml"
    config.write_text(
        gateway_config(
            vehicle="van-7",
            database=VEHICLE_DBC,
            bus={"interface": "can0"},
            ports={device.name: folder / device.name for device in SERIAL_DEVICES},
            time=SimulatedClock(1.0, 0, 0),
            influx={"url": "http://127.0.0.1:8086", "database": "demo"},
            web="off",
        )
    )
    if code := command(
        ["sim", "charge", "--output", str(log), "--duration", str(SECONDS), "--time-origin", START]
    ):
        return code
    with closing(DirectFeed(bench(log_table(log, [], None), config), StandingClock())) as feed:
        live = look_once(feed, Page.OVERVIEW)
    write_picture(view(live, PICTURE_COLUMNS, PICTURE_LINES), PICTURE_COLUMNS, picture)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.pages.monitor_picture", description=__doc__)
    parser.add_argument("picture", type=Path, metavar="SVG")
    picture = parser.parse_args().picture
    with tempfile.TemporaryDirectory(prefix="nev-telemetry-picture-") as folder:
        return draw(picture, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
