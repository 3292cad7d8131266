"""Whatever comes between a frame and the database, and in whatever order: the last frame's value stays.

A pipeline with a mapped message, a real spool on a disk that fails, a real sender. The database keeps the
last value that it was sent of each point. Stamps are coarse and step back, so that batches share points;
those of a bus go on after a start.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.ledger import Ledger
from telemetry.model.read_point import row_key
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.resolve import model
from telemetry.service.pipeline import Pipeline
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered
from telemetry.sinks.sender import Backoff, Sender
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.deadletters import hand_over, letter_names
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.examples import examples
from tests.support.model_server import ModelServer, Reply, refusal

LOOK_EVERY_S = 5.0

DIRECTORY = Path("/spool")
LOG = "log@0"
PLAN = PlanSpec(
    records=(RecordSpec("Pack", (FieldSpec("level", SlotKind.UINT),)),),
    buses=(
        BusSpec(
            "can0",
            (MessageSpec("Pack", 0x100, False, 2, (SignalSpec(0, 16, True, False, False),), (), record=0),),
        ),
    ),
)
MAPPING = model([MapEntry("Pack.level", "battery.voltage_v")], [], PLAN).map
MANNERS = [
    "takes",
    "stores without a word",
    "fails",
    "is gone",
    "refuses odd values",
    "refuses without a word",
]


class Database:
    """Keeps the last value of each point of `battery`, in the order in which lines come."""

    def __init__(self) -> None:
        self.values: dict[bytes, int] = {}
        self.refused: set[int] = set()  # values of requests that were refused, in whole or in part
        self.manner = "takes"

    def __call__(self, lines: Sequence[bytes]) -> Reply | None:
        match self.manner:
            case "fails":
                return Answer(500, {}, b"out of order")
            case "is gone":
                return Unanswered(Failure.NO_CONNECTION)
            case "stores without a word":
                self._store(lines)
                return Unanswered(Failure.TIMEOUT)
        odd = [line for line in lines if b"battery" in line and _value(line) % 2]
        if self.manner.startswith("refuses") and odd:
            self.refused |= {_value(line) for line in lines if line.startswith(b"battery")}
        if self.manner == "refuses without a word" and odd:
            return refusal("no")
        if self.manner == "refuses odd values" and odd:
            self._store([line for line in lines if line not in odd])
            return refusal("\n".join(f"unable to parse '{line.decode()}': odd" for line in odd))
        self._store(lines)
        return None

    def _store(self, lines: Sequence[bytes]) -> None:
        self.values |= {row_key(line): _value(line) for line in lines if line.startswith(b"battery")}


def _value(line: bytes) -> int:
    return round(float(line.split(b" ")[1].partition(b"=")[2]))


class LastValue(RuleBasedStateMachine):
    """A log or a bus, and everything after it."""

    @initialize(is_log=st.booleans(), segment_bytes=st.sampled_from([1, 1 << 20]))
    def start(self, is_log: bool, segment_bytes: int) -> None:
        self.resume_as = LOG if is_log else ""
        self.limits = SpoolLimits(keep_free_bytes=0, segment_bytes=segment_bytes, retry_s=0.1)
        self.clock = FakeClock()
        self.disk = SimulatedDisk(now_ns=self.clock.unix_ns)
        self.database = Database()
        self.frames: list[tuple[int, int]] = []  # stamps and values
        self.lost: set[int] = set()  # values of a bus that may be gone
        self.start_us = 0
        self.stored = 0  # so many frames
        self.open_service()

    def open_service(self) -> None:
        self.spool = Spool(DIRECTORY, clock=self.clock, limits=self.limits, filesystem=self.disk)
        recovery = self.spool.recovery
        self.server = ModelServer(behave=self.database)
        boot_time = BootTime(self.clock, None, wait_for_clock=False)
        self.sender = Sender(
            self.spool, self.server, self.clock, Backoff(lambda: 0.5), boot_time, lambda _: None
        )
        self.pipeline = Pipeline(
            self.new_stages(),
            self.spool,
            Ledger(recovery.accounts),
            self.clock,
            recovery.positions,
            newest_ns=recovery.newest_ns,
        )
        if not self.resume_as:
            self.lost |= {value for _, value in self.frames[self.stored :]}
            self.start_us += 10
        self.delivered = 0 if self.resume_as else len(self.frames)
        self.stored = self.delivered
        self.deliver()

    def new_stages(self) -> Stages:
        stages = Stages(PLAN, MAPPING, vehicle="v")
        stages.bind(0, Binding(0, "log", "can0"))
        return stages

    def deliver(self) -> None:
        batch = FrameBatch(max(len(self.frames), 1))
        batch.position = self.delivered
        for stamp_ns, value in self.frames[self.delivered :]:
            batch.append(stamp_ns, 0x100, value.to_bytes(2, "little"))
        if len(batch):
            self.pipeline.process("log", batch, {}, resume_as=self.resume_as, own_time=not self.resume_as)
        self.delivered = len(self.frames)

    @rule(stamps_us=st.lists(st.integers(1, 6), min_size=1, max_size=4), cuts=st.booleans())
    def take_frames(self, stamps_us: list[int], cuts: bool) -> None:
        self.frames_come(stamps_us, cuts=cuts)

    def frames_come(self, stamps_us: list[int], *, cuts: bool) -> None:
        for stamp_us in stamps_us:
            self.frames.append(((self.start_us + stamp_us) * 1000, len(self.frames) + 1))
        self.deliver()
        if cuts:
            self.commit()

    @rule()
    def commit(self) -> None:
        self.pipeline.cut()
        self.spool.commit()
        if not self.spool.gauges().volatile:
            self.stored = len(self.frames)

    @rule()
    def reload(self) -> None:
        self.pipeline.replace_stages(self.new_stages())

    @rule(
        stamps_us=st.lists(st.integers(1, 6), max_size=4),
        manner=st.sampled_from(MANNERS),
        steps=st.integers(1, 30),
    )
    def send(self, stamps_us: list[int], manner: str, steps: int) -> None:
        self.frames_come(stamps_us, cuts=bool(stamps_us))
        self.database.manner = manner
        for _ in range(steps):
            self.clock.advance(min(self.sender.step(), 5.0))
            if self.disk.read_only:  # it takes no letter either
                self.lost |= self.database.refused

    @rule()
    def requeue(self) -> None:
        for name in letter_names(self.disk, DIRECTORY / "dead"):
            with suppress(OSError):
                hand_over(self.disk, DIRECTORY, name, boot_time_ns=None)
        self.clock.advance(LOOK_EVERY_S)
        if self.spool.commit_due():
            self.spool.commit()

    @rule()
    def stop_and_start(self) -> None:
        self.commit()
        self.spool.close()
        self.open_service()

    @rule(seed=st.integers(0, 100), is_power_cut=st.booleans())
    def kill(self, seed: int, is_power_cut: bool) -> None:
        if is_power_cut:
            self.disk.cut_power(Random(seed))
        else:
            self.disk.kill()
        self.open_service()

    @rule(refuses=st.booleans())
    def the_disk_refuses(self, refuses: bool) -> None:
        self.disk.read_only = refuses

    def teardown(self) -> None:
        if not hasattr(self, "spool"):
            return
        self.disk.read_only = False
        self.database.manner = "takes"
        self.clock.advance(100.0)
        self.commit()
        for _ in range(10):
            for _ in range(300):
                self.clock.advance(self.sender.step())
                if self.sender.state.idle:
                    break
            self.requeue()
        self.spool.close()
        expected = {stamp_ns: value for stamp_ns, value in self.frames if value not in self.lost}
        found = {int(key.rpartition(b" ")[2]): value for key, value in self.database.values.items()}
        for stamp_ns, value in expected.items():
            assert found[stamp_ns] == value or found[stamp_ns] in self.lost, stamp_ns


TestLastValue = LastValue.TestCase
TestLastValue.settings = settings(max_examples=examples(100), stateful_step_count=25, deadline=None)
