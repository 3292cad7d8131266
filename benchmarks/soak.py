"""The gateway under the load of a full bus and two serial devices, for as long as one likes: is memory flat?

A feeder's socket in the place of a 1 Mbit/s bus, a simulated JBD board and VE.Direct charger on ports, the
gateway, and a real InfluxDB. The gateway's own figures are read each SAMPLE_S.

    python -m benchmarks.soak --minutes 60
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.feeder import Feeder
from benchmarks.workload import Workload, load_workload
from telemetry.clock import Clock
from telemetry.demo.children import Child
from telemetry.demo.server import start_influxdb1
from telemetry.ledger import Counters, imbalances, total
from telemetry.live.status_socket import query_status
from telemetry.ownership import cache_folder

SAMPLE_S = 10.0
WARM_UP_S = 120.0  # until every buffer has its size and urllib3 is imported
FLAT_BYTES = 5e6  # what memory may grow by and be called flat
SETTLE_S = 60.0
SERIAL = ("jbd", "vedirect")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the gateway said of itself at one moment."""

    at_s: float  # since the load began
    memory_bytes: float
    cpu_s: float
    accounts: Counters
    waiting_points: float

    @classmethod
    def of(cls, at_s: float, status: dict[str, Any]) -> "Sample":
        gauges = status["gauges"]
        waiting = gauges["points_waiting_memory"] + gauges["points_waiting_disk"]
        return cls(at_s, gauges["memory_bytes"], gauges["cpu_s"], status["accounts"], waiting)

    @property
    def frames(self) -> int:
        """Frames of the bus that were read."""
        return self.accounts.get("bus/can0/read", 0)


def run_soak(folder: Path, rounds: int, frames_per_s: int) -> tuple[list[Sample], float]:
    """Sample a run until everything is delivered; return samples and how late the feeder was, in s.

    A round takes SAMPLE_S.
    """
    workload = load_workload(frames_per_s * round(SAMPLE_S), folder)
    ports = [folder / name for name in SERIAL]
    (folder / "influxdb").mkdir()
    with (
        Feeder(folder) as feeder,
        start_influxdb1(folder / "influxdb", cache_folder(), Clock()) as server,
        Child.start("sim", folder, "sim", "drive", *_serial_links(ports), "--duration", "1e8"),
        _gateway(folder, workload, feeder, server.url, ports) as spool,
    ):
        feeder.accept()
        samples: list[Sample] = []
        ended = threading.Event()
        started_s = time.monotonic()
        watcher = threading.Thread(target=_watch, args=(spool, samples, started_s, ended), daemon=True)
        watcher.start()
        can_frames = workload.can_frames()
        for _ in range(rounds):
            feeder.send(can_frames, frames_per_s)
        late_s = time.monotonic() - started_s - rounds * SAMPLE_S
        ended.set()
        watcher.join()
        samples.append(_settled(spool, rounds * len(workload.frames), started_s))
    return samples, late_s


def _serial_links(ports: list[Path]) -> Iterator[str]:
    for name, port in zip(SERIAL, ports, strict=True):
        yield from ("--serial-link", f"{name}={port}")


@contextmanager
def _gateway(folder: Path, workload: Workload, feeder: Feeder, url: str, ports: list[Path]) -> Iterator[Path]:
    """`nev-telemetry run`; gives the folder of its spool."""
    config = folder / "gateway.toml"
    serial = "".join(
        f'[[serial]]\nname = "{name}"\nport = "{port}"\nprotocol = "{name}"\n'
        for name, port in zip(SERIAL, ports, strict=True)
    )
    config.write_text(f"""
vehicle = "soak"
[influx]
url = "{url}"
api = "v1"
database = "soak"
create = true
[spool]
directory = "{folder / "spool"}"
[[can]]
name = "can0"
socket = "{feeder.path}"
databases = ["{workload.dbc}"]
{serial}""")
    with Child.start("gateway", folder, "run", str(config)):
        yield folder / "spool"


def _watch(spool: Path, samples: list[Sample], started_s: float, ended: threading.Event) -> None:
    while not ended.wait(SAMPLE_S):
        samples.append(Sample.of(time.monotonic() - started_s, query_status(spool)))


def _settled(spool: Path, frames: int, started_s: float) -> Sample:
    """Wait until every frame is read and next to nothing waits, or for SETTLE_S."""
    deadline_s = time.monotonic() + SETTLE_S
    while True:
        sample = Sample.of(time.monotonic() - started_s, query_status(spool))
        if (sample.frames >= frames and sample.waiting_points < 1000) or time.monotonic() > deadline_s:
            return sample
        time.sleep(0.2)


def faults(samples: list[Sample], frames: int) -> list[str]:
    """Return what was not as it should be; nothing is success."""
    last = samples[-1]
    found = list(imbalances(last.accounts, round(last.waiting_points), {}))
    if last.frames != frames:
        found.append(f"{frames:,} frames sent, {last.frames:,} read")
    for name in ("can0", *SERIAL):
        lost = last.accounts.get(f"bus/{name}/kernel_dropped", 0) + total(
            last.accounts, f"frames/{name}/lost/"
        )
        if lost:
            found.append(f"{name}: {lost:,} frames lost")
        if not last.accounts.get(f"frames/{name}/decoded", 0):
            found.append(f"{name}: nothing came")
    if growth_bytes(samples) > FLAT_BYTES:
        found.append(f"memory grew by {growth_bytes(samples) / 1e6:.1f} MB")
    return found


def growth_bytes(samples: list[Sample]) -> float:
    """Return by how much the last quarter's highest memory is above that of the first after warm-up."""
    warm = [sample for sample in samples if sample.at_s >= WARM_UP_S] or samples
    quarter = max(len(warm) // 4, 1)
    first, last = warm[:quarter], warm[-quarter:]
    return max(each.memory_bytes for each in last) - max(each.memory_bytes for each in first)


def by_tenths(values: list[float]) -> list[float]:
    """Return the highest of each tenth of them."""
    return [max(values[len(values) * n // 10 : len(values) * (n + 1) // 10], default=0.0) for n in range(10)]


def described(samples: list[Sample], frames_per_s: int, late_s: float) -> str:
    """Return the figures as text for people."""
    first, last = samples[0], samples[-1]
    memory = [sample.memory_bytes / 1e6 for sample in samples if sample.at_s >= WARM_UP_S] or [0.0]
    cpu_us = (last.cpu_s - first.cpu_s) / max(last.frames - first.frames, 1) * 1e6
    serial = ", ".join(f"{name} {last.accounts.get(f'frames/{name}/decoded', 0):,}" for name in SERIAL)
    made, acknowledged = total(last.accounts, "points/made/"), last.accounts["points/acknowledged"]
    lines = (
        f"{last.at_s / 60.0:.1f} min at {frames_per_s:,} frames/s: {last.frames:,} read; messages: {serial}",
        f"feeder: {late_s:.1f} s late in all",
        f"points: {made:,} made, {acknowledged:,} acknowledged, {last.waiting_points:,.0f} waiting",
        f"memory: {memory[0]:.1f} MB, {min(memory):.1f} to {max(memory):.1f}, {memory[-1]:.1f} at the end",
        f"highest in each tenth of the time: {', '.join(f'{each:.1f}' for each in by_tenths(memory))}",
        f"CPU: {cpu_us:.2f} us a frame, everything included",
    )
    return "\n".join(lines)


def main() -> int:
    """Run it and say what came of it; 1 when something was lost or memory grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--frames-per-s", type=int, default=8000)
    parser.add_argument("--folder", type=Path, default=None, help="where everything lies; default: temporary")
    arguments = parser.parse_args()
    rounds = max(round(arguments.minutes * 60.0 / SAMPLE_S), 1)
    with TemporaryDirectory(prefix="nev-telemetry-soak-", dir=arguments.folder) as name:
        samples, late_s = run_soak(Path(name), rounds, arguments.frames_per_s)
    print(described(samples, arguments.frames_per_s, late_s))
    found = faults(samples, rounds * arguments.frames_per_s * round(SAMPLE_S))
    for fault in found:
        print(f"  {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
