"""Whether cost stays flat: decoding a frame, as messages, buses, signals, batches and frames grow; and how
long a plan takes to build.
"""

import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind

from benchmarks.core import BATCH_FRAMES
from benchmarks.measure import Contender, Timing, race
from benchmarks.plot import Plot
from benchmarks.report import Section, goal
from benchmarks.workload import FIRST_STAMP_NS, SEED
from telemetry.databases import build as dbc
from telemetry.databases.bus import BusDatabases
from telemetry.databases.formats.findings import Findings
from telemetry.databases.formats.parse import parse

ID_EXTENDED = 0x80000000
MOST_GROWTH = 1.5
PLAN_MESSAGES = 10_000
PLAN_S = 1.0


@dataclass(frozen=True, slots=True)
class Size:
    """Of a plan and of what is decoded by it."""

    messages: int = 100  # of each bus
    buses: int = 1
    signals: int = 8  # of each message, evenly spread
    batch_frames: int = BATCH_FRAMES
    frame_bytes: int = 8
    extended: bool = False  # ids


@dataclass(frozen=True, slots=True)
class Growth:
    """One thing that grows while all else stays. limit: of the last ratio to the first; None: it may grow."""

    name: str
    axis: str
    values: tuple[int, ...]
    resized: Callable[[int], Size]
    limit: float | None = MOST_GROWTH


GROWTHS = (
    Growth(
        "messages",
        "messages with 29-bit ids",
        (10, 100, 1_000, 10_000),
        lambda value: Size(messages=value, extended=True),
    ),
    Growth("buses", "buses of 100 messages", (1, 2, 4, 8), lambda value: Size(buses=value)),
    Growth("signals", "signals a message", (1, 2, 4, 8, 16, 32, 64), lambda value: Size(signals=value), None),
    Growth("batch", "frames a batch", (64, 256, 1024, 4096, 16384), lambda value: Size(batch_frames=value)),
    Growth("frame", "bytes a frame", (8, 16, 32, 64), lambda value: Size(frame_bytes=value), None),
)


def synthetic_plan(size: Size) -> PlanSpec:
    """Buses of as many messages each, alike but for their ids."""
    tenths = DecimalScale(multiplier=1, bias=0, decimals=1)
    bits = 8 * size.frame_bytes // size.signals
    fields = tuple(
        FieldSpec(f"signal_{number}", SlotKind.INT, factor=0.1, scale=tenths)
        for number in range(size.signals)
    )
    signals = tuple(
        SignalSpec(bits * number, min(bits, 16), little_endian=True, signed=False, is_float=False)
        for number in range(size.signals)
    )
    specs = tuple(
        MessageSpec(
            f"message_{number}",
            _id(number, size.extended),
            size.extended,
            size.frame_bytes,
            signals,
            (),
            number,
        )
        for number in range(size.messages)
    )
    records = tuple(RecordSpec(f"message_{number}", fields) for number in range(size.messages))
    return PlanSpec(records, tuple(BusSpec(f"can{bus}", specs) for bus in range(size.buses)))


def measure_scaling(frames: int, rounds: int) -> list[Section]:
    """ns a frame and the ratio to the smallest, with random ids over all messages and buses."""
    names = {
        (growth.name, value): f"{value:,} {growth.axis}" for growth in GROWTHS for value in growth.values
    }
    contenders = [
        _contender(names[growth.name, value], growth.resized(value), frames)
        for growth in GROWTHS
        for value in growth.values
    ]
    timings = race(contenders, rounds)
    rows: list[tuple[str, ...]] = []
    for growth in GROWTHS:
        found = [timings[names[growth.name, value]] for value in growth.values]
        rows += [_row(growth, timing, found[0]) for timing in found]
    return [
        Section(
            "Decoding as things grow",
            "Frames with uniformly random ids out of all messages; unless noted 100 messages with "
            f"11-bit ids, of 8 signals and 8 bytes, {BATCH_FRAMES} frames a batch. What grows past "
            "1,000 messages is the time to fetch a message's plan from memory, the first time from far away: "
            f"{frames:,} frames a run. Frames of more than 8 bytes "
            "take the general way, which a message of 8 bytes without multiplexing spares.",
            ("what", "ns a frame", "ratio to the first", "goal", "met"),
            tuple(rows),
            plots=tuple(
                Plot(
                    f"decode-{growth.name}",
                    f"Decoding: ns a frame by {growth.axis}",
                    growth.axis,
                    "ns a frame",
                    tuple((value, timings[names[growth.name, value]].best_ns) for value in growth.values),
                )
                for growth in GROWTHS
            ),
        )
    ]


def _row(growth: Growth, timing: Timing, first: Timing) -> tuple[str, ...]:
    ratio = timing.ratio_to(first)
    has_goal = growth.limit is not None and timing is not first
    return (
        timing.name,
        f"{timing.best_ns:.1f}",
        f"{ratio:.2f}",
        *(goal(ratio, at_most=MOST_GROWTH) if has_goal else ("", "")),
    )


def measure_plan_building(folder: Path, messages: int, rounds: int) -> Section:
    """Seconds from cantools' messages to the compiled plan, without a garbage collector as in its process."""
    file = folder / "large.dbc"
    file.write_text(_large_database(messages), encoding="utf-8")
    parsed = parse(file, Findings())
    found_s = []
    with patch.object(dbc, "parse", lambda _file, _findings: parsed):
        gc.disable()
        for _ in range(rounds):
            start_s = time.thread_time()
            spec = dbc.build_plan([BusDatabases("can0", (file,))]).spec
            Plan(spec, Schema(spec.records))
            found_s.append(time.thread_time() - start_s)
        gc.enable()
    best_s = min(found_s)
    return Section(
        "Building a plan",
        "From cantools' database object to the compiled plan, messages of 8 signals; the service does it "
        "once for each database, in a child process, and keeps the result.",
        ("messages", "s", "goal", "met"),
        ((f"{messages:,}", f"{best_s:.2f}", *goal(best_s, at_most=PLAN_S)),),
    )


def _large_database(messages: int) -> str:
    lines = ["BU_: ECU"]
    for number in range(messages):
        lines.append(f"BO_ {ID_EXTENDED | _id(number, True)} message_{number}: 8 ECU")
        lines += [
            f' SG_ signal_{signal} : {8 * signal}|8@1+ (0.{signal + 1},-{number % 100}) [0|0] "" ECU'
            for signal in range(8)
        ]
    return "\n".join(lines) + "\n"


def _contender(name: str, size: Size, frames: int) -> Contender:
    spec = synthetic_plan(size)
    plan = Plan(spec, Schema(spec.records))
    decoder = Decoder(plan)
    for bus in range(size.buses):
        decoder.bind(bus, bus, 0)
    samples = SampleBatch(plan.schema)
    batches = _batches(size, frames)

    def run() -> None:
        for batch in batches:
            decoder.decode(batch, samples)
            samples.clear()

    return Contender(name, frames, run)


def _batches(size: Size, frames: int) -> list[FrameBatch]:
    chance = random.Random(SEED)
    batches = [FrameBatch(size.batch_frames) for _ in range(-(-frames // size.batch_frames))]
    for number in range(frames):
        batches[number // size.batch_frames].append(
            FIRST_STAMP_NS + number,
            _id(chance.randrange(size.messages), size.extended) | (ID_EXTENDED if size.extended else 0),
            chance.randbytes(size.frame_bytes),
            channel=chance.randrange(size.buses),
        )
    return batches


def _id(number: int, extended: bool) -> int:
    """Spread over the whole range, as real buses have them."""
    return number * 26_843 if extended else number * 2
