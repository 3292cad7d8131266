"""Modbus/TCP by hand: what goes over the connection, byte by byte, and what becomes of each answer."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from telemetry.sources.serial.link import SerialPort
from telemetry.sources.serial.modbus_tcp import ModbusTcpLink, check_tcp_port
from telemetry.sources.stop import StopSignal

PATIENCE_S = 60.0
# The examples of Modbus RTU in serial-charger.md, and the same as Modbus/TCP.
ASKED = bytes.fromhex("010300000002C40B")
ASKED_BY_TCP = "{:04X}00000006010300000002"
ANSWER = bytes.fromhex("010304030F0000CA74")
ANSWER_BY_TCP = "{:04X}00000007010304030F0000"
REFUSAL = bytes.fromhex("018302C0F1")
REFUSAL_BY_TCP = "{:04X}00000003018302"


class Connected:
    """Both ends of a connection: our port, and the device's socket."""

    def __init__(self, link: ModbusTcpLink, port: SerialPort, device: socket.socket) -> None:
        self.link = link
        self.port = port
        self._device = device
        self._sent = device.makefile("rb")

    def asked(self, transaction: int, request: bytes = ASKED) -> None:
        """Send the request, and see that the device gets it."""
        self.port.send(request)
        wanted = bytes.fromhex(ASKED_BY_TCP.format(transaction))
        assert self._sent.read(len(wanted)) == wanted

    def answers(self, text: str, transaction: int) -> None:
        self._device.sendall(bytes.fromhex(text.format(transaction)))

    def received(self, byte_count: int) -> bytes:
        data = b""
        while len(data) < byte_count:
            data += self.port.receive(PATIENCE_S)
        return data

    def hang_up(self) -> None:
        self._sent.close()
        self._device.close()


@contextmanager
def connected() -> Iterator[Connected]:
    with socket.create_server(("127.0.0.1", 0)) as server, StopSignal() as stop:
        link = ModbusTcpLink(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        with link.open(stop) as port:
            device, _ = server.accept()
            with device:
                both = Connected(link, port, device)
                yield both
                both.hang_up()


def test_a_request_gets_a_header_and_its_answer_an_address_and_a_crc() -> None:
    with connected() as both:
        both.asked(1)
        both.answers(ANSWER_BY_TCP, 1)
        assert both.received(len(ANSWER)) == ANSWER
        both.asked(2)
        both.answers(REFUSAL_BY_TCP, 2)
        assert both.received(len(REFUSAL)) == REFUSAL
        assert both.link.late_bytes == 0


def test_an_answer_may_come_in_pieces() -> None:
    whole = ANSWER_BY_TCP.format(1)
    with connected() as both:
        both.asked(1)
        for at in range(0, len(whole), 2):
            assert both.port.receive(0.0) == b""
            both.answers(whole[at : at + 2], 1)
        assert both.received(len(ANSWER)) == ANSWER


def test_a_late_answer_is_dropped_and_counted() -> None:
    with connected() as both:
        both.asked(1)
        both.asked(2)
        both.answers(ANSWER_BY_TCP.replace("030F", "0001"), 1)
        both.answers(ANSWER_BY_TCP, 2)
        both.answers(ANSWER_BY_TCP, 2)  # once more
        assert both.received(len(ANSWER)) == ANSWER
        both.asked(3)
        both.answers(REFUSAL_BY_TCP, 3)
        assert both.received(len(REFUSAL)) == REFUSAL
        assert both.link.late_bytes == 2 * 13


def test_a_peer_that_floods_is_read_at_a_pace_until_it_answers() -> None:
    late = bytes.fromhex(ANSWER_BY_TCP.format(9)).hex()  # 13 bytes that nobody asked for
    with connected() as both:
        both.asked(1)
        both.answers(late * 316, 1)
        while both.link.late_bytes < 4108:  # 4,096 are read at once
            assert both.port.receive(PATIENCE_S) == b""
        both.answers(late + ANSWER_BY_TCP, 1)
        for _ in range(100):
            assert both.port.receive(0.0) == b""
        assert both.link.late_bytes == 4108
        assert both.received(len(ANSWER)) == ANSWER
        both.answers(late, 1)
        while both.link.late_bytes < 318 * 13:
            assert both.port.receive(0.0) == b""


def test_an_answer_counts_for_the_unit_that_was_asked() -> None:
    with connected() as both:
        both.asked(1)
        both.answers(ANSWER_BY_TCP.replace("07010304", "07FF0304"), 1)
        assert both.received(len(ANSWER)) == ANSWER


@pytest.mark.parametrize(
    "stream", ["{:04X}00010006010304030F", "{:04X}0000000101", "{:04X}000001000103", "485454502F312E31"]
)
def test_what_is_not_modbus_ends_the_connection(stream: str) -> None:
    with connected() as both:
        both.asked(1)
        both.answers(stream, 1)
        with pytest.raises(OSError, match="does not speak Modbus/TCP"):
            both.received(1)


def test_a_connection_that_is_closed_is_gone() -> None:
    with connected() as both:
        both.hang_up()
        with pytest.raises(OSError, match="the connection is gone"):
            both.received(1)


def test_nothing_that_listens_is_one_clause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        StopSignal() as stop,
        pytest.raises(OSError, match="Connection refused") as raised,
        ModbusTcpLink(f"tcp://127.0.0.1:{port}").open(stop),
    ):
        pass
    assert raised.value.strerror == f"tcp://127.0.0.1:{port}: Connection refused"


def test_a_stop_ends_a_wait_at_once() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        StopSignal() as stop,
        ModbusTcpLink(f"tcp://127.0.0.1:{server.getsockname()[1]}").open(stop) as port,
    ):
        stop.set()
        assert port.receive(PATIENCE_S) == b""


@pytest.mark.parametrize("good", ["tcp://meter.local", "tcp://10.0.0.1:1502", "TCP://[fe80::1]:502"])
def test_the_port_of_the_service_may_be_left_out(good: str) -> None:
    assert check_tcp_port(good) == ""


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("tcp://", "is not tcp://HOST"),
        ("tcp://h:0", "is not tcp://HOST"),
        ("tcp://h/meter", "is not tcp://HOST"),
        ("tcp://h:99999", "Port out of range"),
        ("tcp://me:secret@h", "must not hold a user or password"),
        ("tcp://me:se#cret@h", "must not hold a user or password"),
        ("tcp://h#x", "is not tcp://HOST"),
    ],
)
def test_what_is_wrong_with_a_port_is_said(port: str, words: str) -> None:
    assert words in check_tcp_port(port)


def test_a_name_that_no_resolver_takes_is_a_device_that_is_not_there() -> None:
    with (
        StopSignal() as stop,
        pytest.raises(OSError, match="is not the name of a host"),
        ModbusTcpLink("tcp://a..b").open(stop),
    ):
        pass
