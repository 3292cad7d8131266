"""What battery health costs a gateway: a pack of 96 cells on a bus of 8,000 frames/s, with it and without.

The pack sends its current each 10 ms and a page of four cells each 20 ms; other frames are the workload's.
Two processes differ by 5 % and more from second to second: what is added is measured by itself, in one.
"""

import contextlib
import statistics
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from benchmarks.feeder import Feeder, send_side_by_side
from benchmarks.gateway import cpu_ns, gateway_on, resident_mb, started
from benchmarks.health import START_NS
from benchmarks.measure import Contender, race
from benchmarks.null_server import NullServer
from benchmarks.report import Section, goal
from benchmarks.workload import CAN_FRAME, Workload
from telemetry.clock import Clock
from telemetry.settings.document import read_document
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.stages.offline import read_offline
from telemetry.stages.prepare import prepare

FRAMES_PER_S = 8_000
WARM_UP_S, FED_S = 3, 5  # of a gateway
BATCH_FRAMES = 400  # that a gateway gathers in 50 ms
CELLS, PAGE_CELLS = 96, 4
PACK_ID, FIRST_PAGE_ID = 0x700, 0x701
MOST_RATIO = 1.02  # times the processor time without
MOST_MB = 1.0  # a pack


def database() -> str:
    """Return the DBC of the pack."""
    pages = "".join(
        f"BO_ {FIRST_PAGE_ID + page} Cells{page}: 8 BMS\n"
        + "".join(
            f' SG_ Cell{page * PAGE_CELLS + cell + 1} : {16 * cell}|16@1+ (0.0001,0) [0|0] "V" BMS\n'
            for cell in range(PAGE_CELLS)
        )
        for page in range(CELLS // PAGE_CELLS)
    )
    return (
        'VERSION ""\nBU_: BMS\n'
        f"BO_ {PACK_ID} Pack: 8 BMS\n"
        ' SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS\n SG_ Amperes : 16|16@1- (0.1,0) [0|0] "A" BMS\n'
        ' SG_ Soc : 32|16@1+ (0.01,0) [0|0] "%" BMS\n SG_ Temp : 48|8@1- (1,0) [0|0] "degC" BMS\n' + pages
    )


def _map() -> str:
    fields = {
        "Pack.Volts": "battery.voltage_v",
        "Pack.Amperes": "battery.current_a",
        "Pack.Soc": "battery.soc_pct",
        "Pack.Temp": "battery.temp_max_c",
    } | {f"Cells{page}.Cell{{n}}": "cells.v{n}" for page in range(CELLS // PAGE_CELLS)}
    return "".join(f'[[map]]\nsignal = "{signal}"\nto = "{to}"\n' for signal, to in fields.items())


def bus(workload: Workload, seconds: int) -> bytes:
    """Return the frames of so many seconds: a charge whose current has a step each 5 s."""
    others = cycle(frame for frame in workload.frames if frame.id < PACK_ID)
    made = bytearray()
    for tick in range(100 * seconds):
        amperes = 60.0 + 40.0 * (tick // 500 % 2)
        soc = 3000 + tick // 20
        values = (3500 + tick // 100, round(10 * amperes), soc)
        frames: list[tuple[int, bytes]] = [
            (PACK_ID, b"".join(value.to_bytes(2, "little") for value in values) + b"\x19\0")
        ]
        if tick % 2 == 0:
            page = tick // 2 % (CELLS // PAGE_CELLS)
            volts = [36_000 + tick // 10 + round(amperes) + cell for cell in range(PAGE_CELLS)]
            frames.append((FIRST_PAGE_ID + page, b"".join(volt.to_bytes(2, "little") for volt in volts)))
        frames += [(frame.id, frame.data) for frame in islice(others, 80 - len(frames))]
        for id, data in frames:
            made += CAN_FRAME.pack(id, len(data), data)
    return bytes(made)


class Pipeline:
    """The stages of such a gateway, with what its service asks of battery health."""

    def __init__(self, config: Path, batches: Sequence[FrameBatch]) -> None:
        """Take `batches`, of BATCH_FRAMES each."""
        prepared = prepare(read_offline(read_document(config)))
        self._stages, self._lines = prepared.stages, LineBuffer()
        self._batches = iter(batches)
        (source,) = assemble_sources(prepared.composition.config.sources, ChannelTable(), Clock(), {})
        self._stages.bind(0, prepared.composition.binding(source, "can0"))

    def run(self) -> None:
        """Take one second."""
        writing = self._stages.writing
        for batch in islice(self._batches, FRAMES_PER_S // BATCH_FRAMES):
            self._stages.process(batch, self._lines)
            if writing.health is not None:
                writing.write_made(writing.health.watch(0), self._lines, shift_ns=0)
            self._lines.clear()

    def save_ns(self) -> int:
        """Return the time of what is saved each minute."""
        start_ns = time.thread_time_ns()
        for state in self._stages.writing.health.memory() if self._stages.writing.health else ():
            state.packed()
        return time.thread_time_ns() - start_ns


def measure_health(workload: Workload, folder: Path, rounds: int, seconds: int) -> Section:
    """seconds: that the stages are measured for, with and without, in turns; rounds: pairs of gateways."""
    (workload.dbc.parent / "pack.dbc").write_text(database())
    frames = bus(workload, seconds + 1)
    pairs = [_gateways(workload, folder / str(number), frames) for number in range(rounds)]
    batches = _batches(frames)
    with_it, without = (
        Pipeline(folder / "0" / name / "gateway.toml", batches) for name in ("with", "without")
    )
    contenders = [
        Contender(name, FRAMES_PER_S, one.run) for name, one in (("with", with_it), ("without", without))
    ]
    timings = race(contenders, seconds)
    both = zip(timings["with"].rounds_ns, timings["without"].rounds_ns, strict=True)
    more_ns = statistics.median(one - other for one, other in both) + with_it.save_ns() / 60 / FRAMES_PER_S
    without_ns = statistics.median(ns for ns, _ in pairs)
    ratio, grown_mb = 1 + more_ns / without_ns, statistics.median(mb for _, mb in pairs)
    return Section(
        "Battery health",
        f"A bus of {FRAMES_PER_S:,} frames/s with a pack of {CELLS} cells, everything sent. *More*: what "
        "`[[health]]` adds to the stages in one process, with it and without in turns, each for a second of "
        f"the bus: the median of {seconds} pairs, and what is saved each minute. *Gateway*: that of "
        f"`nev-telemetry run` without it. MB more has one with it: medians of {rounds} pairs, side by side.",
        (
            "more, ns a frame",
            "gateway, ns a frame",
            "processor time",
            "goal",
            "met",
            "MB more",
            "goal",
            "met",
        ),
        (
            (
                f"{more_ns:.1f}",
                f"{without_ns:,.0f}",
                f"{ratio:.3f}",
                *goal(ratio, at_most=MOST_RATIO),
                f"{grown_mb:.2f}",
                *goal(grown_mb, at_most=MOST_MB),
            ),
        ),
    )


def _batches(frames: bytes) -> list[FrameBatch]:
    """Return the frames as the gateway gathers them, stamped evenly."""
    batches = []
    for number, (id, length, data) in enumerate(CAN_FRAME.iter_unpack(frames)):
        if number % BATCH_FRAMES == 0:
            batches.append(FrameBatch(BATCH_FRAMES))
        batches[-1].append(START_NS + number * 1_000_000_000 // FRAMES_PER_S, id, data[:length])
    return batches


def _gateways(workload: Workload, folder: Path, frames: bytes) -> tuple[float, float]:
    """Return the time of a gateway without health in ns a frame, and how many MB more one with it has.

    Both run side by side, and take the same frames.
    """
    warm_up = WARM_UP_S * FRAMES_PER_S * CAN_FRAME.size
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(NullServer())
        feeders, processes = [], []
        for name, health in (("without", ""), ("with", "[[health]]\nrated_ah = 150\n")):
            own = folder / name
            own.mkdir(parents=True)
            feeders.append(stack.enter_context(Feeder(own)))
            databases = f'databases = ["{workload.dbc}", "{workload.dbc.parent / "pack.dbc"}"]\n'
            cache = f'cache_directory = "{workload.dbc.parent / "plans"}"'
            pipeline = gateway_on(feeders[-1].path, databases + _map() + health, own, server.url, cache)
            processes.append(stack.enter_context(started(pipeline, own)))
        for feeder in feeders:
            feeder.accept()
        send_side_by_side(feeders, frames[:warm_up], FRAMES_PER_S)
        before_ns = cpu_ns(processes[0])
        send_side_by_side(
            feeders, fed := frames[warm_up : warm_up + FED_S * warm_up // WARM_UP_S], FRAMES_PER_S
        )
        per_frame_ns = (cpu_ns(processes[0]) - before_ns) / (len(fed) // CAN_FRAME.size)
        without_mb, with_mb = map(resident_mb, processes)
    return per_frame_ns, with_mb - without_mb
