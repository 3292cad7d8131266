"""kill -9 of a gateway whose bus charges a vehicle, into real servers: one session, whatever it costs."""

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path
from random import Random

import pytest

from tests.fault.test_charging_kills import assert_one_session
from tests.support import charge_lives
from tests.support.charge_lives import START_NS, Frame, charge
from tests.support.gateway import Gateway, influx_table
from tests.support.seqpacket import ACCEPT_TIMEOUT_S, FrameListener
from tests.support.servers import Database, DatabaseServer

BAY = "bay-1"
SCALE = 5.0
GAP_NS = 2_500_000_000  # a fast simulator's frames may come half a second of wall time late
KILLS = (3, pytest.param(int(os.environ.get("NEV_TELEMETRY_KILLS", "25")), marks=pytest.mark.long))
LIFE_S = (0.3, 1.5)
CHARGING_NS = 5_000_000_000  # before it, ten seconds without a frame are the end


class Player(threading.Thread):
    """Plays a charge at its pace while somebody listens, and holds it while nobody does."""

    def __init__(self, listener: FrameListener, frames: tuple[Frame, ...], scale: float = SCALE) -> None:
        super().__init__(daemon=True)
        self.wall_ns = time.time_ns()
        self.scale = scale
        self._listener = listener
        self._frames = frames
        self._lock = threading.Lock()
        self._is_heard = False
        self._ended = threading.Event()

    def run(self) -> None:
        heard_s, last_s = 0.0, time.monotonic()
        for ns, id, data in self._frames:
            while not self._is_heard or heard_s < ns / 1e9 / self.scale:
                if self._ended.wait(0.002):
                    return
                now_s = time.monotonic()
                heard_s, last_s = heard_s + (now_s - last_s) * self._is_heard, now_s
            with self._lock:
                try:
                    if self._is_heard:
                        self._listener.send([(id, data)])
                except OSError:  # it was killed
                    self._is_heard = False

    def accept(self, timeout_s: float = ACCEPT_TIMEOUT_S) -> int:
        """Let the gateway hear from now on; return the stamp of this moment, as it stamps frames.

        Raises TimeoutError.
        """
        self._listener.accept(timeout_s)
        with self._lock:
            now_ns = START_NS + round(self.scale * (time.time_ns() - self.wall_ns))
            self._is_heard = True
        return now_ns

    def hang_up(self) -> None:
        with self._lock:
            self._is_heard = False
            self._listener.hang_up()

    def __enter__(self) -> "Player":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def bus(socket: Path, player: Player) -> str:
    """Return the configuration of the bus that `player` plays."""
    return (
        f'[[can]]\nname = "{BAY}"\nsocket = "{socket}"\nprotocol = "gbt27930"\nmessages = true\n'
        f'charger = "{BAY}"\ntime_scale = {player.scale}\ntime_origin_ns = {START_NS}\n'
        f"time_wall_ns = {player.wall_ns}\n"
    )


def rows_of(database: Database) -> charge_lives.Database:
    """Return what the server has, as the other tests of charges see it."""
    found = charge_lives.Database()
    for (measurement, tags, field, time_ns), value in database.points().items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        written = f'"{value}"' if isinstance(value, str) else text
        found.rows.setdefault((measurement, tags, time_ns), {})[field] = written.encode()
    return found


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("influxdb1", marks=pytest.mark.server("influxdb1")),
        pytest.param("influxdb2", marks=pytest.mark.server("influxdb2")),
    ],
)
def test_a_gateway_that_is_killed_while_it_charges_leaves_one_session_in_the_database(
    kind: str, kills: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    database = server.fresh_database()
    chance = Random(27930)
    # A percent takes about 5 s, and a life is 0.9 s on average: the charge is a little longer than all lives.
    frames = charge(30.5, 32.5) if kills < 10 else charge(10.0, 12.0 + kills / 5)
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        Player(listener, frames) as player,
        Gateway(tmp_path, influx_table(database, tmp_path), bus(tmp_path / "bus.sock", player)) as gateway,
    ):
        starts = []
        for _ in range(kills):
            if not player.is_alive():
                break
            process = gateway.start()
            starts.append(player.accept())
            if len(starts) == 1:
                gateway.wait_for_account(
                    f"frames/{BAY}/decoded", sum(ns < CHARGING_NS for ns, _, _ in frames)
                )
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(*LIFE_S))
            process.kill()
            process.wait()
            player.hang_up()
        gateway.start()
        starts.append(player.accept())
        player.join(600.0)
        assert not player.is_alive(), gateway.output()
        gateway.wait_until_sent()
        accounts = gateway.end()
    assert accounts.waiting_points == 0
    assert_one_session(rows_of(database), starts, source=BAY, gap_ns=GAP_NS)
    assert accounts.counters["points/made/charging_session"] > len(starts)
