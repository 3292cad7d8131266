"""A long outage, with real spool bytes and injected time; `benchmarks.outage` does 72 hours."""

from pathlib import Path

import pytest

from benchmarks.outage import CATCH_UP_RATIO, run_outage
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import ScriptedServer

MEMORY_GROWTH_BYTES = 5e6


@pytest.mark.long
def test_an_outage_of_two_hours_loses_nothing_and_costs_no_memory(tmp_path: Path) -> None:
    log = record_drive(tmp_path / "drive.log", 300.0)
    with ScriptedServer() as server:
        outage = run_outage(log, VEHICLE_DBC, tmp_path / "spool", server.url, hours=2.0, reduce_s=0.0)
    assert outage.evicted == 0
    assert outage.unbalanced == ()
    assert outage.memory_growth_bytes <= MEMORY_GROWTH_BYTES
    assert outage.spool_bytes <= outage.cap_bytes
    assert outage.drained_points >= outage.points
    assert outage.catch_up_ratio >= CATCH_UP_RATIO
