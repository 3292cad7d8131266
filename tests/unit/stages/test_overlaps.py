"""Batches that may hold the same point of the data model are ordered: the last frame's value stays."""

from collections.abc import Mapping

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.ledger import Ledger
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.service.pipeline import Pipeline
from telemetry.spool.trails import NO_STATE
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.pipeline_bench import live
from tests.support.plan_specs import Signal, plan

VOLTS, AMPS, OTHER = 0x100, 0x101, 0x102  # the third is not mapped
SIGNALS = {"value": Signal(bits=8, signed=False)}
PLAN = plan({"can0": dict.fromkeys(("Volts", "Amps", "Other"), SIGNALS)}, is_tight=True)
MAPPING = model(
    [MapEntry("Volts.value", "battery.voltage_v"), MapEntry("Amps.value", "charger.current_a")], [], PLAN
).map


def new_stages(every_s: float = 0.0) -> Stages:
    stages = Stages(PLAN, MAPPING, vehicle="v", reduce=ReduceSettings(every_s, {}))
    for channel, name in enumerate(("bus", "other bus")):
        stages.bind(channel, Binding(0, name, name))
    return stages


class Bench:
    """A pipeline of two buses, cut by hand."""

    def __init__(
        self, every_s: float = 0.0, *, newest_ns: int | None = None, state: Mapping[str, bytes] = NO_STATE
    ) -> None:
        self.store = ListedStore()
        self.pipeline = Pipeline(
            new_stages(every_s),
            self.store,
            Ledger({}),
            FakeClock(),
            {"log@1": 2},
            newest_ns=newest_ns,
            state=state,
        )

    def batch(self, *frames: tuple[int, int], channel: int = 0) -> bool:
        """Make a batch of frames (stamp, id); whether it is ordered."""
        batch = FrameBatch(len(frames))
        for time_ns, id in frames:
            batch.append(time_ns, id, b"\x01", channel=channel)
        source = ("bus", "other bus")[channel]
        self.pipeline.process(source, batch, {}, own_time=True)
        return self.cut()

    def cut(self) -> bool:
        before = len(self.store.batches)
        self.pipeline.cut()
        assert len(self.store.batches) == before + 1
        return self.store.batches[-1][0].ordered


@pytest.mark.parametrize("second_ns", [2000, 1000, 1])
def test_a_batch_with_a_stamp_that_an_earlier_batch_had_or_passed_is_ordered(second_ns: int) -> None:
    bench = Bench()
    assert not bench.batch((1000, VOLTS), (2000, VOLTS))
    assert bench.batch((second_ns, VOLTS), (3000, VOLTS))
    assert bench.batch((3000, VOLTS))
    assert not bench.batch((3001, VOLTS))


def test_stamps_that_come_again_within_one_batch_do_not_matter() -> None:
    bench = Bench()
    assert not bench.batch((2000, VOLTS), (1000, VOLTS), (1000, VOLTS), (1500, VOLTS))
    assert not bench.batch((2001, VOLTS), (2001, VOLTS))


def test_a_batch_is_not_ordered_for_other_series_or_for_rows_of_messages() -> None:
    bench = Bench()
    assert not bench.batch((5000, VOLTS), (5000, OTHER))
    assert not bench.batch((1000, AMPS), (1000, OTHER))
    assert not bench.batch((1000, VOLTS), channel=1)
    assert bench.batch((1000, AMPS))


def test_a_row_that_was_held_back_is_looked_at_when_it_goes_out() -> None:
    """The first of a kind passes at once; of two with its stamp the last goes out with the next interval."""
    second = 10**9
    bench = Bench(every_s=1.0)
    assert not bench.batch((second, VOLTS))
    bench.pipeline.process("bus", live(second), {}, own_time=True)
    assert bench.batch((2 * second, VOLTS))
    assert not bench.batch((3 * second, VOLTS))


def test_another_line_goes_on_where_the_one_before_was() -> None:
    bench = Bench()
    assert not bench.batch((1000, VOLTS))
    bench.pipeline.replace_stages(new_stages())
    assert bench.batch((1000, VOLTS))
    bench.pipeline.replace_stages(new_stages())
    assert not bench.batch((1000, VOLTS), channel=1)
    assert not bench.batch((1001, VOLTS))


def test_after_a_start_stamps_follow_those_of_the_batch_that_was_stored_last() -> None:
    bench = Bench(newest_ns=2000)
    assert bench.batch((2000, VOLTS))
    assert not bench.batch((2001, VOLTS))


@pytest.mark.parametrize("held_ns", [10**9, 15 * 10**8])
def test_what_a_killed_run_held_may_replace_what_it_had_sent_and_be_replaced(held_ns: int) -> None:
    killed = Bench(every_s=1.0)
    assert not killed.batch((10**9, VOLTS))
    killed.pipeline.process("bus", live(held_ns), {}, own_time=True)
    killed.pipeline.tick()
    state = killed.store.kept_states[-1]
    bench = Bench(newest_ns=10**9, state=state)
    assert bench.pipeline.store_left(state) == 2  # a row of the message, and one of the data model
    assert bench.store.batches[-1][0].ordered
    assert bench.batch((held_ns, VOLTS))
    assert not bench.batch((held_ns + 1, VOLTS))


def test_a_log_that_is_resumed_knows_the_stamps_that_it_has_stored() -> None:
    bench = Bench(newest_ns=10**9)
    frames = live(1000, 2000, 2000, 3000)
    bench.pipeline.process("bus", frames.part(0, 3), {}, resume_as="log@1")
    assert bench.cut()
    rest = frames.part(3, 4)
    rest.position = 3
    bench.pipeline.process("bus", rest, {}, resume_as="log@1")
    assert not bench.cut()
