"""telemetry/sources/serial/source.py: what has come whole when a port is lost is not lost with it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from telemetry.sources.inbox import Arrival, Inbox
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.settings import Start
from telemetry.sources.stop import StopSignal
from tests.support import configuration
from tests.support.clock import FakeClock
from tests.support.configuration import GATEWAY

GRID = f"""{GATEWAY}[[serial]]
name = "grid"
port = "/dev/grid"
protocol = "dlt645"
address = "112233445566"
"""
# The echo of a request for the current lacks its length, and the next byte, 0x33, passes for it: the answer
# lies within what the echo claims.
MANGLED = bytes.fromhex("68 66 55 44 33 22 11 68 11 33 34 35 35 1b 16")
ANSWER = bytes.fromhex("68 66 55 44 33 22 11 68 91 07 33 34 35 35 58 39 b3 e2 16")


class Pulled:
    """A port that is pulled out as soon as these bytes were read, which follow a request."""

    description = "/dev/grid"

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop
        self._pieces: list[bytes] | None = None

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator["Pulled"]:  # noqa: ARG002 - as the protocol has it
        yield self

    def send(self, data: bytes) -> None:  # noqa: ARG002 - as the protocol has it
        self._pieces = [MANGLED + ANSWER]

    def receive(self, timeout_s: float) -> bytes:  # noqa: ARG002 - as the protocol has it
        if self._pieces is None:
            return b""
        if self._pieces:
            return self._pieces.pop()
        self._stop.set()
        raise OSError(errno.ENODEV, "the device is gone")


def test_an_answer_within_what_a_mangled_echo_claims_is_taken_when_the_port_is_pulled_out(
    tmp_path: Path,
) -> None:
    (settings,) = configuration.load(tmp_path, GRID).sources
    assert isinstance(settings, SerialSettings)
    inbox = Inbox()
    source = settings.make_source(Start(FakeClock(), lambda _: 0))
    assert isinstance(source, SerialSource)
    with StopSignal() as stop:
        source._link = Pulled(stop)
        source.run(inbox, stop)
    found = []
    while (item := inbox.get(0)) is not None:
        if isinstance(item, Arrival):
            found += [frame.data for frame in item.batch]
    # Each byte less 0x33 is 25 06 80: digits 000625 from the last byte on, and the bit of a minus.
    assert found == [(-625).to_bytes(4, "big", signed=True)]
