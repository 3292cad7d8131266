"""Pages of cells that do not come: one event in the line, and a word of `check`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rules.map_spec import CycleMap
from telemetry_core.rules.mapper import PageNotice
from telemetry_core.text.lines import LineBuffer

from telemetry.config import load_config
from telemetry.ledger import Ledger, imbalances
from telemetry.model.finding import Grade
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.missing_pages import MissingPages
from telemetry.service.check import check
from telemetry.service.pipeline import Pipeline
from telemetry.stages.binding import Binding
from telemetry.stages.prepare import Composition, compose
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore
from tests.support.mapper_bench import car

SECOND_NS = 10**9
DBC = (
    'VERSION ""\nNS_ :\nBS_:\nBU_: X\nBO_ 256 Cells: 8 X\n SG_ Page M : 0|8@1+ (1,0) [0|0] "" X\n'
    + "".join(
        f' SG_ Cell{3 * page + cell + 1} m{page} : {8 + 16 * cell}|16@1+ (0.001,0) [0|0] "V" X\n'
        for page in range(4)
        for cell in range(3)
    )
)
TOML = """vehicle = "van"
[influx]
url = "http://127.0.0.1:1"
database = "d"
[spool]
directory = "spool"
[[replay]]
name = "log"
file = "log.log"
databases = ["cells.dbc"]
[[map]]
signal = "Cells.Cell{n}"
to = "cells.v{n}"
[[limit]]
field = "cells.v*"
below = 3.8
code = "cell_undervoltage"
"""

Sent = tuple[float, int]  # seconds, page


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration, resolved against its database."""

    composition: Composition

    def stages(self) -> Stages:
        stages = self.composition.make_stages()
        stages.bind(0, Binding(0, "log", "can0"))
        return stages


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "cells.dbc").write_text(DBC)
    (folder / "log.log").touch()
    (folder / "gateway.toml").write_text(f'cache_directory = "{folder}/plans"\n{TOML}')
    return Setup(compose(load_config(folder / "gateway.toml", {})))


def sent(pages: Sequence[int], begin_s: int, end_s: int) -> list[Sent]:
    return [(second + page / 100, page) for second in range(begin_s, end_s) for page in pages]


def payload(page: int) -> bytes:
    return bytes([page]) + 3 * (3700).to_bytes(2, "little") + b"\0"


def frames(pages: Sequence[Sent], position: int = 0) -> FrameBatch:
    batch = FrameBatch(max(len(pages), 1))
    batch.position = position
    for seconds, page in pages:
        batch.append(round(seconds * SECOND_NS), 256, payload(page))
    return batch


def written(setup: Setup, pages: Sequence[Sent], bounds: Sequence[int]) -> bytes:
    stages, lines = setup.stages(), LineBuffer()
    for begin, end in pairwise(bounds):
        stages.process(frames(pages[begin:end]), lines)
    return lines.take()


def events(text: bytes) -> list[str]:
    return [row.decode() for row in text.split(b"\n") if row.startswith(b"event,code=page_missing")]


STOPS = [*sent([0, 1, 2], 0, 20), *sent([0, 1, 2, 3], 20, 25), *sent([0, 1], 25, 50)]


def test_pages_that_go_missing_are_one_event_and_those_that_are_back_another(setup: Setup) -> None:
    tags, text = "event,code=page_missing,pack=main,source=can0,vehicle=van", written(setup, STOPS, [0, 999])
    third, fourth = "Cells page 2 (v007 to v009)", "Cells page 3 (v010 to v012)"
    without = "the other cells are read without them"
    assert events(text) == [
        f'{tags} level=1,active=true,text="missing: {fourth}; {without}" 10000000000',
        f'{tags} level=0,active=false,text="no longer missing: {fourth}" 20030000000',
        f'{tags} level=1,active=true,text="missing: {third}, {fourth}; {without}" 35000000000',
    ]


def test_limits_watch_the_cells_that_come(setup: Setup) -> None:
    text = written(setup, sent([0, 1, 2], 0, 20), [0, 999])
    assert text.count(b"event,code=cell_undervoltage") == 1
    assert text.count(b"\ncells,") == 10


@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_what_is_written_of_pages_does_not_depend_on_batches(setup: Setup, size: int) -> None:
    bounds = [*range(0, len(STOPS), size), len(STOPS)]
    assert written(setup, STOPS, bounds) == written(setup, STOPS, [0, len(STOPS)])


@pytest.mark.parametrize("stored", [0, 29, 30, 31, 60, len(STOPS)])
def test_a_resumed_log_reports_each_missing_page_once_and_the_accounts_balance(
    setup: Setup, stored: int
) -> None:
    whole = written(setup, STOPS, [0, len(STOPS)])
    store, ledger = ListedStore(), Ledger({})
    pipeline = Pipeline(setup.stages(), store, ledger, FakeClock(), {"log": stored})
    for begin in range(0, len(STOPS), 7):
        pipeline.process("log", frames(STOPS[begin : begin + 7], begin), {}, resume_as="log")
    pipeline.finish()
    before = written(setup, STOPS[:stored], [0, stored]) if stored else b""
    assert before + store.text == whole
    assert list(imbalances(ledger.snapshot(), store.text.count(b"\n"), {})) == []


def log(setup: Setup, pages: Sequence[Sent]) -> None:
    rows = (f"({1_700_000_000 + seconds:.6f}) can7 100#{payload(page).hex()}\n" for seconds, page in pages)
    (setup.composition.config.file.parent / "log.log").write_text("".join(rows))


def warnings(setup: Setup) -> list[str]:
    return [
        one.text
        for one in check(setup.composition.config)
        if one.level is Grade.WARNING and "missing" in one.text
    ]


def test_check_says_of_a_log_which_pages_do_not_come(setup: Setup) -> None:
    log(setup, sent([0, 1, 2], 0, 5))
    assert warnings(setup) == [
        (
            "source log: in its log, can7: missing: Cells page 3 (v010 to v012);"
            " the other cells are read without them"
        )
    ]


def test_check_says_nothing_of_a_log_in_which_all_pages_come_or_none(setup: Setup) -> None:
    log(setup, sent([0, 1, 2, 3], 0, 5))
    assert warnings(setup) == []
    log(setup, [])
    assert warnings(setup) == []


def test_each_cycle_has_an_event_of_its_own_after_its_row() -> None:
    mapping = resolve([MapEntry("Cells.Cell{n}", "cells.v{n}"), MapEntry("Temps.T{n}", "cells.t{n}")], car())
    assert mapping.buses[0].cycles == (CycleMap(0, 3), CycleMap(0, 1))
    pages = MissingPages(mapping)
    pages.bind(0, 0, "can0")
    notices = [PageNotice(3, 5, 0, 0, 2, True), PageNotice(7, 5, 0, 1, 0, True)]
    assert [(row, event.text, time_ns) for row, time_ns, event in pages.report(notices)] == [
        (3, "missing: Cells page 2 (v005 to v006); the other cells are read without them", 5),
        (7, "missing: Temps (t001 to t002); the other cells are read without them", 5),
    ]


def test_of_one_row_the_pages_that_are_back_are_reported_before_those_that_are_missing() -> None:
    """So that the last report of a cycle is what it lacks."""
    mapping = resolve([MapEntry("Cells.Cell{n}", "cells.v{n}")], car())
    pages = MissingPages(mapping)
    pages.bind(0, 0, "can0")
    notices = [PageNotice(3, 5, 0, 0, 0, True), PageNotice(3, 5, 0, 0, 2, False)]
    assert [event.active for *_, event in pages.report(notices)] == [False, True]
