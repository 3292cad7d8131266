"""Charging sessions: what following them costs, beside decoding and encoding the same frames.

The frames are those of a simulated charge by GB/T 27930: 50 ms of BCL and CCS, transports, both ends.
"""

import contextlib
import gc
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.logs.candump import CandumpReader
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from benchmarks.measure import Contender, race
from benchmarks.report import Section, goal
from firmware_sim.charge import Charge, ChargeSpec
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.links.can import CandumpLog
from firmware_sim.plant.pack import PackSpec
from telemetry.__main__ import main
from telemetry.decode.one_bus import stages_of
from telemetry.decode.sessions import collect_sessions
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.stages.binding import Binding
from telemetry.stages.formats import OutputFormat
from telemetry.stages.stages import Stages

STARTS_AT_NS = 1_772_445_600_000_000_000
BATCH_FRAMES = 2048
MOST_OF_DECODING = 0.15  # that following may cost
MOST_OF_DECODE = 1.5  # times `decode --format lp` that `sessions` may take


def measure_charging(folder: Path, percents: float, rounds: int) -> list[Section]:
    """percents: of state of charge that the simulated charge takes."""
    log = folder / "charge.log"
    frames = _write_charge(log, percents)
    batches = _batches(log)
    stages = _stages()
    rows = [_rows(stages, batch) for batch in batches]
    mapper, follower = stages.writing.mapper, stages.writing.charging
    assert mapper is not None
    assert follower is not None
    mapped = []
    for samples in rows:
        mapper.map(samples, out := SampleBatch(stages.schema))
        mapped.append(out)

    def decode_and_encode() -> None:
        lines, samples = LineBuffer(), SampleBatch(stages.schema)
        for batch in batches:
            samples.clear()
            stages.decoding.decode(batch, samples)
            stages.writing.encoder.encode(samples, lines)
            lines.clear()

    def follow() -> None:
        for samples in mapped:
            follower.follower.follow(samples)

    timings = race(
        [Contender("decode + encode", frames, decode_and_encode), Contender("follower", frames, follow)],
        rounds,
    )
    share = timings["follower"].ratio_to(timings["decode + encode"])
    ratio = _ratio_of_commands(log, folder, rounds)
    return [
        Section(
            "Charging sessions",
            "CPU time a frame of a charge by GB/T 27930; *follower*: signs, deadlines, integrals and "
            "percents, from mapped rows. `sessions` is compared with `decode --format lp` of the same log.",
            ("what", "ns a frame", "ratio", "goal", "met"),
            (
                ("decode + encode", f"{timings['decode + encode'].best_ns:.0f}", "1", "", ""),
                (
                    "follower",
                    f"{timings['follower'].best_ns:.0f}",
                    f"{share:.3f}",
                    *goal(share, at_most=MOST_OF_DECODING),
                ),
                ("`sessions`", "", f"{ratio:.2f}", *goal(ratio, at_most=MOST_OF_DECODE)),
            ),
        )
    ]


def _write_charge(log: Path, percents: float) -> int:
    """How many frames there are."""
    vehicle = VehicleSpec(until_soc_pct=30.0 + percents)
    spec = ChargeSpec(pack=PackSpec(start_soc_pct=30.0), vehicle=vehicle)
    count = 0
    with log.open("w", encoding="ascii") as stream:
        written = CandumpLog(stream)
        for at_ns, id, data in Charge(spec, 1).frames():
            written.write(STARTS_AT_NS + at_ns, id, data)
            count += 1
    return count


def _stages() -> Stages:
    """With the messages shown, so that they are encoded, too."""
    protocol = CAN_PROTOCOLS["gbt27930"]
    stages = stages_of(protocol, OutputFormat.LINE_PROTOCOL, "bench", with_messages=True)
    stages.bind(0, Binding(0, "log", "can0"))
    return stages


def _batches(log: Path) -> list[FrameBatch]:
    """Frames as the decoder gets them, messages of several frames put together."""
    stages, batches = _stages(), []
    with log.open("rb", buffering=0) as stream:
        reader = CandumpReader(stream, lambda _name: 0)
        while reader.read(batch := FrameBatch(BATCH_FRAMES)):
            whole = FrameBatch(2 * BATCH_FRAMES)
            whole.extend(stages.gathering.gather(batch))
            batches.append(whole)
    return batches


def _rows(stages: Stages, batch: FrameBatch) -> SampleBatch:
    stages.decoding.decode(batch, samples := SampleBatch(stages.schema))
    return samples


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
