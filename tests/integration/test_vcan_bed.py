"""The bed that gives tests a CAN bus (tests/support/vcan.py): what it passes on; that the bus is real."""

import os
import socket
import struct
import subprocess
import sys

import pytest

from tests.support.vcan import BED_FAILED

SO_RXQ_OVFL = 40
CAN_FRAME = struct.Struct("=IB3x8s")


def run_in_bed(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.vcan", "--timeout", "60", "--", *command],
        capture_output=True,
        text=True,
        env=dict(os.environ, BED_CANARY="passed on"),
        check=False,
    )
    if done.returncode == BED_FAILED:
        pytest.skip(done.stderr.strip())
    return done


def test_the_bed_passes_on_status_both_outputs_and_environment() -> None:
    done = run_in_bed("sh", "-c", 'echo "$BED_CANARY"; ip -br link >&2; pwd; exit 3')
    assert done.returncode == 3
    assert done.stdout == f"passed on\n{os.getcwd()}\n"  # noqa: PTH109  compared with what the shell prints
    assert "vcan0" in done.stderr
    assert "vcan1" in done.stderr


def test_a_command_killed_by_a_signal_has_128_and_its_number_as_status() -> None:
    assert run_in_bed("sh", "-c", "kill -9 $$").returncode == 137


def test_a_command_that_does_not_exist_has_status_127() -> None:
    assert run_in_bed("no-such-program").returncode == 127


def open_can(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    opened.settimeout(10.0)
    opened.bind((interface,))
    return opened


@pytest.mark.vcan
def test_frames_sent_on_vcan0_arrive_there_in_order() -> None:
    with open_can("vcan0") as sender, open_can("vcan0") as receiver:
        sent = [CAN_FRAME.pack(0x100 + number, 8, number.to_bytes(8, "big")) for number in range(50)]
        for frame in sent:
            sender.send(frame)
        assert [receiver.recv(16) for _ in sent] == sent


@pytest.mark.vcan
def test_the_kernel_counts_the_frames_that_a_full_receive_buffer_drops() -> None:
    with open_can("vcan1") as sender, open_can("vcan1") as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        frame = CAN_FRAME.pack(0x123, 8, bytes(8))
        sent = 200
        for _ in range(sent):
            sender.send(frame)
        receiver.settimeout(0.0)
        received = 0
        while True:
            try:
                receiver.recvmsg(16, 64)
            except BlockingIOError:
                break
            received += 1
        receiver.settimeout(10.0)
        sender.send(frame)  # the count of drops comes with the next frame
        _, control, _, _ = receiver.recvmsg(16, 64)
        dropped = next(struct.unpack("=I", data)[0] for _, kind, data in control if kind == SO_RXQ_OVFL)
        assert 0 < received < sent
        assert received + dropped == sent
