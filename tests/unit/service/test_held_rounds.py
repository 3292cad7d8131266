"""A first round of cells that waits for its optional page: however the service ends, it is stored once."""

import pytest
from telemetry_core.text.lines import LineBuffer

from telemetry.ledger import Ledger, imbalances
from telemetry.rules.map_entry import MapEntry
from telemetry.service.pipeline import Pipeline
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.plan_specs import Signal, plan
from tests.support.stages import batch_of, stages_of

PLAN = plan({"can0": {f"Cell{n}": {"level": Signal(bits=8, signed=False)} for n in (1, 2, 3)}}, is_tight=True)
ENTRIES = [MapEntry(f"Cell{n}.level", f"cells.v{n}", within_s=10.0, optional=n == 3) for n in (1, 2, 3)]
MS, NOW_NS = 1_000_000, 1_700_000_043_210_000_000
READ = [
    f"cells,pack=main,source={channel},vehicle=van v001=1,v002=2 {NOW_NS + 100 * MS}"
    for channel in ("can0", "can1")
]


def line(every_s: float) -> Stages:
    stages = stages_of(PLAN, ENTRIES, every_s=every_s)
    stages.bind(1, Binding(0, "other", "can1"))
    return stages


class Bench:
    """A pipeline of two sources, each of which has sent two of three cells. every_s: of the reducer."""

    def __init__(self, *, of_logs: bool = False, every_s: float = 0.0) -> None:
        self.store, self.ledger, self.clock = ListedStore(), Ledger({}), FakeClock(NOW_NS)
        self.pipeline = Pipeline(line(every_s), self.store, self.ledger, self.clock, {})
        for channel, source in enumerate(("bus", "other")):
            sent = [(NOW_NS + 100 * MS * n, 0x100 + n, bytes([n + 1])) for n in (0, 1)]
            self.pipeline.process(
                source, batch_of(sent, channel=channel), {}, resume_as=source if of_logs else ""
            )

    def cells(self) -> list[str]:
        self.pipeline.cut()
        return sorted(one for one in self.store.text.decode().splitlines() if one.startswith("cells"))


@pytest.mark.parametrize("every_s", [0.0, 60.0])
@pytest.mark.parametrize("way", ["stop", "reload", "silence", "lost"])
def test_a_live_round_that_is_held_is_stored_once(way: str, every_s: float) -> None:
    bench = Bench(every_s=every_s)
    assert bench.cells() == []
    if way == "lost":
        bench.pipeline.end("bus", {}, is_complete=False)
        assert bench.cells() == []  # it may come back
    if way == "reload":
        bench.pipeline.replace_stages(line(every_s))
    elif way == "silence":
        for seconds, readings in ((11.0, []), (0.2, READ)):
            bench.clock.advance(seconds)
            bench.pipeline.tick(["bus", "other"])
            assert bench.cells() == readings
    bench.pipeline.finish(["bus", "other"])
    assert bench.cells() == READ
    bench.pipeline.finish(["bus", "other"])
    assert bench.cells() == READ
    counters = bench.ledger.snapshot()
    assert counters["points/made/cells"] == 2
    assert list(imbalances(counters, bench.store.text.count(b"\n"), {})) == []


def test_the_round_of_a_log_is_stored_at_its_end_and_not_where_the_service_stops() -> None:
    """A log is read from its start again, which gives the whole of its round."""
    bench = Bench(of_logs=True)
    bench.pipeline.finish()
    assert bench.cells() == []
    for number, source in enumerate(("bus", "other")):
        bench.pipeline.end(source, {}, is_complete=True, resume_as=source)
        assert bench.cells() == READ[: number + 1]


def test_a_round_is_held_until_its_log_ends_and_belongs_to_it() -> None:
    stages, lines = line(0.0), LineBuffer()
    stages.process(batch_of([(0, 0x100, b"\x01"), (MS, 0x101, b"\x02")]), lines)
    assert b"cells" not in lines.take()
    assert (stages.writing.pending, stages.writing.is_settled) == (1, False)
    stages.writing.finish(lines, MS)
    assert lines.take().startswith(b"cells,pack=main,source=can0,vehicle=van v001=1,v002=2 1000000\n")
    assert (stages.writing.pending, stages.writing.is_settled) == (0, True)
    assert stages.writing.incomplete_cycles == 0
