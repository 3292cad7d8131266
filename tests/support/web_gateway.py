"""A running service with one bus and a page on a free port, for tests that look at it from outside."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener

PACK_POWER_ID = 0x300
CELLS_ID = 0x302
MAP = """
[[map]]
signal = "BMS_PackPower.PackVoltage"
to = "battery.voltage_v"
"""


def pack_power(voltage_v: float) -> tuple[int, bytes]:
    """Return the frame that holds the pack's voltage, in units of 0.01 V."""
    return PACK_POWER_ID, bytes.fromhex("7700") + round(voltage_v * 100).to_bytes(2, "little") + bytes(4)


@dataclass
class WebGateway:
    """See the module."""

    gateway: Gateway
    listener: FrameListener
    url: str

    def start(self) -> None:
        """Start the service, and wait for its bus and its page."""
        self.gateway.start()
        self.listener.accept()
        self.gateway.wait_for(self._can_connect)

    def _can_connect(self) -> bool:
        address = self.url.removeprefix("http://").rstrip("/").rpartition(":")
        try:
            with socket.create_connection((address[0], int(address[2])), 1.0):
                return True
        except OSError:
            return False


def free_port() -> int:
    """Return a port that nobody uses now: the page's address must be the same after a restart."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def web_gateway(directory: Path, bus_keys: str = "") -> Iterator[WebGateway]:
    """Start a gateway, which need not be stopped. bus_keys: more lines of its [[can]]."""
    with FrameListener(directory / "bus.sock") as listener, ScriptedServer() as server:
        address = f"127.0.0.1:{free_port()}"
        sources = bus_at(directory) + bus_keys + MAP
        with Gateway(directory, influx_at(server.url), sources, web=address) as gateway:
            made = WebGateway(gateway, listener, f"http://{address}/")
            made.start()
            yield made
