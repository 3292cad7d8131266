"""Bounds among the stages: what is sent of two packs, what follows from all rows, accounts, reloads."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.ledger import Ledger, imbalances, total
from telemetry.rules.aggregate import Aggregate
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.service.pipeline import Pipeline
from telemetry.stages.stages import Stages
from tests.support import two_packs
from tests.support.clock import FakeClock
from tests.support.command import printed
from tests.support.composition_cases import POWER_DBC, POWER_MAP, Case, config
from tests.support.composition_cases import pack as frame_of
from tests.support.lineprotocol import Line, parse_line
from tests.support.listed_store import ListedStore
from tests.support.two_packs import HOUSE, PACKS, SECOND, START, Step

MODEL_ALONE = SendSettings(messages=False)
SPARSE = ReduceSettings(every_s=1.0)
BOUNDS = {"battery.voltage_v": 0.15, "battery.current_a": 0.5, "battery.cell_min_v": 0.005, "battery.*": 50}


def reduce_of(shape: str = "line", **keys: float) -> ReduceSettings:
    return ReduceSettings(shape=shape, bounds=BOUNDS, **keys)  # type: ignore[arg-type]


def stages_of(
    reduce: ReduceSettings, send: SendSettings = MODEL_ALONE, aggregates: Sequence[Aggregate] = (HOUSE,)
) -> Stages:
    return two_packs.stages_of(reduce, send=send, counting=Counting(), aggregates=aggregates)


def drive(seconds: int = 40, fault_s: float = 20.0) -> list[Step]:
    """Return frames of two packs at 20 Hz: a fault of the front one, and a silence of both for 5 s."""
    drawn, steps, amps = random.Random(7), [], 10.0
    for number in range(20 * seconds):
        second = number / 20 + (5.0 if number > 15 * seconds else 0.0)
        amps += drawn.gauss(0, 0.1)
        fault = int(fault_s <= second < fault_s + 1)
        steps.append(Step(second, 0, amps, 3.2 - second / 1000, fault))
        steps.append(Step(second + 0.01, 1, amps / 2, 3.3))
    return steps


def batch_of(steps: Sequence[Step], position: int = 0) -> FrameBatch:
    frames = FrameBatch(max(len(steps), 1))
    frames.position = position
    for step in steps:
        step.add_to(frames)
    return frames


def written(stages: Stages, steps: Sequence[Step], size: int = 500) -> list[Line]:
    lines = LineBuffer()
    for at in range(0, len(steps), size):
        stages.process(batch_of(steps[at : at + size]), lines)
    stages.writing.flush(lines)
    return [*map(parse_line, lines.take().splitlines())]


def of(points: Sequence[Line], measurement: str, **tags: str) -> list[Line]:
    return [one for one in points if one.measurement == measurement and tags.items() <= one.tags.items()]


def series(points: Sequence[Line], pack: str, field: str) -> dict[int, float]:
    found = of(points, "battery", pack=pack)
    return {one.time_ns: float(one.fields[field]) for one in found if field in one.fields}


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_less_is_sent_and_each_kept_value_is_one_that_came(shape: str) -> None:
    whole, kept = written(stages_of(ReduceSettings()), drive()), written(stages_of(reduce_of(shape)), drive())
    assert len(kept) < len(whole) / 3
    for pack in ("front", "rear"):
        for field in ("voltage_v", "current_a", "cell_min_v", "power_w", "discharged_wh", "charged_wh"):
            all_of_it, some = series(whole, pack, field), series(kept, pack, field)
            assert some.items() <= all_of_it.items()
            assert {min(all_of_it), max(all_of_it)} <= some.keys()
        before = [one for one in series(whole, pack, "current_a") if one < START + 33 * SECOND]
        assert before[-1] in series(kept, pack, "current_a")  # the silence


@pytest.mark.parametrize("shape", ["line", "hold"])
def test_events_counters_and_banks_are_those_of_all_rows(shape: str) -> None:
    whole, kept = written(stages_of(ReduceSettings()), drive()), written(stages_of(reduce_of(shape)), drive())
    assert of(kept, "event") == of(whole, "event")
    assert len(of(kept, "event")) == 2
    for pack in ("front", "rear"):
        for field in ("charged_wh", "discharged_wh", "charged_ah"):
            assert list(series(kept, pack, field).items())[-1] == list(series(whole, pack, field).items())[-1]
    bank = series(whole, "house", "current_a")
    assert series(kept, "house", "current_a").items() <= bank.items()
    assert max(bank) in series(kept, "house", "current_a")


def test_an_event_keeps_the_last_values_of_its_pack_and_of_no_other_before_it() -> None:
    points = written(stages_of(reduce_of()), drive())
    begins = next(place for place, one in enumerate(points) if one.measurement == "event")
    fault_ns = START + 20 * SECOND  # the event follows the frame, whose row comes after it
    (row,) = (
        one for one in of(points[:begins], "battery", pack="front") if one.time_ns == fault_ns - SECOND // 20
    )
    assert {"voltage_v", "current_a", "cell_min_v", "power_w"} <= row.fields.keys()
    assert fault_ns - SECOND // 20 + SECOND // 100 not in series(points, "rear", "current_a")


@pytest.mark.parametrize("size", [1, 7, 5000])
@pytest.mark.parametrize("send", [SendSettings(), MODEL_ALONE])
def test_accounts_balance_and_batches_make_no_difference(size: int, send: SendSettings) -> None:
    stages = stages_of(reduce_of(), send)
    points = written(stages, drive(10, 5.0), size)
    counted = stages.counted()
    assert total(counted, "points/made/") - counted["points/reduced"] == len(points)
    assert points == written(stages_of(reduce_of(), send), drive(10, 5.0), 333)
    assert counted["values/left_out/battery"] > 1000
    assert ("values/left_out/Pack" in counted) == send.messages


def test_a_measurement_with_an_interval_of_its_own_has_that() -> None:
    settings = ReduceSettings(every_s_by_measurement={"Pack": 1.0}, bounds=BOUNDS)
    stages = stages_of(settings, SendSettings())
    points = written(stages, drive(10, 5.0))
    counted = stages.counted()
    assert total(counted, "points/made/") - counted["points/reduced"] == len(points)
    assert 20 <= len(of(points, "Pack")) < 30
    assert stages.writing.pending == 0


@pytest.mark.parametrize("shape", ["line", "hold"])
@pytest.mark.parametrize("stored", [(1, 0), (333, 401), (799, 800)])
def test_a_log_that_is_resumed_gives_what_an_undisturbed_run_gives(shape: str, stored: Sequence[int]) -> None:
    logs = [[step for step in drive() if step.bus == bus] for bus in (0, 1)]
    ends = [len(log) for log in logs]

    def run(
        positions: Mapping[str, int], base: dict[str, int], upto: Sequence[int]
    ) -> tuple[bytes, dict[str, int], Mapping[str, int]]:
        """Read both logs, in turns of unequal size, up to these frames."""
        store, ledger = ListedStore(), Ledger(base)
        stages = stages_of(reduce_of(shape), aggregates=())  # a bank's rows are of both logs
        pipeline = Pipeline(stages, store, ledger, FakeClock(), positions)
        done = [0, 0]
        while done != [*upto]:
            for bus, (source, size) in enumerate(zip(PACKS, (70, 110), strict=True)):
                part = logs[bus][done[bus] : min(done[bus] + size, upto[bus])]
                if part:
                    pipeline.process(source, batch_of(part, done[bus]), {}, resume_as=source)
                    done[bus] += len(part)
                if part and done[bus] == ends[bus]:
                    pipeline.end(source, {}, is_complete=True, resume_as=source)
        pipeline.finish()
        counted = ledger.snapshot().items()
        points = {name: n for name, n in counted if n and name.startswith(("points/", "values/"))}
        return store.text, points, pipeline.positions

    whole, counted, _ = run({}, {}, ends)
    first, counted_first, positions = run({}, {}, stored)
    then, counted_then, _ = run(positions, counted_first, ends)
    assert sorted((first + then).splitlines()) == sorted(whole.splitlines())
    assert counted_then == counted
    assert total(counted, "points/made/") - counted["points/reduced"] == whole.count(b"\n")


def test_a_factor_that_changes_while_a_log_is_read_again_sends_and_counts_what_was_held() -> None:
    """Send it also where the earlier run held it too when it was killed: nobody has sent it."""
    steps = [step for step in drive() if step.bus == 0]
    store, ledger = ListedStore(), Ledger({})
    stages = stages_of(reduce_of(), aggregates=())
    pipeline = Pipeline(stages, store, ledger, FakeClock(), {"log": 500})
    for at in range(0, len(steps), 100):
        pipeline.process("can0", batch_of(steps[at : at + 100], at), {}, resume_as="log")
        if at == 300:
            pipeline.cut()
            assert (store.text, stages.writing.pending > 0) == (b"", True)
            pipeline.set_factor(2, 30.0)
            assert pipeline.points_waiting > 0
    pipeline.end("can0", {}, is_complete=True, resume_as="log")
    pipeline.finish()
    points = [*map(parse_line, store.text.splitlines())]
    assert list(imbalances(ledger.snapshot(), len(points), {})) == []
    kept = series(points, "front", "current_a")
    assert min(kept) == START + round(steps[399].seconds * SECOND)
    assert kept.items() <= series(written(stages_of(ReduceSettings()), steps), "front", "current_a").items()


@pytest.mark.parametrize(
    "after",
    [ReduceSettings(), ReduceSettings(every_s=1.0), reduce_of("hold"), reduce_of("line", every_s=1.0)],
)
@pytest.mark.parametrize("before", [ReduceSettings(every_s=1.0), reduce_of("line"), reduce_of("hold")])
def test_another_reduce_keeps_what_was_held(before: ReduceSettings, after: ReduceSettings) -> None:
    steps, store, ledger = drive(10, 50.0), ListedStore(), Ledger({})
    pipeline = Pipeline(stages_of(before), store, ledger, FakeClock(), {})
    for part in (steps[:200], steps[200:]):
        for bus, source in enumerate(PACKS):
            pipeline.process(source, batch_of([one for one in part if one.bus == bus]), {}, own_time=True)
        if part[0] is steps[0]:
            pipeline.replace_stages(stages_of(after))
    pipeline.finish(PACKS)
    points = [*map(parse_line, store.text.splitlines())]
    whole = written(stages_of(ReduceSettings()), steps)
    for pack, last in (("front", steps[198]), ("rear", steps[199])):
        kept = series(points, pack, "current_a")
        assert START + round(last.seconds * SECOND) in kept
        assert kept.items() <= series(whole, pack, "current_a").items()
        assert max(kept) == max(series(whole, pack, "current_a"))
    assert list(imbalances(ledger.snapshot(), len(points), {})) == []


def test_the_start_and_the_end_of_a_session_keep_the_last_values_and_its_minutes_do_not(
    tmp_path: Path,
) -> None:
    frames = tuple(frame_of(4000 + n % 2, 100 * (5 <= n < 1800)) for n in range(1900))  # 10 a second
    loose = '[reduce]\nlongest_s = 3600\n[reduce.bounds]\n"battery.*" = 1e9\n"Pack.*" = 1e9\n'
    case = Case(POWER_DBC, frames, rest=loose + POWER_MAP.replace("3.0\n", "3.0\nends_after_s = 5.0\n"))
    log = case.write(tmp_path)
    lines = printed("decode", "--config", config(tmp_path, "can", case), "--format", "lp", log)
    points = [parse_line(line.encode()) for line in lines.splitlines()]
    assert len(of(points, "charging_session")) >= 4  # its start, two minutes, its end
    rows = [one.time_ns - START for one in of(points, "battery") if "voltage_v" in one.fields]
    assert [time_ns / SECOND for time_ns in sorted(rows)] == [0.0, 3.5, 185.1, 189.9]
