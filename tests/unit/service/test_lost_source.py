"""A live source that is lost and comes again, with bounds: the last value before and the first one after."""

import gzip

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.ledger import Ledger
from telemetry.rules.reduce import ReduceSettings
from telemetry.service.pipeline import Pipeline
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.two_packs import SECOND, START, Step, stages_of


@pytest.mark.parametrize("shape", ["line", "hold"])
@pytest.mark.parametrize("away_s", [2.5, 40.0])
def test_what_stands_on_both_sides_of_a_gap_is_stored_as_soon_as_the_source_is_silent(
    shape: str, away_s: float
) -> None:
    settings = ReduceSettings(shape=shape, longest_s=600.0, bounds={"battery.*": 1.0})
    clock, store = FakeClock(START), ListedStore()
    pipeline = Pipeline(stages_of(settings, aggregates=()), store, Ledger({}), clock, {})

    def run(begin_s: float, end_s: float, buses: tuple[int, ...]) -> None:
        """Ten rows a second of these buses, as they come."""
        for tenth in range(round(begin_s * 10), round(end_s * 10)):
            for bus in buses:
                frames = FrameBatch(1)
                Step(tenth / 10, bus).add_to(frames)
                pipeline.process(f"can{bus}", frames, {})
            clock.advance(0.1)
            pipeline.tick(["can0", "can1"])

    def stored(pack: str) -> list[float]:
        lines = [
            line
            for batch, *_ in store.batches
            for line in gzip.decompress(batch.payload).decode().splitlines()
            if line.startswith(f"battery,pack={pack},") and "current_a=" in line
        ]
        return sorted(round((int(line.rsplit(" ", 1)[1]) - START) / SECOND, 1) for line in lines)

    run(0.0, 5.0, (0, 1))
    run(5.0, 9.5, (1,))  # can0 is lost
    assert stored("front") == [0.0, 4.9]
    back_s = 7.0 + away_s if away_s > 5 else 9.5
    run(9.5, back_s, (1,))
    run(back_s, back_s + 3.0, (0, 1))
    pipeline.finish(["can0", "can1"])
    assert stored("front") == [0.0, 4.9, back_s, round(back_s + 2.9, 1)]
    assert stored("rear") == [0.0, round(back_s + 2.9, 1)]
