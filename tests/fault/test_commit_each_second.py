"""Requests a minute apart, and the power fails between two: what waits is on disk all the same."""

from pathlib import Path
from random import Random

import pytest

from telemetry.ledger import Ledger
from telemetry.service.pipeline import Pipeline
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.sender import Backoff, Sender
from telemetry.spool import Spool, SpoolLimits
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.model_server import ModelServer
from tests.support.pipeline_bench import PLAN, live
from tests.support.spool import assert_balanced

STEP_S = 0.15  # of the service's loop
LOST_S = 1.2  # a second until the batch is cut, and a step


def run(disk: SimulatedDisk, clock: FakeClock, server: ModelServer, seconds: float) -> list[int]:
    """Run a pipeline with a row each step and a sender each 60 s; return the stamps that were delivered."""
    spool = Spool(Path("/spool"), clock=clock, limits=SpoolLimits(keep_free_bytes=0), filesystem=disk)
    ledger = Ledger(spool.recovery.accounts)
    stages = Stages(PLAN, None, vehicle="van")
    stages.bind(0, Binding(0, "bus", "can0"))
    pipeline = Pipeline(stages, spool, ledger, clock, {}, newest_ns=spool.recovery.newest_ns)
    boot_time = BootTime(clock, None, wait_for_clock=False)
    sender = Sender(spool, server, clock, Backoff(lambda: 0.5), boot_time, lambda _: None)
    sender.every_s = 60.0
    stamps, end_s = [], clock.monotonic_s() + seconds
    while clock.monotonic_s() < end_s:
        stamps.append(clock.unix_ns())
        pipeline.process("bus", live(stamps[-1]), {}, own_time=True)
        pipeline.tick()
        sender.step()
        clock.advance(STEP_S)
    assert_balanced(spool, spool._accounts)
    return stamps


@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_between_two_requests_costs_about_a_second_over_two_restarts(seed: int) -> None:
    random = Random(seed)
    disk, clock, server = SimulatedDisk(), FakeClock(), ModelServer()
    made: list[int] = []
    lost_after_ns: list[tuple[int, int]] = []
    for _ in range(3):
        made += run(disk, clock, server, random.uniform(20.0, 100.0))
        lost_after_ns.append((clock.unix_ns() - round(LOST_S * 1e9), clock.unix_ns()))
        disk.cut_power(random)
        clock.advance(5.0)
    sent_before = len(server.requests)
    assert sent_before <= 3 * 3, "one at each start, and one a minute"
    run(disk, clock, server, 61.0)
    stored = {int(line.rsplit(b" ", 1)[1]) for line in server.stored}
    missing = [stamp for stamp in made if stamp not in stored]
    assert all(any(first <= stamp <= last for first, last in lost_after_ns) for stamp in missing)
    assert len(server.requests) > sent_before
