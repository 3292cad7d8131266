"""An outage of any length, with real spool bytes and injected time.

A recorded drive is played again and again, each time with later stamps, through the real pipeline into a real
spool, while the clock is moved by hand: three days take minutes. Then the sender drains the backlog while the
drive goes on.

    python -m benchmarks.outage --hours 72 --reduce-s 0 --folder /dev/shm/outage
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import TimeMap

from telemetry.clock import Clock
from telemetry.databases.bus import BusDatabases
from telemetry.databases.plan_cache import load_plan
from telemetry.demo.server import start_influxdb1
from telemetry.ledger import Ledger, add, imbalances, total
from telemetry.logs.log import OpenLog
from telemetry.ownership import cache_folder
from telemetry.rules.reduce import ReduceSettings
from telemetry.service.figures import process_gauges
from telemetry.service.pipeline import Pipeline
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.sink import Sink
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.spool import Spool
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.recording import VEHICLE_DBC, record_drive

FRAMES_A_STEP = 4096
CATCH_UP_RATIO = 5.0  # goal
ALL_BUT_POINTS = 2000  # what is made while the last batch is sent


@dataclass(frozen=True, slots=True)
class Outage:
    """What came of it. Sizes of the spool on disk; memory is that of this process."""

    frames: int
    points: int
    evicted: int
    unbalanced: tuple[str, ...]
    spool_bytes: int
    cap_bytes: int
    bytes_written: int
    payload_bytes: int
    memory_growth_bytes: float
    drained_points: int
    live_points_meanwhile: int
    drain_s: float
    live_points_a_s: float

    @property
    def catch_up_ratio(self) -> float:
        """Points delivered a second while draining, as a multiple of those that a second of the bus makes."""
        return self.drained_points / self.drain_s / self.live_points_a_s


class Drive:
    """A recorded drive without end: each round has stamps after those of the last."""

    def __init__(self, log: Path) -> None:
        self._batches = list(_batches(log))
        self._first_ns = self._batches[0][0].time_ns
        last = self._batches[-1]
        self._round_ns = last[len(last) - 1].time_ns - self._first_ns + 1_000_000

    def batches(self) -> Iterator[FrameBatch]:
        """Yield batches for ever; a batch is its reader's."""
        rounds = 0
        while True:
            time_map = TimeMap(1.0, self._first_ns + rounds * self._round_ns, self._first_ns)
            for batch in self._batches:
                copy = batch.part(0, len(batch))
                time_map.map(copy)
                yield copy
            rounds += 1


def _batches(log: Path) -> Iterator[FrameBatch]:
    with OpenLog(log, lambda _: 0) as opened:
        batch = FrameBatch(FRAMES_A_STEP)
        while opened.read(batch, 200):
            yield batch
            batch = FrameBatch(FRAMES_A_STEP)


def run_outage(log: Path, database: Path, folder: Path, url: str, hours: float, reduce_s: float) -> Outage:
    """Play `hours` of outage, and the catching up after it, with the server at `url`, which speaks API v1."""
    plan = load_plan([BusDatabases("bus", (database,))], None)
    stages = Stages(plan.spec, None, vehicle="van", reduce=ReduceSettings(reduce_s, {}))
    stages.bind(0, Binding(0, "bus", "bus"))
    drive = Drive(log).batches()
    batch = next(drive)
    clock = FakeClock(batch[0].time_ns)
    spool = Spool(folder, clock=clock, limits=SpoolLimits())
    ledger = Ledger({})
    pipeline = Pipeline(stages, spool, ledger, clock, {})
    frames = 0
    end_ns = clock.unix_ns() + round(hours * 3600e9)

    def step(batch: FrameBatch) -> None:
        clock.advance(max(batch[len(batch) - 1].time_ns - clock.unix_ns(), 0) / 1e9)
        pipeline.process("bus", batch, {})
        pipeline.tick()

    step(batch)
    warm_bytes = 0.0
    while clock.unix_ns() < end_ns:
        batch = next(drive)
        step(batch)
        frames += len(batch)
        if not warm_bytes and frames > 200_000:
            warm_bytes = process_gauges()["memory_bytes"]
    growth_bytes = process_gauges()["memory_bytes"] - warm_bytes if warm_bytes else 0.0
    gauges = spool.gauges()
    counters = add(ledger.snapshot(), spool.counters())
    waiting = gauges.waiting_disk_points + gauges.waiting_memory_points + pipeline.points_waiting
    outage_points = total(counters, "points/made/")
    drained, live, drain_s = _drain(spool, url, ledger, drive, step)
    outage = Outage(
        frames=frames,
        points=outage_points,
        evicted=counters["points/evicted"],
        unbalanced=tuple(imbalances(counters, waiting, {})),
        spool_bytes=gauges.disk_bytes,
        cap_bytes=gauges.cap_bytes,
        bytes_written=gauges.bytes_written,
        payload_bytes=gauges.payload_bytes,
        memory_growth_bytes=growth_bytes,
        drained_points=drained,
        live_points_meanwhile=live,
        drain_s=drain_s,
        live_points_a_s=outage_points / (hours * 3600.0),
    )
    spool.close()
    return outage


def _drain(
    spool: Spool, url: str, ledger: Ledger, drive: Iterator[FrameBatch], step: Callable[[FrameBatch], None]
) -> tuple[int, int, float]:
    """Send everything while the bus goes on in real time: points sent, points made meanwhile, seconds."""
    failures: list[Exception] = []
    settings = InfluxSettings(url=url, api=Api.V1, database="outage", create=True)
    sink = Sink(spool, settings, Clock(), on_event=lambda _: None, on_failure=failures.append)
    made_before = total(ledger.snapshot(), "points/made/")
    started_s = time.monotonic()
    batch = next(drive)
    first_ns = batch[0].time_ns
    sink.start()
    while spool.gauges().waiting_disk_points > ALL_BUT_POINTS:
        if batch[0].time_ns - first_ns <= (time.monotonic() - started_s) * 1e9:
            step(batch)
            batch = next(drive)
        else:
            time.sleep(0.02)
        if failures:
            raise failures[0]
    drain_s = time.monotonic() - started_s
    sink.stop(5.0)
    made = total(ledger.snapshot(), "points/made/") - made_before
    return spool.counters()["points/acknowledged"], made, drain_s


def main() -> int:
    """Run one outage and say what came of it; 1 when something was lost, or it catches up too slowly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument("--hours", type=float, default=72.0)
    parser.add_argument("--reduce-s", type=float, default=0.0, help="[reduce] every_s; 0 sends everything")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the spool lies; default: a temporary one"
    )
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="nev-telemetry-outage-", dir=arguments.folder) as name:
        folder = Path(name)
        (folder / "influxdb").mkdir()
        log = record_drive(folder / "drive.log", 600.0)
        with start_influxdb1(folder / "influxdb", cache_folder(), Clock()) as server:
            outage = run_outage(
                log, VEHICLE_DBC, folder / "spool", server.url, arguments.hours, arguments.reduce_s
            )
    print(described(outage, arguments.hours))
    kept = not outage.evicted and not outage.unbalanced and outage.catch_up_ratio >= CATCH_UP_RATIO
    return 0 if kept else 1


def described(outage: Outage, hours: float) -> str:
    """Return the figures as text for people."""
    a_day_mb = outage.payload_bytes / hours * 24 / 1e6
    ratio = outage.catch_up_ratio
    overhead = outage.bytes_written / outage.payload_bytes
    lines = (
        f"{hours:g} h of outage: {outage.frames:,} frames, {outage.points:,} points",
        f"compressed: {a_day_mb:.0f} MB a day, {overhead:.3f} bytes written a byte of payload",
        f"spool: {outage.spool_bytes / 1e6:.0f} MB of at most {outage.cap_bytes / 1e6:.0f} MB",
        f"evicted: {outage.evicted} points",
        f"memory: grew by {outage.memory_growth_bytes / 1e6:.1f} MB",
        f"accounts: {'; '.join(outage.unbalanced) or 'balance'}",
        f"catching up: {outage.drained_points:,} points in {outage.drain_s:.0f} s, {ratio:.0f} x live",
        f"meanwhile: {outage.live_points_meanwhile:,} live points made",
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
