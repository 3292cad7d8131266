"""Whether decoding stays flat: per frame, from 10 to 10,000 messages in a database and from 1 to 8 buses."""

import random

from telemetry_core.decoder import Decoder
from telemetry_core.frames import FrameBatch
from telemetry_core.plan import Plan
from telemetry_core.samples import SampleBatch
from telemetry_core.schema import Schema
from telemetry_core.spec import (
    BusSpec,
    DecimalScale,
    FieldSpec,
    MessageSpec,
    PlanSpec,
    RecordSpec,
    SignalSpec,
    SlotKind,
)

from benchmarks.core import BATCH_FRAMES
from benchmarks.measure import Contender, race
from benchmarks.report import Section
from benchmarks.workload import FIRST_STAMP_NS, SEED

SIGNALS = 8  # of 8 bits, in each message
STANDARD_IDS = 2048
ID_EXTENDED = 0x80000000


def synthetic_plan(messages: int, buses: int) -> PlanSpec:
    """Buses of as many messages each, alike but for their ids; extended ids where standard ones run out."""
    tenths = DecimalScale(multiplier=1, bias=0, decimals=1)
    fields = tuple(
        FieldSpec(f"signal_{number}", SlotKind.INT, factor=0.1, scale=tenths) for number in range(SIGNALS)
    )
    signals = tuple(
        SignalSpec(8 * number, 8, little_endian=True, signed=False, is_float=False)
        for number in range(SIGNALS)
    )
    extended = messages > STANDARD_IDS
    specs = tuple(
        MessageSpec(f"message_{number}", _id(number, extended), extended, 8, signals, (), number)
        for number in range(messages)
    )
    records = tuple(RecordSpec(f"message_{number}", fields) for number in range(messages))
    return PlanSpec(records, tuple(BusSpec(f"can{bus}", specs) for bus in range(buses)))


def measure_scaling(frames: int, rounds: int) -> Section:
    """ns a frame and the ratio to the smallest plan, with random ids over all messages and buses."""
    sizes = ((10, 1), (100, 1), (1_000, 1), (10_000, 1), (100, 2), (100, 8))
    names = [
        f"{messages:,} messages, {buses} {'bus' if buses == 1 else 'buses'}" for messages, buses in sizes
    ]
    timings = race([_contender(name, *size, frames) for name, size in zip(names, sizes, strict=True)], rounds)
    smallest = timings[names[0]]
    return Section(
        "Decoding as the plan grows",
        "Frames with uniformly random ids out of all messages, 8 signals each. What grows past 1,000 is the "
        "time to fetch a message's plan from memory: no table of that size stays in a cache. Goal: flat.",
        ("plan", "ns a frame", "ratio to the first"),
        tuple(
            (name, f"{timings[name].best_ns:.0f}", f"{timings[name].ratio_to(smallest):.2f}")
            for name in names
        ),
    )


def _contender(name: str, messages: int, buses: int, frames: int) -> Contender:
    spec = synthetic_plan(messages, buses)
    plan = Plan(spec, Schema(spec.records))
    decoder = Decoder(plan)
    for bus in range(buses):
        decoder.bind(bus, bus, 0)
    samples = SampleBatch(plan.schema)
    batches = _batches(messages, buses, frames)

    def run() -> None:
        for batch in batches:
            decoder.decode(batch, samples)
            samples.clear()

    return Contender(name, frames, run)


def _batches(messages: int, buses: int, frames: int) -> list[FrameBatch]:
    chance = random.Random(SEED)
    extended = messages > STANDARD_IDS
    batches = [FrameBatch(BATCH_FRAMES) for _ in range(-(-frames // BATCH_FRAMES))]
    for number in range(frames):
        batches[number // BATCH_FRAMES].append(
            FIRST_STAMP_NS + number,
            _id(chance.randrange(messages), extended) | (ID_EXTENDED if extended else 0),
            chance.randbytes(8),
            channel=chance.randrange(buses),
        )
    return batches


def _id(number: int, extended: bool) -> int:
    """Spread over the whole range, as real buses have them."""
    return number * 26_843 if extended else number * 2
