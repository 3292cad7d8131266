"""kill -9 of a gateway that measures battery health, and a real bus: the charges are those that were made."""

import contextlib
import socket
import struct
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from firmware_sim.links.can import pack_frame
from telemetry.decode.health import health_in_logs
from telemetry.model.read_point import read_point
from tests.fault.test_charging_process import Player
from tests.integration.test_health_everywhere import as_lines, of_health
from tests.support.charge_lives import START_NS
from tests.support.command import printed
from tests.support.gateway import NO_SERVER, Gateway
from tests.support.packs_charged import DBC, Frame, Stretch, config, frames, health, mapped, write_log
from tests.support.seqpacket import FrameListener

SCALE = 100.0
FAST = 200.0  # on a real bus
LOST_S = 60.0
NEAR_AH = 0.02  # a charge
CHARGE_A = 16.0
CHARGED = (Stretch(400, CHARGE_A), Stretch(60, 0.0))
TWO = (Stretch(30, 0.0), *CHARGED, Stretch(400, -15.0), *CHARGED, Stretch(20, -1.0))
_SO_TIMESTAMPNS = 35


def charges(lines: list[str]) -> list[tuple[int, dict[str, float]]]:
    """Return the stamps and numbers of charges, as a database would have them."""
    return sorted(
        (
            int(key.rpartition(" ")[2]),
            {
                name: float(value)
                for name, _, value in (each.partition("=") for each in fields.split(","))
                if value not in ("true", "false") and not value.startswith('"')
            },
        )
        for key, fields in of_health(lines).items()
        if key.startswith("battery_health")
    )


def arrived_ah(lines: list[str]) -> float:
    """Return what flowed in between frames that came, by the stamps that they came with."""
    points = [read_point(line.encode()) for line in lines if line.startswith("battery,")]
    rows = sorted(
        (one.time_ns, float(one.fields["current_a"])) for one in points if one and "current_a" in one.fields
    )
    return sum(
        (end_ns - begin_ns) / 1e9 * (begin_a + end_a) / 7200
        for (begin_ns, begin_a), (end_ns, end_a) in pairwise(rows)
        if min(begin_a, end_a) > 0.0 and end_ns - begin_ns <= 2e9
    )


def in_the_spool(gateway: Gateway) -> list[str]:
    return printed("spool", "export", gateway.directory / "spool").splitlines()


def bus(socket: Path, player: Player) -> str:
    return (
        f'[[can]]\nname = "can0"\nsocket = "{socket}"\ndatabases = ["pack.dbc"]\n'
        f"time_scale = {player.scale}\ntime_origin_ns = {START_NS}\ntime_wall_ns = {player.wall_ns}\n"
    )


@pytest.mark.long
@pytest.mark.parametrize("kills", [0, 3])
def test_a_gateway_that_is_killed_loses_a_minute_of_a_charge_each_time(kills: int, tmp_path: Path) -> None:
    chance = Random(kills)
    content = tuple(frames(TWO * (1 + kills // 5), start_ns=0))
    (tmp_path / "pack.dbc").write_text(DBC)
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        Player(listener, content, SCALE) as player,
        Gateway(
            tmp_path, NO_SERVER, bus(tmp_path / "bus.sock", player) + mapped("can0") + health()
        ) as gateway,
    ):
        for _ in range(kills):
            process = gateway.start()
            player.accept()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.3, 3.0))
            process.kill()
            process.wait()
            player.hang_up()
        gateway.start()
        player.accept()
        player.join(600.0)
        assert not player.is_alive(), gateway.output()
        gateway.wait_for_account("points/made/battery_health", 1)
        gateway.end()
        lines = in_the_spool(gateway)
    found = charges(lines)
    assert len(found) == 2 * (1 + kills // 5)
    lost_ah = arrived_ah(lines) - sum(row["charge_ah"] - row["bridged_ah"] for _, row in found)
    near_ah = NEAR_AH * len(found)
    assert -near_ah <= lost_ah <= near_ah + kills * (LOST_S + 5.0) * CHARGE_A / 3600


@pytest.mark.vcan
def test_a_real_bus_gives_the_rows_that_its_log_gives(tmp_path: Path) -> None:
    (tmp_path / "pack.dbc").write_text(DBC)
    wall_ns = time.time_ns()
    source = (
        f'[[can]]\nname = "vcan0"\ndatabases = ["pack.dbc"]\ntime_scale = {FAST}\n'
        f"time_origin_ns = {START_NS}\ntime_wall_ns = {wall_ns}\n"
    )
    heard: list[Frame] = []
    with (
        Gateway(tmp_path, NO_SERVER, source + mapped("vcan0") + health()) as gateway,
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as sender,
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as listener,
    ):
        gateway.start()
        gateway.wait_for(lambda: gateway.status()["state"]["source/vcan0"] == "receiving")
        listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        for each in (sender, listener):
            each.bind(("vcan0",))
        began_ns = time.monotonic_ns()
        for ns, id, data in frames(TWO, start_ns=0):
            time.sleep(max(0, began_ns + ns / FAST - time.monotonic_ns()) / 1e9)
            sender.send(pack_frame(id, data))
            _, ((_, _, stamp),), *_ = listener.recvmsg(16, 64)
            seconds, part_ns = struct.unpack("qq", stamp)
            stamp_ns = seconds * 10**9 + part_ns
            heard.append((START_NS + round(FAST * (stamp_ns - wall_ns)), id, data))
        gateway.wait_for_account("bus/vcan0/read", len(heard))
        gateway.end()
        found = charges(in_the_spool(gateway))
    log = write_log(tmp_path / "vcan0.log", heard, "vcan0")
    of_log = tmp_path / "of_log"
    of_log.mkdir()
    points, _ = health_in_logs([log], config(of_log, '[[can]]\nname = "vcan0"\n', mapped("vcan0") + health()))
    expected = charges(as_lines(points))
    assert len(expected) == 2
    for (time_ns, row), (log_ns, of_the_log) in zip(found, expected, strict=True):
        assert time_ns == pytest.approx(log_ns, abs=2000)
        assert row == pytest.approx(of_the_log, rel=1e-5, abs=1e-6)
