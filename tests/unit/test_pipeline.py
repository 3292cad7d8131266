import gzip
from collections.abc import Mapping

import pytest
from telemetry_core.frames import FrameBatch
from telemetry_core.spec import BusSpec, FieldSpec, MessageSpec, PlanSpec, RecordSpec, SignalSpec, SlotKind

from telemetry.ledger import Ledger, imbalances
from telemetry.line import Line
from telemetry.pipeline import BATCH_LINES, Pipeline
from telemetry.spool.batch import EncodedBatch, TimeBase
from tests.support.clock import FakeClock

KNOWN, UNKNOWN = 0x100, 0x200
PLAN = PlanSpec(
    records=(RecordSpec("Pack", (FieldSpec("level", SlotKind.UINT, passes=False),)),),
    buses=(
        BusSpec(
            "can0",
            (MessageSpec("Pack", KNOWN, False, 1, (SignalSpec(0, 8, True, False, False),), (), record=0),),
        ),
    ),
)


class ListedStore:
    """Keeps what the pipeline stores, with the accounts as of each batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[EncodedBatch, dict[str, int], dict[str, int]]] = []
        self.commits = 0

    def append(
        self, batch: EncodedBatch, *, accounts: Mapping[str, int], positions: Mapping[str, int]
    ) -> int:
        self.batches.append((batch, dict(accounts), dict(positions)))
        return len(self.batches)

    def commit(self) -> None:
        self.commits += 1

    def commit_due(self) -> bool:
        return False

    @property
    def text(self) -> bytes:
        return b"".join(gzip.decompress(batch.payload) for batch, _, _ in self.batches)


class Bench:
    """A pipeline with one log on channel 0 and everything it needs."""

    def __init__(
        self, positions: Mapping[str, int] | None = None, base: Mapping[str, int] | None = None
    ) -> None:
        self.clock = FakeClock()
        self.store = ListedStore()
        self.ledger = Ledger(base or {})
        line = Line(PLAN, None, vehicle="van")
        line.bind(0, bus=0, source="log", tag="can0")
        self.pipeline = Pipeline(line, self.store, self.ledger, self.clock, positions or {})

    def process(self, frames: FrameBatch, *, resumable: bool = True, time_known: bool = True) -> None:
        self.pipeline.process("log", frames, {}, resumable=resumable, time_known=time_known)


def frames(first: int, count: int, id: int = KNOWN) -> FrameBatch:
    batch = FrameBatch(count)
    batch.position = first
    for number in range(first, first + count):
        batch.append(1_000 * number, id, bytes([number % 256]))
    return batch


def test_a_batch_is_closed_at_its_limit_of_lines_and_carries_the_accounts_of_that_moment() -> None:
    bench = Bench()
    bench.process(frames(0, BATCH_LINES - 1))
    assert bench.store.batches == []
    bench.process(frames(BATCH_LINES - 1, 1))
    ((batch, accounts, positions),) = bench.store.batches
    assert (batch.points, batch.first_ns, batch.last_ns) == (BATCH_LINES, 0, 1_000 * (BATCH_LINES - 1))
    assert positions == {"log": BATCH_LINES}
    assert accounts == {
        "bus/log/read": BATCH_LINES,
        "frames/log/decoded": BATCH_LINES,
        "points/made/Pack": BATCH_LINES,
    }


def test_a_batch_is_closed_after_a_second() -> None:
    bench = Bench()
    bench.process(frames(0, 1))
    bench.pipeline.tick()
    assert bench.store.batches == []
    bench.clock.advance(1.0)
    bench.pipeline.tick()
    assert bench.store.text == b"Pack,source=can0,vehicle=van level=0 0\n"


def test_nothing_is_stored_when_nothing_was_made() -> None:
    bench = Bench()
    bench.process(frames(0, 3, id=UNKNOWN))
    bench.pipeline.finish()
    assert bench.store.batches == []
    assert list(imbalances(bench.ledger.snapshot(), 0, {})) == []


@pytest.mark.parametrize("stored", [0, 1, 3, 4, 6, 9, 10])
def test_a_log_read_again_continues_behind_what_is_stored(stored: int) -> None:
    whole = Bench()
    whole.process(frames(0, 10))
    whole.pipeline.finish()

    first = Bench()
    if stored:
        first.process(frames(0, stored))
    first.pipeline.finish()
    base = first.store.batches[-1][1] if stored else {}
    points_base = {name: count for name, count in base.items() if name.startswith("points/")}
    again = Bench({"log": stored}, points_base)
    for start in range(0, 10, 3):
        again.process(frames(start, min(3, 10 - start)))
    again.pipeline.finish()
    assert first.store.text + again.store.text == whole.store.text
    assert again.ledger.snapshot() == whole.ledger.snapshot()


def test_frames_stamped_before_the_time_was_known_go_into_batches_of_their_own() -> None:
    bench = Bench()
    bench.clock.advance(5.0)
    offset_ns = bench.clock.unix_ns() - bench.clock.boot_ns()
    early = FrameBatch(1)
    early.append(bench.clock.unix_ns(), KNOWN, b"\x01")
    bench.process(early, resumable=False, time_known=False)
    bench.process(frames(0, 1), resumable=False)
    bench.pipeline.finish()
    first, second = (batch for batch, _, _ in bench.store.batches)
    assert (first.time_base, first.boot_id) == (TimeBase.BOOT, bench.clock.boot_id())
    assert first.first_ns == early[0].time_ns - offset_ns
    assert (second.time_base, second.first_ns) == (TimeBase.UNIX, 0)


def test_points_of_the_service_itself_are_counted_as_made() -> None:
    bench = Bench()
    bench.pipeline.add_point("gateway", b"gateway,vehicle=van cpu_s=1 7", 7)
    bench.pipeline.finish()
    assert bench.store.text == b"gateway,vehicle=van cpu_s=1 7\n"
    assert bench.ledger.snapshot() == {"points/made/gateway": 1}


def test_losses_of_the_source_are_in_the_accounts_with_their_reason() -> None:
    bench = Bench()
    bench.pipeline.process("log", frames(0, 2), {"lost/bad_line": 3, "kernel_dropped": 4}, resumable=True)
    assert bench.ledger.snapshot() == {
        "bus/log/read": 5,
        "bus/log/kernel_dropped": 4,
        "frames/log/decoded": 2,
        "frames/log/lost/bad_line": 3,
        "points/made/Pack": 2,
    }
    assert list(imbalances(bench.ledger.snapshot(), 2, {})) == []
