"""Workers of a cluster are killed at random instants; the lake is that of a run that nobody disturbed."""

import os
import random
import signal
import threading
from pathlib import Path

import pytest

from telemetry import lake
from tests.support.lake import DATABASE, MIDNIGHT_NS, candump
from tests.support.lake_work import BY_HAND, dask_cluster

KILLS = int(os.environ.get("NEV_TELEMETRY_KILLS", "3"))
VEHICLES, DAYS, FRAMES = 4, 3, 40_000
DAY_NS = 86_400 * 10**9


@BY_HAND[0]
@BY_HAND[1]
def test_workers_killed_at_random_instants_leave_what_an_undisturbed_run_makes(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    for vehicle in range(VEHICLES):
        for day in range(DAYS):
            first_ns = MIDNIGHT_NS + day * DAY_NS - 10**9  # begins on the day before
            frames = ((first_ns + n * 10**6, "310", f"{n % 256:02X}00000000000000") for n in range(FRAMES))
            candump(tmp_path / f"logs/ev{vehicle}/{day}.log", frames)
    logs, databases = tmp_path / "logs", str(DATABASE)
    alone = lake.write(logs, to=tmp_path / "alone", databases=databases)
    seed = random.SystemRandom().randrange(10**6)
    draw = random.Random(seed)
    done = threading.Event()
    with dask_cluster() as address, distributed.Client(address, set_as_default=False) as client:

        def kill() -> None:
            for _ in range(KILLS):
                if done.wait(draw.uniform(0.1, 2.0)):
                    return
                pids = [*client.run(os.getpid, on_error="ignore").values()]
                if pids:
                    os.kill(draw.choice(pids), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        written = lake.write(logs, to=tmp_path / "lake", databases=databases, engine="dask", address=address)
        done.set()
        killer.join()
    assert [*written.unread, *written.errors] == [], seed
    assert lake.accounts(tmp_path / "lake") == alone.accounts
    assert alone.accounts["bus/logs/read"] == VEHICLES * DAYS * FRAMES
    again = lake.write(logs, to=tmp_path / "lake", databases=databases)
    assert {outcome.reason for outcome in again.outcomes} == {""}
    assert _contents(tmp_path / "lake") == _contents(tmp_path / "alone")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
