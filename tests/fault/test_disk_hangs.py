"""A disk that takes what is written and never comes back from a sync; and a kill meanwhile."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.gateway import NO_SERVER, Gateway, bus_at
from tests.support.seqpacket import FrameListener
from tests.support.web_gateway import pack_power

FRAME = pack_power(98.0)
HANGS_WHEN_TOLD = """
import os, sys, threading
from telemetry.__main__ import main
from telemetry.spool.filesystem import FileSystem
sync = FileSystem.sync
def hang(self, descriptor):
    if os.path.exists(sys.argv[2]):
        threading.Event().wait()
    sync(self, descriptor)
FileSystem.sync = hang
sys.exit(main(["run", sys.argv[1]]))
"""


def test_a_kill_while_the_disk_hangs_costs_nothing_that_the_status_has_reported(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        Gateway(tmp_path, NO_SERVER, bus_at(tmp_path)) as gateway,
    ):
        gateway.write_config()
        command = [sys.executable, "-c", HANGS_WHEN_TOLD, str(gateway.config), str(hangs)]
        with gateway.log.open("ab") as log:
            gateway.process = subprocess.Popen(command, stderr=log)
        listener.accept()
        listener.send([FRAME] * 100)
        gateway.wait_for_account("frames/bus/decoded", 100)
        hangs.touch()
        for count in (200, 300, 400):  # each time in other batches
            listener.send([FRAME] * 100)
            gateway.wait_for_account("frames/bus/decoded", count)
            gateway.wait_for(lambda: gateway.status()["gauges"]["progress_age_s"] > 1.5)
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
        listener.hang_up()
        gateway.start()
        listener.accept()
        gateway.wait_for_account("frames/bus/decoded", 400)
        assert "unclean_stop" in gateway.output()
        assert gateway.end().counters["frames/bus/decoded"] == 400
