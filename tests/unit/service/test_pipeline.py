"""What a pipeline stores, what it counts, and what it keeps of a batch that is not closed yet."""

import pytest

from telemetry.ledger import imbalances
from telemetry.service.open_batch import BATCH_LINES
from tests.support.pipeline_bench import UNKNOWN, Bench, counted, frames


def test_a_batch_is_closed_at_its_limit_of_lines_and_carries_the_accounts_of_that_moment() -> None:
    bench = Bench()
    bench.process(frames(0, BATCH_LINES - 1))
    assert bench.store.batches == []
    bench.process(frames(BATCH_LINES - 1, 1))
    ((batch, accounts, positions),) = bench.store.batches
    assert (batch.points, batch.first_ns, batch.last_ns) == (BATCH_LINES, 0, 1_000 * (BATCH_LINES - 1))
    assert positions == {"log": BATCH_LINES}
    assert counted(accounts) == {
        "bus/log/read": BATCH_LINES,
        "frames/log/decoded": BATCH_LINES,
        "points/made/Pack": BATCH_LINES,
    }


def test_a_batch_is_closed_at_its_limit_of_bytes() -> None:
    bench = Bench()
    for number in range(100):
        bench.pipeline.add_point("note", b'note text="%s" %d' % (b"x" * 30_000, number), number)
        bench.process(frames(number, 1))
    ((batch, _, _),) = bench.store.batches
    assert batch.points == 2 * (-(-2_097_152 // 30_050))  # each with the frame's
    assert bench.pipeline.points_waiting == 200 - batch.points


def test_a_batch_is_closed_after_a_second() -> None:
    bench = Bench()
    bench.process(frames(0, 1))
    bench.pipeline.tick()
    assert bench.store.batches == []
    bench.clock.advance(1.0)
    bench.pipeline.tick()
    assert bench.store.text == b"Pack,source=can0,vehicle=van level=0 0\n"


def test_a_batch_with_an_event_is_urgent_and_the_next_one_is_not() -> None:
    bench = Bench()
    for number, measurement in enumerate(("gateway", "event", "gateway")):
        bench.pipeline.add_point(measurement, b"%s,code=x level=1 5" % measurement.encode(), number)
        bench.process(frames(number, 1))
        bench.pipeline.cut()
    assert [batch.urgent for batch, _, _ in bench.store.batches] == [False, True, False]


def test_nothing_is_stored_when_nothing_was_made() -> None:
    bench = Bench()
    bench.process(frames(0, 3, id=UNKNOWN))
    bench.pipeline.finish()
    assert bench.store.batches == []
    assert list(imbalances(bench.ledger.snapshot(), 0, {})) == []


@pytest.mark.parametrize("stored", [0, 1, 3, 4, 6, 9, 10])
def test_a_log_read_again_continues_after_what_is_stored(stored: int) -> None:
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


def test_another_log_of_the_same_source_starts_from_its_first_frame() -> None:
    bench = Bench({"log@old": 5})
    bench.process(frames(0, 3), resume_as="log@new")
    bench.pipeline.finish()
    assert bench.store.text.count(b"\n") == 3


def test_points_of_the_service_itself_are_counted_as_made() -> None:
    bench = Bench()
    bench.pipeline.add_point("gateway", b"gateway,vehicle=van cpu_s=1 7", 7)
    bench.pipeline.finish()
    assert bench.store.text == b"gateway,vehicle=van cpu_s=1 7\n"
    assert counted(bench.ledger.snapshot()) == {"points/made/gateway": 1}


def test_losses_of_the_source_are_in_the_accounts_with_their_reason() -> None:
    bench = Bench()
    bench.pipeline.process("log", frames(0, 2), {"lost/bad_line": 3, "kernel_dropped": 4}, resume_as="log")
    assert counted(bench.ledger.snapshot()) == {
        "bus/log/read": 5,
        "bus/log/kernel_dropped": 4,
        "frames/log/decoded": 2,
        "frames/log/lost/bad_line": 3,
        "points/made/Pack": 2,
    }
    assert list(imbalances(bench.ledger.snapshot(), 2, {})) == []


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


@pytest.mark.parametrize(("keeps", "most"), [(True, 21), (False, 0)], ids=["refused", "nowhere to keep it"])
def test_what_cannot_be_kept_is_worked_out_once_a_second_at_most(keeps: bool, most: int) -> None:
    bench, tried = Bench(), []
    bench.store.keeps = keeps
    bench.store.keep = lambda *_, **__: tried.append(1)  # type: ignore[method-assign,assignment]  # None is not kept
    bench.process(frames(0, 1), resume_as="")
    bench.pipeline.cut()
    bench.pipeline._open.has_news = True  # of what stages hold
    tried.clear()
    begun_s = bench.clock.monotonic_s()
    while bench.clock.monotonic_s() < begun_s + 20.0:
        bench.pipeline.tick()
        bench.clock.advance(max(bench.pipeline.wait_s(0.15), 0.001))
    assert bool(keeps) <= len(tried) <= most
