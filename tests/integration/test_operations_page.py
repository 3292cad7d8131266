"""docs/operations.md leaves out no counter, gauge, event code or key that the code has."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec

from telemetry.config import ARRAYS, SECTIONS, Config, TopKeys
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.ids import IsoTpId
from telemetry.model.measurements import GATEWAY
from telemetry.protocols.known import PROTOCOLS
from telemetry.service.reload import TAKES_EFFECT
from telemetry.settings.declared import keys_of
from telemetry.sources.assemble import ChannelTable, assemble_source
from telemetry.sources.kinds import KINDS
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.stages import Stages
from tests.support import configuration
from tests.support.clock import FakeClock
from tests.support.page_tables import names, rows

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
SOURCES = """
[[can]]
name = "bus"
[[python_can]]
name = "adapter"
options = { interface = "virtual", channel = "a" }
[[serial]]
name = "port"
port = "/dev/nowhere"
protocol = "jbd"
[[replay]]
name = "log"
file = "drive.log"
"""


def counters(folder: Path) -> Iterator[str]:
    """Yield what each kind of source, each framer and the stages count: all of it is there as 0."""
    (folder / "drive.log").write_text("(1700000000.000000) can0 123#01\n")
    sources = configuration.load(folder, configuration.GATEWAY + SOURCES).sources
    assert len(sources) == len(KINDS)
    for settings in sources:
        yield from assemble_source(settings, ChannelTable(), FakeClock(), {}).source.counts()
    for protocol in PROTOCOLS.values():
        yield from protocol.make_framer(0).counts()
    stages = Stages(PlanSpec((), ()), None, vehicle="van")
    stages.expect(Binding(NO_BUS, "bus", "bus", isotp=(IsoTpId(0x7E8),)))
    yield from (name.removeprefix("frames/bus/") for name in stages.counted() if name.startswith("frames/"))
    yield from stages.decoding.omitted()


def test_every_counter_is_documented(tmp_path: Path) -> None:
    counted = {name.removeprefix("lost/") for name in counters(tmp_path)}
    assert {"read", "nudged", "queue_overflow", "bad_checksum", "unknown", "short_frame"} <= counted
    documented = {name.rsplit("/", 1)[-1] for name in names(PAGE, "counter", "reason")}
    assert counted - documented == set()


def test_every_end_of_a_point_and_every_field_of_gateway_is_documented() -> None:
    accounts = {name.replace("/", "_") for name in names(PAGE, "counter", "reason")}
    accounts = {name.removeprefix("bus_SOURCE_").removeprefix("frames_SOURCE_") for name in accounts}
    documented = {*accounts, *names(PAGE, "gauge"), "points_made", "lost_REASON"}
    assert {field.name for field in GATEWAY.fields} - documented == set()


def test_every_key_is_said_to_take_effect_while_the_service_runs_or_to_need_a_restart() -> None:
    *taken, refused = [
        {name.strip("[]") for name in cells[0].split("`")[1::2]} for cells in rows(PAGE, "what changes")
    ]
    kept = {field.name for field in fields(Config)} - TAKES_EFFECT
    assert kept == {"sink", "spool", "web", "wait_for_clock", "spool_directory"}
    assert refused == {"influx", "spool", "web", "clock"}
    tables = {*SECTIONS, *ARRAYS, *KINDS, *(one.name for one in keys_of(TopKeys))}
    assert set[str]().union(*taken) == tables - refused


def test_every_event_has_its_remedy() -> None:
    assert sorted(names(PAGE, "code")) == sorted(EVENT_CODES)
