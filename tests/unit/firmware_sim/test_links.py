"""firmware_sim/links/can.py: real sockets where the machine has them, and logs that others can read."""

import errno
import io
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.errors import NotUsableError
from firmware_sim.links import can as links
from firmware_sim.links.can import CandumpLog, RawSocketLink, SeqpacketLink, pack_frame


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bus"


@pytest.fixture
def link(path: Path) -> Iterator[SeqpacketLink]:
    link = SeqpacketLink(path, lambda: False)
    yield link
    link.close()


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(5.0)
    client.connect(str(path))
    return client


def test_a_frame_is_a_struct_can_frame() -> None:
    assert pack_frame(0x123, b"\x11\x22") == struct.pack("=IB3x8s", 0x123, 2, b"\x11\x22")
    assert len(pack_frame(0x80000123, bytes(8))) == 16


def test_a_longer_frame_is_a_struct_canfd_frame() -> None:
    frame = pack_frame(0x123, bytes(range(12)))
    assert len(frame) == 72
    assert frame[4:6] == bytes((12, 0x04))
    assert frame[8:20] == bytes(range(12))


def test_every_client_gets_every_frame_as_one_message(link: SeqpacketLink, path: Path) -> None:
    with connect(path) as first, connect(path) as second:
        link.attend()
        assert link.heard
        for number in range(10):
            link.send(number, bytes(number % 8))
        for client in (first, second):
            received = [client.recv(100) for _ in range(10)]
            assert received == [pack_frame(number, bytes(number % 8)) for number in range(10)]
    assert link.not_sent == 0


def test_what_nobody_hears_is_counted(link: SeqpacketLink) -> None:
    assert not link.heard
    link.send(1, b"")
    assert link.not_sent == 1


def test_a_client_that_leaves_does_not_disturb_the_others(link: SeqpacketLink, path: Path) -> None:
    with connect(path) as stays:
        connect(path).close()
        link.attend()
        for number in range(3):
            link.send(number, b"")
        assert [stays.recv(100)[0] for _ in range(3)] == [0, 1, 2]
        assert len(link.clients) == 1


def test_the_send_buffer_holds_a_burst(link: SeqpacketLink, path: Path) -> None:
    with connect(path) as client:
        link.attend()
        for number in range(400):
            link.send(number, bytes(8))
        assert len([client.recv(100) for _ in range(400)]) == 400


def test_a_client_that_takes_nothing_is_cut_off(
    link: SeqpacketLink, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "STALL_S", 0.05)
    with connect(path) as stuck:
        link.attend()
        sent = 0
        while link.clients:
            link.send(1, bytes(8))
            sent += 1
        assert link.not_sent == 1
        assert len([stuck.recv(100) for _ in range(sent - 1)]) == sent - 1
        assert stuck.recv(100) == b""


def test_a_stop_ends_the_wait_for_a_slow_client(path: Path) -> None:
    stopping = False
    link = SeqpacketLink(path, lambda: stopping)
    with connect(path):
        link.attend()
        for client in link.clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        stopping = True
        link.send(1, b"")
    link.close()
    assert link.not_sent == 1


def test_closing_removes_the_path_and_ends_the_stream(path: Path) -> None:
    link = SeqpacketLink(path, lambda: False)
    with connect(path) as client:
        link.attend()
        link.send(7, b"\x01")
        link.close()
        assert client.recv(100)[0] == 7
        assert client.recv(100) == b""
    assert not path.exists()


def test_a_stale_path_is_taken_over_and_a_used_one_is_not(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(path))
    link = SeqpacketLink(path, lambda: False)
    with pytest.raises(NotUsableError, match="cannot listen"):
        SeqpacketLink(path, lambda: False)
    link.close()


def test_a_file_in_the_way_is_left_alone(path: Path) -> None:
    path.write_text("mine", "ascii")
    with pytest.raises(NotUsableError, match="cannot listen"):
        SeqpacketLink(path, lambda: False)
    assert path.read_text("ascii") == "mine"


class Refusing(socket.socket):
    """A socket whose sends fail as given, one after the other, and then go through."""

    def __init__(self, *codes: int) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.codes = list(codes)
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> int:  # type: ignore[override]  # the link gives no flags
        if self.codes:
            raise OSError(self.codes.pop(0), "refused")
        self.frames.append(frame)
        return len(frame)


def test_a_full_queue_is_waited_for() -> None:
    slept: list[float] = []
    with Refusing(errno.ENOBUFS, errno.ENOBUFS) as raw:
        link = RawSocketLink(raw, slept.append)
        link.send(1, b"")
        assert len(raw.frames) == 1
    assert link.not_sent == 0
    assert len(slept) == 2


def test_a_queue_that_stays_full_costs_the_frame_and_not_the_run() -> None:
    with Refusing(*[errno.ENOBUFS] * 60) as raw:
        link = RawSocketLink(raw, lambda _: None)
        link.send(1, b"")
        link.send(2, b"")
        assert [frame[0] for frame in raw.frames] == [2]
    assert link.not_sent == 1


@pytest.mark.parametrize("code", [errno.ENETDOWN, errno.ENODEV, errno.ENXIO])
def test_an_interface_that_is_down_or_gone_is_tolerated_and_counted(code: int) -> None:
    with Refusing(code) as raw:
        link = RawSocketLink(raw, lambda _: None)
        link.send(1, b"")
        link.send(2, b"")
        assert [frame[0] for frame in raw.frames] == [2]
    assert link.not_sent == 1


def test_no_such_interface_is_one_line() -> None:
    with pytest.raises(NotUsableError):
        RawSocketLink.open("nosuchcan0", lambda _: None)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4_000_000_000_000_000),
            st.integers(0, 0x7FF) | st.integers(0, 0x1FFFFFFF).map(lambda id: id | 0x80000000),
            st.binary(max_size=8)
            | st.sampled_from((12, 16, 64)).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_python_can_reads_the_log_back(rows: list[tuple[int, int, bytes]]) -> None:
    stream = io.StringIO()
    log = CandumpLog(stream, "vcan7")
    for microseconds, id, data in rows:
        log.write(microseconds * 1000, id, data)
    stream.seek(0)
    read = list(can.CanutilsLogReader(stream))
    assert [
        (round(message.timestamp * 1e6), message.arbitration_id, message.is_extended_id, bytes(message.data))
        for message in read
    ] == [(us, id & 0x1FFFFFFF, bool(id & 0x80000000), data) for us, id, data in rows]
    assert {message.channel for message in read} == {"vcan7"}
