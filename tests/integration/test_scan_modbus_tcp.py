"""`scan tcp://HOST:PORT`: pymodbus' own server, a gateway that is late, and peers that are something else."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus.simulator import DataType, SimData, SimDevice

from telemetry.config import load_config
from telemetry.scan.serial_scan import Waits
from tests.integration.test_modbus_tcp import serving
from tests.support.command import command
from tests.support.configuration import GATEWAY

UNITS = [*range(1, 17), 100, 126, 240, 247]
NO_ANSWER, NO_SUCH_ADDRESS = 0x0B, 0x02


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers has all the time."""
    waits = Waits(listen_s=0.0, usual_s=60.0, other_s=60.0)
    monkeypatch.setattr("telemetry.cli.scan_ports.TCP_WAITS", waits)


def pzem(unit: int, centivolts: int) -> SimDevice:
    """Make a meter at 2 A, by its maker's manual: 0.01 V, 0.01 A, 0.1 W with the low register first."""
    registers = [centivolts, 200, centivolts * 2 // 10, 0, 5, 0, 0, 0]
    return SimDevice(unit, [SimData(0, values=registers, datatype=DataType.REGISTERS)])


def unknown(unit: int) -> SimDevice:
    return SimDevice(unit, [SimData(500, values=7, datatype=DataType.INT16)])


@contextmanager
def peer(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Start what takes one connection, and does this with it. Yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            connection, _ = server.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=take)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread.join(60.0)


def modbus(answers: Callable[[int, bytes], Sequence[tuple[int, bytes]]], asked: list[bytes]) -> Callable:  # type: ignore[type-arg]
    """Return a peer that speaks Modbus/TCP: `answers` gives transactions and what each is answered."""

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while head := stream.read(6):
                asked.append(stream.read(int.from_bytes(head[4:], "big")))
                for transaction, body in answers(int.from_bytes(head[:2], "big"), asked[-1]):
                    size = len(body).to_bytes(2, "big")
                    connection.sendall(transaction.to_bytes(2, "big") + b"\0\0" + size + body)

    return serve


def refused(asked: bytes, code: int) -> bytes:
    return bytes((asked[0], asked[1] | 0x80, code))


def addresses(shown: str, folder: Path) -> Mapping[int, str]:
    """Return what a configuration has at which unit, as the service reads it."""
    (folder / "gateway.toml").write_text(GATEWAY + shown)
    (source,) = load_config(folder / "gateway.toml", {}).sources
    return {device.address: device.registers.stem for device in source.devices}  # type: ignore[attr-defined]


def test_units_that_answer_are_found_with_their_maps_and_none_that_is_not_there(tmp_path: Path) -> None:
    """pymodbus refuses with code 4 for a unit that it does not have, and with 2 for a register."""
    with serving([pzem(3, 5200), pzem(12, 2600), unknown(5)]) as port:
        done = command("scan", f"tcp://127.0.0.1:{port}")
    assert (done.returncode, "found 3 x modbus" in done.stderr) == (0, True)
    assert addresses(done.stdout, tmp_path) == {3: "pzem_017", 12: "pzem_017"}
    assert "address 3, 52 V, 2 A, 104 W\n" in done.stdout
    assert "address 12, 26 V, 2 A, 52 W\n" in done.stdout
    unknown_one = (
        "# Modbus device, address 5\n# It needs a map of its registers (docs/serial.md); then address = 5\n"
    )
    assert unknown_one in done.stdout
    assert "baud" not in done.stdout


def test_a_device_that_does_not_look_at_units_is_found_once(tmp_path: Path) -> None:
    with serving([pzem(0, 5200)]) as port:  # as pymodbus has it: 0 is whoever is asked
        done = command("scan", f"tcp://127.0.0.1:{port}")
    assert addresses(done.stdout, tmp_path) == {1: "pzem_017"}
    assert "# It answers as whatever unit it is asked as.\n" in done.stdout


def test_a_late_answer_is_asked_for_again_with_more_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits(listen_s=0.0, usual_s=60.0, other_s=0.2)
    monkeypatch.setattr("telemetry.cli.scan_ports.TCP_WAITS", waits)
    asked: list[bytes] = []
    held: list[tuple[int, bytes]] = []  # the first answers of units 2 and 3, until somebody else is asked

    def answers(transaction: int, request: bytes) -> list[tuple[int, bytes]]:
        if request[0] not in (2, 3):
            said = [*held, (transaction, refused(request, NO_ANSWER))]
            held.clear()
            return said
        answer = (transaction, refused(request, NO_SUCH_ADDRESS))
        if [one[0] for one in asked].count(request[0]) == 1:
            held.append(answer)
            return []
        return [answer]

    with peer(modbus(answers, asked)) as port:
        done = command("scan", port)
    assert "found 2 x modbus" in done.stderr, done.stderr
    assert {f"then address = {unit}" in done.stdout for unit in (2, 3)} == {True}
    assert {one[0] for one in asked} == set(UNITS)
    assert len(asked) <= 2 * len(UNITS) + 2 * 2  # all again at most, and the maps of those that answer
    assert {one[1] for one in asked} <= {3, 4}


def test_a_gateway_with_nobody_behind_it_is_one_line() -> None:
    asked: list[bytes] = []
    with peer(modbus(lambda number, one: [(number, refused(one, NO_ANSWER))], asked)) as port:
        done = command("scan", port)
    assert (done.returncode, done.stdout, [one[0] for one in asked]) == (1, "", UNITS)
    words = (
        f"nev-telemetry: {port}: nothing was found (is it one of the units that are asked? see docs/scan.md)"
    )
    assert done.stderr.splitlines()[-1] == words


def closes(connection: socket.socket) -> None:
    connection.recv(1)


def web_server(connection: socket.socket) -> None:
    connection.recv(12)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("speaks", "says"),
    [
        (web_server, "what answers there does not speak Modbus/TCP"),
        (lambda one: one.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), "what answers there does not speak Modbus/TCP"),
        (closes, "vanished in the middle of the scan: the connection is gone"),
    ],
    ids=["web", "ssh", "closes"],
)
def test_a_peer_that_is_something_else_is_one_line(
    speaks: Callable[[socket.socket], None], says: str
) -> None:
    with peer(speaks) as port:
        done = command("scan", port)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.splitlines()[-1] == f"nev-telemetry: {port}: {says}"


def test_a_host_that_refuses_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    done = command("scan", port)
    refused = [line for line in done.stderr.splitlines() if "refused" in line]
    assert (done.returncode, refused) == (69, [f"nev-telemetry: {port}: Connection refused"])


@pytest.mark.parametrize("words", [["tcp://host/path"], ["tcp://me@host"], ["tcp://h", "--protocol", "daly"]])
def test_what_makes_no_sense_over_tcp_is_refused(words: Sequence[str]) -> None:
    assert command("scan", *words).returncode == 64
