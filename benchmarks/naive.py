"""The naive pipeline, as one finds it in tutorials: python-can, cantools, Point and the batching WriteApi.

    python -m benchmarks.naive SOCKET DBC URL

It is given every advantage: one database, numbers instead of named values, the client's own defaults for
batches, and python-can's SocketCAN code reading from a UNIX socket in place of a CAN one.
"""

# ruff: noqa: E402 - packages are imported after it is settled what they may import themselves

import socket
import sys
from typing import Any

# The packages below import these if they are installed, as here for tests. A gateway has none of them.
sys.modules |= dict.fromkeys(("asammdf", "numpy", "pandas"))  # type: ignore[arg-type]  # None: not there

import can
import cantools.database
from can.interfaces.socketcan import SocketcanBus, constants
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import WriteOptions


class UnixSocketBus(SocketcanBus):
    """python-can's SocketCAN bus over a connected SEQPACKET socket that carries the same bytes."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.setsockopt(socket.SOL_SOCKET, constants.SO_TIMESTAMPNS, 1)
        self.socket.connect(path)
        self.channel = "can0"
        self._is_filtered = False
        self._bcm_sockets = {}
        can.BusABC.__init__(self, "can0")


def main(path: str, dbc: str, url: str) -> None:
    database: Any = cantools.database.load_file(dbc, strict=False)
    client: Any = InfluxDBClient(url, token="none", org="bench")  # noqa: S106  no secret: the null server asks for none
    new_point: Any = Point  # the client has no annotations
    with UnixSocketBus(path) as bus, client.write_api(write_options=WriteOptions()) as write_api:
        while (message := bus.recv()) is not None:
            name = database.get_message_by_frame_id(message.arbitration_id).name
            values = database.decode_message(message.arbitration_id, message.data, decode_choices=False)
            point = new_point(name).tag("vehicle", "bench").tag("source", "can0")
            for key, value in values.items():
                point.field(key, float(value))
            write_api.write("bench", record=point.time(round(message.timestamp * 1e9)))


if __name__ == "__main__":
    main(*sys.argv[1:])
