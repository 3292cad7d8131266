"""The serial source in its thread, on real ports: a pty that is pulled out, TCP, RFC 2217."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.logs.captures import Capture, CaptureFile
from telemetry.protocols.known import PROTOCOLS
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded, SourceEvent
from telemetry.sources.serial.conversation import Asking, Listening, Poll
from telemetry.sources.serial.link import PyserialLink
from telemetry.sources.serial.member import BYTE_NS, Member, SilenceWatch
from telemetry.sources.serial.source import SerialSource
from telemetry.sources.stop import StopSignal
from tests.support.framing import vedirect_block
from tests.support.serial_line import BASIC, CELLS, REGISTERS, Battery, reply, request
from tests.support.serial_pty import PtyDevice, answering, talking

PATIENCE_S = 60.0
POLLS = (Poll(request(BASIC), BASIC, 0.02, 5.0), Poll(request(CELLS), CELLS, 0.02, 5.0))
NEVER_SILENT = 3600.0


class Running:
    """A source in its thread, and what comes out of it."""

    def __init__(
        self,
        port: str,
        conversation: Asking | Listening,
        protocol: str = "jbd",
        *,
        unknown_s: float = NEVER_SILENT,
        capture: CaptureFile | None = None,
    ) -> None:
        clock = Clock()
        silence = SilenceWatch("port", clock, unknown_s=unknown_s, offline_s=NEVER_SILENT)
        self.source = SerialSource(
            "port",
            PyserialLink(port, 9600),
            [Member("port", PROTOCOLS[protocol].make_framer(byte_ns=BYTE_NS), conversation, silence, clock)],
            clock,
            capture=capture,
        )
        self.frames: list[tuple[int, bytes]] = []
        self.codes: list[tuple[str, bool]] = []
        self._channel = Inbox()
        self._stop = StopSignal()
        self._thread = threading.Thread(target=self.source.run, args=(self._channel, self._stop), daemon=True)

    def until(self, condition: Callable[[], bool]) -> None:
        """Take what comes until `condition` holds."""
        while not condition():
            item = self._channel.get(PATIENCE_S)
            assert item is not None, f"nothing more comes; events {self.codes}, {self.source.status}"
            match item:
                case Arrival():
                    self.frames += [(frame.id, frame.data) for frame in item.batch]
                case SourceEvent():
                    self.codes.append((item.event.code, item.event.active))
                case SourceEnded():
                    self.codes.append(("ended", True))

    def more_frames(self, count: int = 3) -> None:
        """Take what comes until there are so many more."""
        wanted = len(self.frames) + count
        self.until(lambda: len(self.frames) >= wanted)

    def reported(self, code: str, active: bool = True) -> None:
        """Take what comes until this event has come."""
        self.until(lambda: (code, active) in self.codes)

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self.reported("ended")
        self._stop.close()


def asking() -> Asking:
    return Asking(POLLS, 0.0, Clock())


@pytest.fixture
def battery() -> Callable[[bytes], bytes]:
    """Answers requests."""
    inside = Battery()

    def answer(asked: bytes) -> bytes:
        register = REGISTERS[asked]
        return reply(register, inside.data(register))

    return answer


@pytest.fixture
def device(tmp_path: Path) -> Iterator[PtyDevice]:
    with PtyDevice(tmp_path / "by-id") as plugged_in:
        yield plugged_in


def test_a_device_that_is_pulled_out_and_comes_back_under_another_number_goes_on(
    device: PtyDevice, battery: Callable[[bytes], bytes]
) -> None:
    with Running(str(device.link), asking()) as running:
        with answering(device.fileno(), battery):
            running.more_frames()
        number = device.link.readlink()
        device.unplug()
        running.reported("source_lost")
        assert running.source.status.startswith(f"waiting for {device.link}: ")
        assert running.source.status.count(str(device.link)) == 1
        device.plug_in(other_than=number)
        with answering(device.fileno(), battery):
            running.reported("source_back")
            running.more_frames()
    assert running.codes == [
        ("source_lost", True),
        ("source_lost", False),
        ("source_back", True),
        ("ended", True),
    ]
    reported = [data[4:] if id == BASIC else data for id, data in running.frames]
    assert len(reported) == len(set(reported)), "nothing is reported twice"
    assert {id for id, _ in running.frames} == {BASIC, CELLS}


def test_a_device_that_falls_silent_behind_an_open_port_is_reported_and_never_repeated(
    device: PtyDevice, battery: Callable[[bytes], bytes]
) -> None:
    polls = [Poll(poll.request, poll.answer_id, poll.every_s, 0.05) for poll in POLLS]
    conversation = Asking(polls, 0.0, Clock())
    with Running(str(device.link), conversation, unknown_s=0.3) as running:
        with answering(device.fileno(), battery):
            running.more_frames()
        running.reported("values_unknown")
        frames = len(running.frames)
        running.until(lambda: running.source.counts()["timeouts"] > 0)
        assert len(running.frames) == frames
        with answering(device.fileno(), battery):
            running.reported("values_unknown", active=False)
            running.more_frames()
    assert ("source_lost", True) not in running.codes


def test_what_a_device_says_of_itself_is_reported_until_the_port_is_opened_again(device: PtyDevice) -> None:
    with Running(str(device.link), Listening(Clock()), "vedirect") as running:
        first = vedirect_block({"PID": "0xA053", "SER#": "HQ1", "FW": "159"})
        with talking(device.fileno(), lambda: first):
            running.more_frames()
            assert running.source.device == "product 0xA053, serial number HQ1, firmware 159"
        device.unplug()
        running.reported("source_lost")
        device.plug_in()
        later = vedirect_block({"PID": "0xA053", "SER#": "HQ1"})
        with talking(device.fileno(), lambda: later):
            running.reported("source_back")
            running.more_frames()
            assert running.source.device == "product 0xA053, serial number HQ1"


def test_values_of_another_device_never_come_under_the_name_of_the_one_before(device: PtyDevice) -> None:
    with Running(str(device.link), Listening(Clock()), "vedirect") as running:
        first = vedirect_block({"PID": "0xA053", "SER#": "HQ1"})
        with talking(device.fileno(), lambda: first):
            running.more_frames()
        device.unplug()
        running.reported("source_lost")
        device.plug_in()
        other = vedirect_block({"PID": "0xA053", "SER#": "HQ2"})
        with talking(device.fileno(), lambda: other):
            running.reported("device_changed")
            before = len(running.frames)
        with talking(device.fileno(), lambda: first):
            running.reported("device_changed", active=False)
            running.more_frames()
        assert running.frames[before][1] == running.frames[0][1]
        assert running.source.counts()["lost/other_device"] > 0


def test_what_a_device_said_of_itself_is_not_reported_of_one_that_has_said_nothing_yet(
    device: PtyDevice,
) -> None:
    with Running(str(device.link), Listening(Clock()), "vedirect") as running:
        with talking(device.fileno(), lambda: vedirect_block({"PID": "0xA053"})):
            running.more_frames()
        device.unplug()
        running.reported("source_lost")
        before, deadline_s = running.source.counts()["read_bytes"], time.monotonic() + PATIENCE_S
        device.plug_in()
        with talking(device.fileno(), lambda: b"no block"):
            while running.source.counts()["read_bytes"] == before:
                assert time.monotonic() < deadline_s
                time.sleep(0.01)
            assert running.source.device == ""


def test_a_device_that_talks_by_itself_is_listened_to_and_may_be_pulled_out(device: PtyDevice) -> None:
    numbers = itertools.count()

    def say() -> bytes:
        return vedirect_block({"PID": "0xA053", "V": str(13_000 + next(numbers)), "I": "-450"})

    with Running(str(device.link), Listening(Clock()), "vedirect") as running:
        with talking(device.fileno(), say):
            running.more_frames()
        device.unplug()
        running.reported("source_lost")
        device.plug_in()
        with talking(device.fileno(), say):
            running.reported("source_back")
            running.more_frames()
    reported = [data for _, data in running.frames]
    assert len(reported) == len(set(reported))


def test_a_terminal_server_that_hangs_up_is_connected_to_again(battery: Callable[[bytes], bytes]) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Running(f"socket://127.0.0.1:{server.getsockname()[1]}", asking()) as running,
    ):
        for _ in range(2):
            connection, _ = server.accept()
            with connection, answering(connection.fileno(), battery):
                running.more_frames()
        running.reported("source_back")


def test_everything_that_goes_over_the_line_is_in_the_capture(
    device: PtyDevice, battery: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    capture = CaptureFile(tmp_path / "capture.log", 1024 * 1024, Clock())
    with Running(str(device.link), asking(), capture=capture) as running, answering(device.fileno(), battery):
        running.more_frames(10)
    with Capture(tmp_path / "capture.log") as pieces:
        found = list(pieces)
    assert {piece.port for piece in found} == {"port"}
    assert found[0].data == request(BASIC)
    assert not found[0].is_received
    received = b"".join(piece.data for piece in found if piece.is_received)
    counts = running.source.counts()
    assert len(received) == counts["read_bytes"]
    assert counts["capture_lost"] == 0
    assert all(data[4:] in received if id == BASIC else data in received for id, data in running.frames)


@pytest.mark.filterwarnings("ignore:set(Daemon|Name)..:DeprecationWarning")  # pyserial's own
def test_a_port_behind_rfc_2217_is_a_port_like_any_other(battery: Callable[[bytes], bytes]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=serve_rfc2217, args=(server, battery), daemon=True)
        serving.start()
        with Running(f"rfc2217://127.0.0.1:{server.getsockname()[1]}", asking()) as running:
            running.more_frames()
        serving.join(PATIENCE_S)
        assert not serving.is_alive()


def serve_rfc2217(server: socket.socket, battery: Callable[[bytes], bytes]) -> None:
    """Serve one client by pyserial's own server side, in front of a port that answers at once."""
    from serial.rfc2217 import PortManager
    from serial.urlhandler.protocol_loop import Serial

    connection, _ = server.accept()
    port = Serial("loop://")
    with connection, port:
        manager = PortManager(port, _Writing(connection))  # type: ignore[arg-type] # any that has their methods
        while data := connection.recv(1024):
            requests = b"".join(manager.filter(data))
            if requests:
                port.write(battery(requests))
                connection.sendall(b"".join(manager.escape(port.read(port.in_waiting))))


class _Writing:
    """What a PortManager writes its part of the protocol to."""

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall
