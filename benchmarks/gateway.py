"""The whole way, from the bus to the acknowledged write: the gateway against the kernel's own `recvmmsg` and
against the naive pipeline, as processes.

CPU a frame is the process's own CPU time (all its threads) between the first frame sent and the last point
acknowledged, after a warm-up. The bus is a feeder's socket and the server accepts everything; both are
outside of the measured process.

The goals are ratios to `receive.c`, which takes the frames and does nothing with them: what it costs depends
on the machine alone. The naive pipeline's cost depends on its packages and its Python too.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.feeder import Feeder
from benchmarks.null_server import NullServer
from benchmarks.report import Section, goal
from benchmarks.workload import Workload

WARM_UP_FRAMES = 2_000
ARRIVAL_TIMEOUT_S = 120.0
SILENCE_S = 20.0  # longer than the batching writer's intervals: what has not come by then is lost
FLAT_OUT = 0
RECEIVED_FRAMES = 100_000  # by recvmmsg alone
FIRST_FRAME_RATIO = 10  # times what Python itself takes to start
RESIDENT_MB = 60
COLUMNS = (
    *("load", "gateway us/frame", "recvmmsg us/frame", "ratio", "goal", "met", "naive us/frame"),
    *("gateway frames/s", "naive frames/s", "naive lost"),
    *("gateway MB", "goal", "met", "naive MB", "disk"),
)


@dataclass(frozen=True, slots=True)
class Load:
    """Frames of the workload at an even pace, or as fast as they are taken.

    cpu_ratio: how many times the CPU time of `recvmmsg` the gateway may take for a frame.
    """

    frames_per_s: int
    frames: int
    cpu_ratio: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.frames_per_s:,} frames/s" if self.frames_per_s else "flat out"


@dataclass(frozen=True, slots=True)
class Run:
    """One pipeline under one load."""

    frames: int
    lost: int
    cpu_ns: int
    wall_s: float  # from the first frame sent to the last point acknowledged
    resident_mb: float
    disk_bytes: int
    sent_bytes: int

    @property
    def cpu_us_a_frame(self) -> float:
        return self.cpu_ns / self.frames / 1000


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A program that reads the feeder's socket and writes to the server."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    may_lose: bool = False


Maker = Callable[[Workload, Path, Path, str], Pipeline]

# An installed program has the byte code of its modules: it does not compile them at each start.
_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def gateway_pipeline(workload: Workload, folder: Path, bus: Path, url: str) -> Pipeline:
    """`nev-telemetry run`, with every row sent."""
    cache = workload.dbc.parent / "plans"
    return gateway_on(bus, f'databases = ["{workload.dbc}"]', folder, url, f'cache_directory = "{cache}"')


def gateway_on(bus: Path, described_by: str, folder: Path, url: str, top: str = "") -> Pipeline:
    """`nev-telemetry run` on the feeder's socket. described_by, top: keys of its [[can]], and of the file."""
    config = folder / "gateway.toml"
    config.write_text(f"""
vehicle = "bench"
{top}
[influx]
url = "{url}"
api = "v2"
org = "bench"
bucket = "bench"
[spool]
directory = "{folder / "spool"}"
[[can]]
name = "can0"
socket = "{bus}"
{described_by}
""")
    command = (sys.executable, "-m", "telemetry", "run", str(config))
    return Pipeline("gateway", command, {"INFLUXDB_V2_TOKEN": "none"})


def naive_pipeline(workload: Workload, _folder: Path, bus: Path, url: str) -> Pipeline:
    """python-can, cantools, Point and the batching WriteApi."""
    return Pipeline(
        "naive", (sys.executable, "-m", "benchmarks.naive", str(bus), str(workload.dbc), url), {}, True
    )


@contextmanager
def started(pipeline: Pipeline, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the pipeline's process, kill it at the end, and show what it printed if it ended by itself."""
    log = folder / f"{pipeline.name}.log"
    # As under systemd, a folder of its own in memory: what a killed process leaves there goes with it.
    with tempfile.TemporaryDirectory(prefix="nev-telemetry-", dir="/dev/shm") as memory:
        with log.open("wb") as output:
            process = subprocess.Popen(
                pipeline.command,
                env=_INSTALLED | {"RUNTIME_DIRECTORY": memory} | pipeline.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
            assert process.poll() is None, (
                f"{pipeline.name} ended:\n{log.read_text(errors='replace')[-2000:]}"
            )
        finally:
            process.kill()
            process.wait()


def measure(make: Maker, workload: Workload, load: Load, folder: Path) -> Run:
    """Measure one pipeline, from its start to its end, under one load; `folder` is its own."""
    folder.mkdir()
    can_frames = workload.can_frames()
    chosen = (can_frames * (load.frames // len(workload.frames) + 1))[: load.frames * 16]
    with Feeder(folder) as feeder, NullServer(workload) as server:
        pipeline = make(workload, folder, feeder.path, server.url)
        with started(pipeline, folder) as process:
            feeder.accept()
            feeder.send(can_frames[: WARM_UP_FRAMES * 16], 2_000)
            warm_up = arrived(server, WARM_UP_FRAMES, pipeline)
            cpu_before_ns, disk, sent = cpu_ns(process), _disk_bytes(process), server.received_bytes
            start_s = time.monotonic()
            feeder.send(chosen, load.frames_per_s)
            count = arrived(server, warm_up + load.frames, pipeline) - warm_up
            return Run(
                frames=load.frames,
                lost=load.frames - count,
                cpu_ns=cpu_ns(process) - cpu_before_ns,
                wall_s=server.last_write_s - start_s,
                resident_mb=resident_mb(process),
                disk_bytes=_disk_bytes(process) - disk,
                sent_bytes=server.received_bytes - sent,
            )


def start_to_first_frame_s(make: Maker, workload: Workload, folder: Path) -> float:
    """Seconds from the process's start until it has taken the first frame from the bus."""
    folder.mkdir()
    with Feeder(folder) as feeder, NullServer(workload) as server:
        pipeline = make(workload, folder, feeder.path, server.url)
        start_s = time.monotonic()
        with started(pipeline, folder):
            feeder.accept()
            feeder.send(workload.can_frames()[:16], FLAT_OUT)
            while feeder.unread_bytes():
                time.sleep(0.001)
            return time.monotonic() - start_s


def python_start_s() -> float:
    """Return the seconds that Python itself takes to start and to end."""
    start_s = time.monotonic()
    subprocess.run([sys.executable, "-c", ""], env=_INSTALLED, check=True)
    return time.monotonic() - start_s


def receive_us_a_frame(workload: Workload, frames: int, folder: Path) -> float:
    """Return the CPU time of a frame that `recvmmsg` alone takes, of frames that come as fast as they may."""
    folder.mkdir()
    program = folder / "receive"
    subprocess.run(["gcc", "-O2", "-o", program, Path(__file__).parent / "receive.c"], check=True)
    can_frames = workload.can_frames()
    with (
        Feeder(folder) as feeder,
        started(Pipeline("recvmmsg", (str(program), str(feeder.path)), {}), folder) as process,
    ):
        feeder.accept()
        before_ns = cpu_ns(process)
        feeder.send((can_frames * (frames * 16 // len(can_frames) + 1))[: frames * 16], FLAT_OUT)
        while feeder.unread_bytes():
            time.sleep(0.01)
        time.sleep(0.2)  # until it waits again
        return (cpu_ns(process) - before_ns) / frames / 1000


def arrived(server: NullServer, points: int, pipeline: Pipeline) -> int:
    """Count the points once all have come, or once nothing more comes from one that may lose some."""
    start_s = time.monotonic()
    while (count := server.points()) < points:
        silent_s = time.monotonic() - max(start_s, server.last_write_s)
        if pipeline.may_lose and silent_s > SILENCE_S:
            return count
        assert silent_s < ARRIVAL_TIMEOUT_S, f"{pipeline.name}: {count} of {points} points arrived"
        time.sleep(0.2)
    assert count == points, "more points than frames"
    return count


def cpu_ns(process: subprocess.Popen[bytes]) -> int:
    """CPU time of all threads: the process's own CPU clock (<linux/posix-timers.h>, CPUCLOCK_SCHED)."""
    return time.clock_gettime_ns((~process.pid << 3) | 2)


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """Return what of it is in memory."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _disk_bytes(process: subprocess.Popen[bytes]) -> int:
    """Return what it made the kernel write to disk, in whole pages."""
    for line in Path(f"/proc/{process.pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise AssertionError("no write_bytes in /proc/PID/io")


def measure_gateway(
    workload: Workload, folder: Path, loads: Sequence[tuple[Load, Load]], rounds: int
) -> list[Section]:
    """All three under each load (the gateway's and the naive one's), one after the other.

    rounds: starts of each pipeline, in turns.
    """
    rows = [
        _row(
            load,
            receive_us_a_frame(
                workload, min(load.frames, RECEIVED_FRAMES), folder / f"recvmmsg-{load.frames_per_s}"
            ),
            measure(gateway_pipeline, workload, load, folder / f"gateway-{load.frames_per_s}"),
            measure(naive_pipeline, workload, naive_load, folder / f"naive-{load.frames_per_s}"),
        )
        for load, naive_load in loads
    ]
    starts = [
        (
            start_to_first_frame_s(gateway_pipeline, workload, folder / f"start-{number}"),
            python_start_s(),
            start_to_first_frame_s(naive_pipeline, workload, folder / f"naive-start-{number}"),
        )
        for number in range(rounds)
    ]
    first_s, python_s, naive_first_s = (statistics.median(each) for each in zip(*starts, strict=True))
    return [
        Section(
            "Receive to acknowledged write",
            "*Gateway*: `nev-telemetry run`, every row sent, spooled and compressed. *recvmmsg*: a C program "
            "that takes frames by 64 with their stamps, flat out, and does nothing with them. *Naive*: "
            "python-can, cantools, `Point` and the batching `WriteApi`. CPU is that of the process alone. "
            "MB: resident. Frames/s count until the last point is acknowledged, which at an even pace "
            "includes waiting for the last batch. The gateway must lose nothing; what the naive one lost is "
            "counted. Disk: bytes written for each byte sent (compressed).",
            COLUMNS,
            tuple(rows),
        ),
        Section(
            "Start to first frame",
            "From the start of the process until it takes the first frame from the bus; the gateway with its "
            "plan in the cache, both with the byte code of their modules. *Python*: `python -c ''`, from its "
            "start to its end.",
            ("gateway s", "Python s", "ratio", "goal", "met", "naive s"),
            (
                (
                    f"{first_s:.2f}",
                    f"{python_s:.3f}",
                    f"{first_s / python_s:.1f}",
                    *goal(first_s / python_s, at_most=FIRST_FRAME_RATIO),
                    f"{naive_first_s:.2f}",
                ),
            ),
        ),
    ]


def _row(load: Load, receive_us: float, ours: Run, naive: Run) -> tuple[str, ...]:
    ratio = ours.cpu_us_a_frame / receive_us
    return (
        load.name,
        f"{ours.cpu_us_a_frame:.2f}",
        f"{receive_us:.2f}",
        f"{ratio:.1f}",
        *goal(ratio, at_most=load.cpu_ratio),
        f"{naive.cpu_us_a_frame:.2f}",
        *(f"{run.frames / run.wall_s:,.0f}" for run in (ours, naive)),
        f"{naive.lost:,}",
        f"{ours.resident_mb:.0f}",
        *goal(ours.resident_mb, at_most=RESIDENT_MB),
        f"{naive.resident_mb:.0f}",
        f"{ours.disk_bytes / ours.sent_bytes:.2f}",
    )
