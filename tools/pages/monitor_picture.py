"""Draws docs/monitor.svg: the monitor on a simulated charge, mapped as in the demonstration.

python -m tools.pages.monitor_picture docs/monitor.svg
"""

import argparse
import sys
import tempfile
from pathlib import Path

from firmware_sim.links.player import SimulatedClock
from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.__main__ import main as command
from telemetry.demo.gateway_config import SERIAL_DEVICES, SOURCE, gateway_config

START = "2026-03-02T18:00:00Z"
SECONDS = "900"


def draw(picture: Path, folder: Path) -> int:
    """Simulate, and draw the end of it."""
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
    simulated = ["sim", "charge", "--output", str(log), "--duration", SECONDS, "--time-origin", START]
    shown = ["monitor", "--log", str(log), "--map", str(config), "--svg", str(picture)]
    return command(simulated) or command(shown)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.pages.monitor_picture", description=__doc__)
    parser.add_argument("picture", type=Path, metavar="SVG")
    picture = parser.parse_args().picture
    with tempfile.TemporaryDirectory(prefix="nev-telemetry-picture-") as folder:
        return draw(picture, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
