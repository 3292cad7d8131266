"""A pipeline for tests: a source on channel 0, a clock that the test moves, and a store of lists."""

from collections.abc import Mapping

from telemetry_core.frames.batch import FrameBatch

from telemetry.ledger import Ledger
from telemetry.rules.reduce import ReduceSettings
from telemetry.service.pipeline import Pipeline
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.plan_specs import Signal, plan

KNOWN, UNKNOWN = 0x100, 0x200
PLAN = plan({"can0": {"Pack": {"level": Signal(bits=8, signed=False)}}}, is_tight=True)


class Bench:
    """A pipeline with one log on channel 0 and everything it needs."""

    def __init__(
        self,
        positions: Mapping[str, int] | None = None,
        base: Mapping[str, int] | None = None,
        *,
        wait_for_clock: bool = False,
        every_s: float = 0.0,
    ) -> None:
        self.clock = FakeClock()
        self.store = ListedStore()
        self.ledger = Ledger(base or {})
        stages = Stages(PLAN, None, vehicle="van", reduce=ReduceSettings(every_s, {}))
        stages.bind(0, Binding(0, "log", "can0"))
        self.pipeline = Pipeline(
            stages, self.store, self.ledger, self.clock, positions or {}, wait_for_clock=wait_for_clock
        )

    def process(self, frames: FrameBatch, *, resume_as: str = "log", time_known: bool = True) -> None:
        self.pipeline.process("log", frames, {}, resume_as=resume_as, time_known=time_known)


def frames(first: int, count: int, id: int = KNOWN) -> FrameBatch:
    batch = FrameBatch(count)
    batch.position = first
    for number in range(first, first + count):
        batch.append(1_000 * number, id, bytes([number % 256]))
    return batch


def counted(accounts: Mapping[str, int]) -> dict[str, int]:
    """Return the accounts without those that are 0."""
    return {name: count for name, count in accounts.items() if count}


def live(*stamps_ns: int) -> FrameBatch:
    batch = FrameBatch(len(stamps_ns))
    for stamp_ns in stamps_ns:
        batch.append(stamp_ns, KNOWN, b"\x01")
    return batch
