"""Modbus/TCP against pymodbus' own server: its encoding of values, several units, a server that goes away."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from telemetry.clock import Clock
from telemetry.monitor.bench import bench, serial_table
from telemetry.monitor.feeds import DirectFeed
from telemetry.monitor.layout import Page
from telemetry.monitor.session import look_once
from tests.support.configuration import GATEWAY
from tests.support.running_source import Running

PATIENCE_S = 60.0
MAP = """title = "meter"
slave = 3
[[register]]
name = "voltage"
register = 0
type = "f32"
to = "meter.voltage_v"
[[register]]
name = "current"
register = 2
type = "s16"
scale = 0.01
to = "meter.current_a"
[[register]]
name = "energy"
register = 40
type = "u64"
to = "meter.energy_wh"
[[register]]
name = "serial number"
register = 60
type = "text"
count = 4
"""


def meter(unit: int, volts: float, letters: str) -> SimDevice:
    return SimDevice(
        unit,
        [
            SimData(0, values=volts, datatype=DataType.FLOAT32),
            SimData(2, values=-1250, datatype=DataType.INT16),
            SimData(40, values=5_000_000_123, datatype=DataType.UINT64),
            SimData(60, values=letters, datatype=DataType.STRING),
        ],
    )


@contextmanager
def serving(devices: Sequence[SimDevice], port: int = 0) -> Iterator[int]:
    """Start a server with these units, in a loop and thread of its own. Yield its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> ModbusTcpServer:
        server = ModbusTcpServer(list(devices), address=("127.0.0.1", port))
        await server.serve_forever(background=True)
        return server

    async def stop(server: Any) -> None:
        await server.shutdown()

    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE_S)
        try:
            listening: Any = server.transport
            yield listening.sockets[0].getsockname()[1]
        finally:
            asyncio.run_coroutine_threadsafe(stop(server), loop).result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


def test_values_of_each_type_are_as_the_server_has_them(tmp_path: Path) -> None:
    map_file = tmp_path / "meter.toml"
    map_file.write_text(MAP)
    with serving([meter(3, 398.25, "AB12CD34")]) as port:
        sources = serial_table(f"tcp://127.0.0.1:{port}", "modbus", None, str(map_file))
        with closing(DirectFeed(bench(sources, None), Clock())) as feed:
            live = look_once(feed, Page.OVERVIEW)
    (found,) = live["meters"]
    assert found["values"] == {
        "voltage_v": 398.25,
        "current_a": -12.5,
        "power_w": 398.25 * -12.5,
        "energy_wh": 5_000_000_123,
    }
    assert live["sources"][0]["device"] == "serial number AB12CD34"


POLLS = "".join(
    f"[[poll]]\nfirst = {first}\ncount = {count}\nevery_s = {every_s}\n"
    for first, count, every_s in ((0, 3, 0.05), (40, 4, 0.05), (60, 4, 60.0))
)
LINE = """[[serial]]
name = "cabinet"
port = "tcp://127.0.0.1:{port}"
[[serial.device]]
name = "front"
protocol = "modbus"
registers = "meter.toml"
address = 1
[[serial.device]]
name = "rear"
protocol = "modbus"
registers = "meter.toml"
address = 7
"""


def test_units_of_a_gateway_are_read_in_turns_and_again_after_it_was_away(tmp_path: Path) -> None:
    (tmp_path / "meter.toml").write_text(MAP + POLLS)
    servers = [meter(1, 100.0, "METER-01"), meter(7, 200.0, "METER-07")]
    named = "front: serial number METER-01; rear: serial number METER-07"
    with ExitStack() as first:
        port = first.enter_context(serving(servers))
        (tmp_path / "gateway.toml").write_text(GATEWAY + LINE.format(port=port))
        with Running(tmp_path / "gateway.toml") as running:
            while running.source.device != named:
                running.take()
            first.close()
            running.until("source_lost")
            with serving(servers, port):
                running.until("source_back")
                running.more_of_each()
                while running.source.device != named:
                    running.take()
    assert {len(data) for data in running.frames["front"]} == {len(data) for data in running.frames["rear"]}
    assert running.source.counts()["lost/other_device"] == 0
