"""What a pipeline keeps of a batch that is not closed yet."""

import pytest

from telemetry.service.pipeline import BATCH_LINES
from tests.support.pipeline_bench import Bench, frames


def deliver(bench: Bench, first: int, count: int) -> None:
    bench.clock.advance(0.02)
    bench.process(frames(first, count), resume_as="")
    bench.pipeline.tick()


def test_each_delivery_of_a_live_source_is_kept_with_the_accounts_as_of_it() -> None:
    bench = Bench()
    for count in (3, 2):
        deliver(bench, 0, count)
        assert bench.store.kept[-1][1] == bench.ledger.snapshot()
    assert [lines.count(b"\n") for lines, *_ in bench.store.kept] == [3, 5]
    assert bench.store.batches == []


def test_what_is_kept_of_a_batch_is_all_of_it_when_it_is_appended() -> None:
    bench = Bench()
    deliver(bench, 0, 3)
    bench.process(frames(3, BATCH_LINES), resume_as="")  # closed at its limit, in the middle of a step
    ((_batch, accounts, _positions),) = bench.store.batches
    assert bench.store.kept[-1] == (bench.store.text, accounts, {}, "")


def test_points_of_the_services_own_are_kept_with_those_of_its_sources() -> None:
    bench = Bench()
    deliver(bench, 0, 1)
    bench.clock.advance(0.02)
    bench.pipeline.add_point("event", b"event,code=x level=1 5", 5)
    bench.pipeline.tick()
    assert bench.store.kept[-1][0].count(b"\n") == 2


def test_nothing_is_kept_of_a_log_which_can_be_read_again() -> None:
    bench = Bench()
    bench.process(frames(0, 3))
    bench.pipeline.tick()
    assert bench.store.kept == []


def test_what_a_live_source_delivers_is_kept_although_a_log_is_read_beside_it() -> None:
    bench = Bench()
    bench.process(frames(0, 3), resume_as="")
    bench.process(frames(0, 2), resume_as="log")
    bench.pipeline.tick()
    assert [lines.count(b"\n") for lines, *_ in bench.store.kept] == [5]


def test_nothing_is_kept_twice() -> None:
    bench = Bench()
    deliver(bench, 0, 3)
    for _ in range(3):
        bench.pipeline.tick()
    assert len(bench.store.kept) == 1


def test_a_batch_that_is_kept_before_the_time_is_known_names_its_boot() -> None:
    bench = Bench(wait_for_clock=True)
    bench.process(frames(0, 1), resume_as="", time_known=False)
    bench.pipeline.tick()
    assert bench.store.kept[-1][3] == bench.clock.boot_id()


def test_deliveries_close_behind_one_another_are_kept_together_and_soon() -> None:
    bench = Bench()
    deliver(bench, 0, 1)
    assert bench.pipeline.wait_s(1.0) == 1.0
    for number in range(1, 5):  # of many buses, say
        bench.process(frames(number, 1), resume_as="")
        bench.pipeline.tick()
    assert len(bench.store.kept) == 1
    assert bench.pipeline.wait_s(1.0) == pytest.approx(0.02)
    bench.clock.advance(bench.pipeline.wait_s(1.0))
    bench.pipeline.tick()
    assert bench.store.kept[-1][0].count(b"\n") == 5
    assert bench.pipeline.wait_s(1.0) == 1.0
