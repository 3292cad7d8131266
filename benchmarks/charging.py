"""Charging sessions: what following them costs, beside decoding and encoding the same frames.

The frames are those of a simulated charge by GB/T 27930: 50 ms of BCL and CCS, transports, both ends.
"""

import contextlib
import gc
import io
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.callgrind import count_instructions
from benchmarks.feeder import Feeder
from benchmarks.followed import CHARGE_LOG, FollowedCharge
from benchmarks.gateway import cpu_ns, gateway_on, started
from benchmarks.measure import Contender, race
from benchmarks.null_server import NullServer
from benchmarks.report import Section, goal
from benchmarks.workload import CAN_FRAME
from firmware_sim.charge import ChargeSpec, DcCharge
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.links.can import CandumpLog
from firmware_sim.plant.pack import PackSpec
from telemetry.__main__ import main
from telemetry.decode.sessions import collect_sessions

STARTS_AT_NS = 1_772_445_600_000_000_000
BUS = """protocol = "gbt27930"
charger = "bay-1"
messages = true"""
EXTENDED = 0x80000000  # in the id of a struct can_frame
FRAMES_PER_S = 2_000  # what 250 kbit/s carry
WARM_UP_S = 2
COUNTED_PERCENTS = 3.0  # of state of charge: callgrind takes fifty times as long
MOST_OF_DECODING = 0.15  # that following may cost
MOST_OF_DECODE = 1.5  # times `decode --format lp` that `sessions` may take
MOST_OF_A_CORE_PCT = 2.0  # that the gateway may need for a full bus


def measure_charging(folder: Path, percents: float, rounds: int, seconds: int) -> list[Section]:
    """percents: of state of charge that the simulated charge takes; seconds: that the gateway is fed."""
    log = folder / CHARGE_LOG
    _write_charge(log, percents)
    charge = FollowedCharge(log)
    timings = race(
        [
            Contender("decode + encode", charge.frames, charge.decode_and_encode),
            Contender("follower", charge.frames, charge.follow),
        ],
        rounds,
    )
    counts = _instructions(folder / "counted", min(percents, COUNTED_PERCENTS))
    share = counts["follower"] / counts["decode + encode"] if counts else None
    ratio = _ratio_of_commands(log, folder, rounds)
    core_pct = _percent_of_a_core(folder / "gateway", log, seconds)
    return [
        Section(
            "Charging sessions",
            "A charge by GB/T 27930, simulated. *Follower*: signs, deadlines, integrals and percents, from "
            "mapped rows; the ratio is one of instructions, counted by callgrind. `sessions` is compared "
            f"with `decode --format lp` of the same log of {charge.frames:,} frames.",
            ("what", "ns a frame", "instructions a frame", "ratio", "goal", "met"),
            (
                (
                    "decode + encode",
                    f"{timings['decode + encode'].best_ns:.0f}",
                    f"{counts['decode + encode']:.0f}" if counts else "not counted",
                    *("1", "", ""),
                ),
                (
                    "follower",
                    f"{timings['follower'].best_ns:.0f}",
                    f"{counts['follower']:.0f}" if counts else "not counted",
                    *(("", "", "") if share is None else _met(share, MOST_OF_DECODING, ".3f")),
                ),
                ("`sessions`", "", "", *_met(ratio, MOST_OF_DECODE, ".2f")),
            ),
        ),
        Section(
            "A charger's bus",
            f"`nev-telemetry run` with one plug on a bus of {FRAMES_PER_S:,} frames/s, everything sent; CPU "
            f"time of the process over {seconds} s.",
            ("% of a core", "goal", "met"),
            (_met(core_pct, MOST_OF_A_CORE_PCT, ".2f"),),
        ),
    ]


def _met(found: float, most: float, form: str) -> tuple[str, ...]:
    return f"{found:{form}}", *goal(found, at_most=most)


def _instructions(folder: Path, percents: float) -> dict[str, float]:
    """Instructions a frame, by callgrind; nothing without it."""
    if shutil.which("valgrind") is None:
        return {}
    folder.mkdir()
    frames = _write_charge(folder / CHARGE_LOG, percents)
    counts = count_instructions("benchmarks.counted_charging", folder)
    return {name: count / frames for name, count in counts.items()}


def _percent_of_a_core(folder: Path, log: Path, seconds: int) -> float:
    """Measure what `nev-telemetry run` needs for the log's frames at an even pace, after a warm-up."""
    folder.mkdir()
    frames = b"".join(_can_frames(log))
    needed = (WARM_UP_S + seconds) * FRAMES_PER_S * CAN_FRAME.size
    frames = (frames * (needed // len(frames) + 1))[:needed]
    warm_up = WARM_UP_S * FRAMES_PER_S * CAN_FRAME.size
    with Feeder(folder) as feeder, NullServer() as server:
        pipeline = gateway_on(feeder.path, BUS, folder, server.url)
        with started(pipeline, folder) as process:
            feeder.accept()
            feeder.send(frames[:warm_up], FRAMES_PER_S)
            start_cpu_ns, start_ns = cpu_ns(process), time.monotonic_ns()
            feeder.send(frames[warm_up:], FRAMES_PER_S)
            used_ns, passed_ns = cpu_ns(process) - start_cpu_ns, time.monotonic_ns() - start_ns
    return 100 * used_ns / passed_ns


def _can_frames(log: Path) -> Iterator[bytes]:
    """Yield the frames of a candump log, each as a `struct can_frame`."""
    with log.open(encoding="ascii") as lines:
        for line in lines:
            id, _, data = line.split()[2].partition("#")
            payload = bytes.fromhex(data)
            yield CAN_FRAME.pack(int(id, 16) | EXTENDED, len(payload), payload)


def _write_charge(log: Path, percents: float) -> int:
    """Return how many frames there are."""
    vehicle = VehicleSpec(until_soc_pct=30.0 + percents)
    spec = ChargeSpec(pack=PackSpec(start_soc_pct=30.0), vehicle=vehicle)
    count = 0
    with log.open("w", encoding="ascii") as stream:
        written = CandumpLog(stream)
        for at_ns, id, data in DcCharge(spec, 1).frames():
            written.write(STARTS_AT_NS + at_ns, id, data)
            count += 1
    return count


def _ratio_of_commands(log: Path, folder: Path, rounds: int) -> float:
    """CPU time of `sessions` by that of `decode --format lp`, in turns: the median of the rounds."""
    out = folder / "charge.lp"

    def decode() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            arguments = ["--protocol", "gbt27930", "--format", "lp", "-o", str(out)]
            assert main(["decode", *arguments, str(log)]) == 0

    def sessions() -> None:
        assert len(list(collect_sessions([log]))) == 1

    ratios = []
    for _ in range(rounds):
        gc.collect()
        ratios.append(_cpu_s(sessions) / _cpu_s(decode))
    return statistics.median(ratios)


def _cpu_s(run: Callable[[], object]) -> float:
    start_s = time.process_time()
    run()
    return time.process_time() - start_s
