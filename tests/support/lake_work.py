"""Work for engines that dies, raises or is done; and a cluster of Dask with two workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from telemetry.lake.store import open_store

_CLUSTER = """
import sys, distributed
cluster = distributed.LocalCluster(
    n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, worker_dashboard_address=None
)
print(cluster.scheduler_address, flush=True)
sys.stdin.read()
cluster.close()
"""
# Dask sees in seconds that a worker has died, or, where it dies as they greet each other, after five minutes.
BY_HAND = (
    pytest.mark.optional,
    pytest.mark.skipif(
        "NEV_TELEMETRY_KILLS" not in os.environ, reason="workers of Dask die: NEV_TELEMETRY_KILLS=3"
    ),
)
_CONNECT = "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"


@dataclass(frozen=True, slots=True)
class Piece:
    """Work. dies_until: a file that is made by the first attempt, which dies; empty: each dies."""

    chain: str
    index: int
    raises: bool = False
    dies_until: str | None = None

    def failed(self, error: Exception) -> tuple[str, int, str]:
        return self.chain, self.index, f"{type(error).__name__}: {error}"


def do(held: bytes, piece: Piece) -> tuple[str, int, str]:
    """Do a piece. held: what travels with the function."""
    if piece.raises:
        raise ValueError("as asked")
    if piece.dies_until is not None and not (piece.dies_until and Path(piece.dies_until).exists()):
        if piece.dies_until:
            Path(piece.dies_until).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return piece.chain, piece.index, str(len(held))


def hold(where: str, pids: str, name: str) -> None:
    """Hold a partition of this name with a part, say who does, and go on for ever."""
    with open_store(where).held(name) as parts:
        (parts / f"{name}.part").touch()
        with open(pids, "w") as stream:  # noqa: PTH123 - one write, which is whole
            stream.write(f"{os.getpid()}\n")
        while True:
            signal.pause()


@contextmanager
def dask_cluster() -> Iterator[str]:
    """Run one of two workers, and yield the address of its scheduler."""
    # A worker that has died is asked for its results so long.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), _CONNECT: "5s"}
    with subprocess.Popen(
        [sys.executable, "-c", _CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as cluster:
        assert cluster.stdout
        try:
            yield cluster.stdout.readline().strip()
        finally:
            assert cluster.stdin
            cluster.stdin.close()
            cluster.wait(60.0)
