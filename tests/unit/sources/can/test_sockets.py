"""How large a socket's buffer is, and how long frames may gather in it."""

import socket
from pathlib import Path
from unittest.mock import Mock

import pytest

from telemetry.sources.can.sockets import (
    CanUnixSocket,
    gather_ms,
    receive_buffer_bytes,
    receive_buffer_warning,
)

GATHER_MS = 125
GATHER_WITH_SMALL_BUFFER_MS = 2


def test_a_small_buffer_lets_frames_gather_for_a_short_time_and_is_a_warning() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        assert receive_buffer_bytes(opened) == 32 * 1024
        assert gather_ms(opened) == GATHER_WITH_SMALL_BUFFER_MS
        assert receive_buffer_warning(opened, 32 * 1024) == ""
        words = receive_buffer_warning(opened, 64 * 1024)
        assert words.startswith("the receive buffer is 32 KiB instead of 64 KiB: bursts may lose frames")
        assert "rmem_max=65536" in words


@pytest.mark.parametrize(("granted_bytes", "gathers_ms"), [(1024 * 1024 - 1, 2), (1024 * 1024, 125)])
def test_frames_gather_for_long_from_a_buffer_of_a_mebibyte_on(granted_bytes: int, gathers_ms: int) -> None:
    opened = Mock(family=socket.AF_CAN)
    opened.getsockopt.return_value = 2 * granted_bytes  # with the kernel's own bookkeeping
    assert gather_ms(opened) == gathers_ms


def test_of_a_simulator_s_socket_the_other_end_has_the_buffer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert gather_ms(ours) == GATHER_MS > GATHER_WITH_SMALL_BUFFER_MS
        assert receive_buffer_warning(ours, 2**30) == ""


def test_a_simulator_s_socket_is_up_and_has_no_bit_rate(tmp_path: Path) -> None:
    link = CanUnixSocket(tmp_path)
    assert link.is_up()
    assert link.bit_rate() is None
