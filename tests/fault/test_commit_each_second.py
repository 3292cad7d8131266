"""Requests a minute apart, and the power fails between two: what waits is on disk all the same."""

import re
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.ledger import Ledger
from telemetry.rules.reduce import ReduceSettings
from telemetry.service.pipeline import Pipeline
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.sender import Backoff, Sender
from telemetry.spool import Spool, SpoolLimits
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.model_server import ModelServer
from tests.support.pipeline_bench import KNOWN, PLAN, live
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


BOUND = 2.5
LINES = ReduceSettings(bounds={"Pack.level": BOUND}, shape="line", longest_s=60.0)
Rows = list[tuple[int, int]]  # stamps and values


def life(
    disk: SimulatedDisk, clock: FakeClock, server: ModelServer, random: Random, seconds: float
) -> tuple[int, Rows]:
    """Run a pipeline with bounds; return how many rows its accounts began with, and the rows of its own."""
    spool = Spool(Path("/spool"), clock=clock, limits=SpoolLimits(keep_free_bytes=0), filesystem=disk)
    recovery = spool.recovery
    stages = Stages(PLAN, None, vehicle="van", reduce=LINES)
    stages.bind(0, Binding(0, "bus", "can0"))
    pipeline = Pipeline(stages, spool, Ledger(recovery.accounts), clock, {}, state=recovery.state)
    pipeline.store_left(recovery.state)
    sender = Sender(
        spool,
        server,
        clock,
        Backoff(lambda: 0.5),
        BootTime(clock, None, wait_for_clock=False),
        lambda _: None,
    )
    rows: Rows = []
    end_s = clock.monotonic_s() + seconds
    while clock.monotonic_s() < end_s:
        batch = FrameBatch(8)
        for _ in range(8):
            number = len(rows)
            value = 100 + abs(number % 120 - 60) + random.randint(-1, 1)
            rows.append((clock.unix_ns(), value))
            batch.append(rows[-1][0], KNOWN, bytes([value]))
            clock.advance(STEP_S / 8)
        pipeline.process("bus", batch, {})
        pipeline.tick()
        sender.step()
    assert_balanced(spool, spool._accounts)
    return recovery.accounts.get("frames/bus/decoded", 0), rows


@pytest.mark.parametrize("seed", range(8))
def test_after_a_power_cut_all_that_is_accounted_for_is_drawn_within_its_bound(seed: int) -> None:
    random = Random(seed)
    disk, clock, server = SimulatedDisk(), FakeClock(), ModelServer()
    lives = []
    for _ in range(4):
        lives.append(life(disk, clock, server, random, random.uniform(2.0, 20.0)))
        disk.cut_power(random)
        clock.advance(5.0)
    clock.advance(60.0)
    lives.append(life(disk, clock, server, random, 70.0))
    points = [re.fullmatch(rb"Pack,\S+ level=(\d+)i? (\d+)", line) for line in server.stored]
    stored = {int(point[2]): int(point[1]) for point in points if point}
    for (begun, rows), (ended, _) in pairwise(lives):
        accounted = rows[: ended - begun]
        kept = [row for row in accounted if row[0] in stored]
        assert len(rows) - len(accounted) <= LOST_S * 8 / STEP_S
        assert (kept[0], kept[-1]) == (accounted[0], accounted[-1])
        assert len(kept) < len(accounted) / 3
        for (start_ns, before), (end_ns, after) in pairwise(kept):
            for stamp_ns, value in accounted:
                if start_ns <= stamp_ns <= end_ns:
                    drawn = before + (after - before) * (stamp_ns - start_ns) / (end_ns - start_ns)
                    assert abs(drawn - value) <= BOUND + 1e-9
