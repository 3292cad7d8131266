"""Workers of a cluster are killed at random instants; the lake is that of a run that nobody disturbed."""

import random
import threading
from pathlib import Path

import pytest

from telemetry import lake
from telemetry.decode.output import Progress
from telemetry.lake.task import Outcome
from tests.support.lake import DATABASE, MIDNIGHT_NS, candump
from tests.support.lake_work import Cluster

KILLS = 10
VEHICLES, DAYS, FRAMES = 10, 20, 2_000  # 200 recordings
DAY_NS = 86_400 * 10**9


class _Killer:
    """Kills workers, as they start and as they work: three at first, then one for each tenth of the days."""

    def __init__(self, cluster: Cluster, draw: random.Random) -> None:
        self._cluster, self._draw = cluster, draw
        self._asked, self._killed = threading.Semaphore(3), threading.Semaphore(0)
        threading.Thread(target=self._kill, daemon=True).start()

    def _kill(self) -> None:
        for _ in range(KILLS):
            self._asked.acquire()
            threading.Event().wait(self._draw.uniform(0.0, 1.5))
            self._cluster.kill(self._draw.randrange(2))
            self._killed.release()

    def keep_pace(self, _: Outcome, progress: Progress) -> None:
        """Wait after each tenth of the partitions until one worker more was killed, and ask for another."""
        if progress.number % (progress.files // KILLS) == 0:
            self._asked.release()
            self._killed.acquire()


@pytest.mark.long  # workers start again ten times
@pytest.mark.xdist_group("dask")
def test_workers_killed_at_random_instants_leave_what_an_undisturbed_run_makes(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    for vehicle in range(VEHICLES):
        for day in range(DAYS):
            first_ns = MIDNIGHT_NS + day * DAY_NS - 10**9  # begins on the day before
            frames = ((first_ns + n * 10**6, "310", f"{n % 256:02X}00000000000000") for n in range(FRAMES))
            candump(tmp_path / f"logs/ev{vehicle}/{day}.log", frames)
    logs, databases = tmp_path / "logs", str(DATABASE)
    alone = lake.write(logs, to=tmp_path / "alone", databases=databases)
    assert alone.accounts["bus/logs/read"] == VEHICLES * DAYS * FRAMES
    assert len(alone.outcomes) == VEHICLES * (DAYS + 1)
    seed = random.SystemRandom().randrange(10**6)
    # A piece that each kill meets is done again: what is asked here is not how often.
    with Cluster(tmp_path, SCHEDULER__ALLOWED_FAILURES=str(KILLS)) as cluster:
        report = _Killer(cluster, random.Random(seed)).keep_pace
        written = lake.write(
            logs,
            to=tmp_path / "lake",
            databases=databases,
            engine="dask",
            address=cluster.address,
            report=report,
        )
    assert [*written.unread, *written.errors] == [], seed
    assert written.accounts == alone.accounts
    again = lake.write(logs, to=tmp_path / "lake", databases=databases)
    assert {outcome.reason for outcome in again.outcomes} == {""}
    assert _contents(tmp_path / "lake") == _contents(tmp_path / "alone")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
