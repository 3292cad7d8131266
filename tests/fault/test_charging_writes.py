"""kill -9 of a gateway that charges at each of its writes, found by strace: one session, nothing twice."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fault.test_charging_kills import assert_one_session
from tests.fault.test_charging_process import BAY, CHARGING_NS, Player, bus, rows_of
from tests.support.charge_lives import charge
from tests.support.gateway import Gateway, influx_table
from tests.support.seqpacket import ACCEPT_TIMEOUT_S, FrameListener
from tests.support.servers import DatabaseServer

# All by which a spool reaches the disk or memory, and a state the next process.
CALLS = "write,pwrite64,pwritev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
KILLS = int(os.environ.get("NEV_TELEMETRY_KILLS", "16"))
SCALE = 2.0  # of two minutes by which a charger's minutes may be wrong, one passes before frames come again
GAP_NS = 2_000_000_000
MOST_S = 10.0  # a life that has no such write any more
POLL_S = 0.1


def killed_at(number: int) -> tuple[str, ...]:
    """Start a program that dies as any of its threads begins its write of that number."""
    inject = f"inject={CALLS}:signal=KILL:when={number}"
    return ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", inject)


def accepted(player: Player, process: "subprocess.Popen[bytes]") -> int | None:
    """Return the moment from which a process hears the bus, or None if it dies before it does."""
    for _ in range(round(ACCEPT_TIMEOUT_S / POLL_S)):
        with contextlib.suppress(TimeoutError):
            return player.accept(POLL_S)
        if process.poll() is not None:
            return None
    raise AssertionError("it neither connects nor ends")


@pytest.mark.long
@pytest.mark.server("influxdb1")
@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")
def test_a_gateway_that_is_killed_at_each_of_its_writes_leaves_one_session_in_the_database(
    tmp_path: Path, influxdb1: DatabaseServer
) -> None:
    database = influxdb1.fresh_database()
    frames = charge(10.0, 26.0)
    # Early deaths, of which nobody hears a frame, between late ones: the bus is never silent for long.
    pairs = zip(range(1, KILLS), range(KILLS, 0, -1), strict=False)
    numbers = [number for pair in pairs for number in pair]
    deaths = 0
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        Player(listener, frames, SCALE) as player,
        Gateway(tmp_path, influx_table(database, tmp_path), bus(tmp_path / "bus.sock", player)) as gateway,
    ):
        gateway.start()
        starts = [player.accept()]
        gateway.wait_for_account(f"frames/{BAY}/decoded", sum(ns < CHARGING_NS for ns, _, _ in frames))
        for number in numbers[:KILLS]:
            assert gateway.process is not None
            gateway.process.kill()
            gateway.process.wait()
            player.hang_up()
            if not player.is_alive():
                break
            gateway.started_by = killed_at(number)
            process = gateway.start()
            if (start_ns := accepted(player, process)) is not None:
                starts.append(start_ns)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(MOST_S)
                deaths += 1
        gateway.__exit__()
        player.hang_up()
        gateway.started_by = ()
        gateway.start()
        starts.append(player.accept())
        player.join(600.0)
        gateway.wait_until_sent()
        assert gateway.end().waiting_points == 0
    assert deaths > KILLS * 3 / 4
    assert_one_session(rows_of(database), starts, source=BAY, gap_ns=GAP_NS)
