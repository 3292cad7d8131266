"""A disk that takes what is written and never comes back from a sync; and a kill meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from telemetry.errors import UnavailableError
from telemetry.ledger import imbalances
from tests.support.gateway import Gateway
from tests.support.recording import VEHICLE_DBC
from tests.support.seqpacket import FrameListener
from tests.support.web_gateway import pack_power

FRAME = pack_power(98.0)
HANGS_WHEN_TOLD = """
import os, sys, threading
from telemetry.__main__ import main
from telemetry.spool.filesystem import RealFileSystem
sync = RealFileSystem.sync
def hang(self, descriptor):
    if os.path.exists(sys.argv[2]):
        threading.Event().wait()
    sync(self, descriptor)
RealFileSystem.sync = hang
sys.exit(main(["run", sys.argv[1]]))
"""


def test_a_kill_while_the_disk_hangs_costs_nothing_that_the_status_has_reported(tmp_path: Path) -> None:
    influx = '[influx]\nurl = "http://127.0.0.1:9"\ndatabase = "d"\n'
    bus = f'[[can]]\nname = "bus"\nsocket = "{tmp_path}/bus.sock"\ndatabases = ["{VEHICLE_DBC}"]\n'
    hangs = tmp_path / "hangs"
    with FrameListener(tmp_path / "bus.sock") as listener, Gateway(tmp_path, influx, bus) as gateway:
        gateway.write_config()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", HANGS_WHEN_TOLD, str(gateway.config), str(hangs)]
        with gateway.log.open("ab") as log:
            gateway.process = subprocess.Popen(command, env=environment, stderr=log)
        listener.accept()
        listener.send([FRAME] * 100)
        wait_for_frames(gateway, 100)
        hangs.touch()
        for count in (200, 300, 400):  # each time in other batches
            listener.send([FRAME] * 100)
            wait_for_frames(gateway, count)
            wait_until(lambda: gateway.status()["gauges"]["progress_age_s"] > 1.5, "a hang that is reported")
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
        listener.hang_up()
        gateway.start()
        listener.accept()
        wait_for_frames(gateway, 400)
        assert "unclean_stop" in gateway.output()
        assert gateway.terminate() == 0
        final = gateway.final_accounts()
    assert final.counters["frames/bus/decoded"] == 400
    assert list(imbalances(final.counters, final.waiting_points, {})) == []


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline_s, f"{what}: not yet"
        time.sleep(0.02)


def wait_for_frames(gateway: Gateway, count: int) -> None:
    def have_come() -> bool:
        try:
            return bool(gateway.status()["accounts"].get("frames/bus/decoded", 0) == count)
        except UnavailableError:
            return False  # not yet; or the socket of the one that was killed

    wait_until(have_come, f"{count} frames")
