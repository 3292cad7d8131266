"""An aggregate of two simulated boards of each kind, polled as often as the service does by itself."""

from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.serial_devices import KINDS, DeviceName, device_end
from telemetry.config import load_config
from telemetry.protocols.known import PROTOCOLS
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.sources.inbox import Arrival, Inbox
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.stop import StopSignal
from telemetry.stages.prepare import prepare
from tests.support.clock import FakeClock
from tests.support.lineprotocol import parse_line
from tests.support.shared_line import SharedLine

SETTLED_S, ENDS_S = 15.0, 200.0
SECOND = 1_000_000_000
CONFIG = """vehicle = "van"
[influx]
url = "http://127.0.0.1:1"
database = "d"
[spool]
directory = "s"
[[serial]]
name = "front"
port = "/dev/front"
protocol = "{protocol}"
pack = "front"
[[serial]]
name = "rear"
port = "/dev/rear"
protocol = "{protocol}"
pack = "rear"
[[aggregate]]
pack = "house"
parallel = ["front", "rear"]
"""


BOARDS = sorted(
    name
    for name, protocol in PROTOCOLS.items()
    if name in KINDS and protocol.requests and any(one.to == "battery.capacity_ah" for one in protocol.mapped)
)


def rows_of_the_bank(kind: str, file: Path) -> list[tuple[float, set[str]]]:
    """Seconds, and the fields that are there, of each row while both boards answer for some minutes."""
    file.write_text(CONFIG.format(protocol=kind))
    prepared = prepare(load_config(file, {}))
    clock, inbox, lines = FakeClock(), Inbox(), LineBuffer()
    begin_ns = clock.unix_ns()
    front, rear = assemble_sources(prepared.composition.config.sources, ChannelTable(), clock, {})
    for number, one in enumerate((front, rear)):
        prepared.stages.bind(number, prepared.composition.binding(one, one.name))
    source = front.source
    assert isinstance(source, SerialSource)
    battery = ServiceBattery(ServiceSpec(), 1)

    def drain() -> None:
        battery.tick(1.0)
        while (item := inbox.get(0)) is not None:
            if isinstance(item, Arrival):
                twice = FrameBatch(2 * len(item.batch))  # as if the other board had said the same
                for frame in item.batch:
                    for channel in (0, 1):
                        twice.append(frame.time_ns, frame.id, frame.data, channel=channel)
                prepared.stages.process(twice, lines)
                inbox.give_back(item.batch)

    with StopSignal() as stop:
        board = device_end(DeviceName(kind, KINDS[kind].usual), battery)
        source._link = SharedLine([board], clock, stop, ends_s=ENDS_S, every_minute=drain)
        source.run(inbox, stop)
    drain()
    points = [parse_line(text) for text in lines.take().splitlines()]
    return [
        ((point.time_ns - begin_ns) / SECOND, set(point.fields))
        for point in points
        if point.measurement == "battery" and point.tags["pack"] == "house"
    ]


@pytest.mark.parametrize("kind", BOARDS)
def test_no_field_of_an_aggregate_of_boards_that_answer_goes_absent(kind: str, tmp_path: Path) -> None:
    rows = rows_of_the_bank(kind, tmp_path / "gateway.toml")
    ever = set().union(*(fields for _, fields in rows))
    assert {"voltage_v", "current_a", "capacity_ah", "packs_total"} <= ever
    for at_s, fields in rows:
        assert at_s < SETTLED_S or fields == ever, f"at {at_s} s there is no {ever - fields}"
    assert len(rows) > 0.4 * ENDS_S
