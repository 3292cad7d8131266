"""kill -9 of a service with a live bus: the next start adopts what it had accounted for, exactly once."""

from pathlib import Path

import pytest

from telemetry.spool.write_through import keeping_in_memory
from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener

KILLS = 4
FRAME_ID = 0x300


def test_a_killed_service_loses_nothing_that_it_had_accounted_for(tmp_path: Path) -> None:
    if keeping_in_memory("0" * 32)(tmp_path) is None:
        pytest.skip("no file system in memory")
    sent = 0
    with (
        ScriptedServer() as server,
        FrameListener(tmp_path / "bus.sock") as listener,
        Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path)) as gateway,
    ):
        for _ in range(KILLS):
            process = gateway.start()
            listener.accept()
            # In two, so that some are on disk and some are not when it is killed.
            for count in (20, 30):
                sent += listener.send(
                    (FRAME_ID, bytes([sent % 256, number, 0, 0])) for number in range(count)
                )
                gateway.wait_for_account("frames/bus/decoded", sent)
            process.kill()
            process.wait()
            listener.hang_up()
        process = gateway.start()
        listener.accept()
        gateway.wait_for_account("frames/bus/decoded", sent)
        gateway.wait_until_sent()
        accounts = gateway.end()
        stored = {
            line
            for line in server.stored
            if b"source=bus" in line and not line.startswith((b"event,", b"gateway,"))
        }
        adopted = [line for line in server.stored if b"code=unclean_stop" in line and b"were adopted" in line]
    assert accounts.counters["bus/bus/read"] == accounts.counters["frames/bus/decoded"] == sent
    made = sum(
        count
        for name, count in accounts.counters.items()
        if name.startswith("points/made/") and name not in ("points/made/event", "points/made/gateway")
    )
    assert len(stored) == made == sent
    assert adopted
