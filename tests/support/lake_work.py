"""Work for engines that dies, raises or is done; and a cluster of Dask with two workers."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from telemetry.lake.store import open_store

_SCHEDULER = """
import asyncio, sys, distributed
async def serve():
    async with distributed.Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        print(scheduler.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(serve())
"""
_WORKER = ("-m", "distributed.cli.dask_worker", "--no-nanny", "--no-dashboard", "--nthreads", "1")
# A worker that has died is asked for its results 5 s long. One that dies as it and the scheduler greet each
# other counts as there until it has said nothing for 10 s, in place of five minutes.
_SETTINGS = {"COMM__TIMEOUTS__CONNECT": "5s", "SCHEDULER__WORKER_TTL": "10s"}


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


class Cluster:
    """A scheduler of Dask and two workers. One that dies is started again at once, as a supervisor does."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """folder: of their files; settings: of Dask, below `distributed`."""
        named = {f"DASK_DISTRIBUTED__{name}": value for name, value in (_SETTINGS | settings).items()}
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **named}
        self._environment["DASK_TEMPORARY_DIRECTORY"] = str(folder)
        self._is_ending = False
        self._workers: list[subprocess.Popen[bytes] | None] = [None, None]
        self._supervisors = [threading.Thread(target=self._supervise, args=(each,)) for each in range(2)]

    def __enter__(self) -> Self:
        self.scheduler = self._start("-c", _SCHEDULER, pipe=subprocess.PIPE)
        assert self.scheduler.stdout
        self.address = self.scheduler.stdout.readline().decode().strip()
        for each in self._supervisors:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        for worker, supervisor in enumerate(self._supervisors):
            while supervisor.is_alive():
                self.kill(worker)
                supervisor.join(0.1)
        with self.scheduler:
            self.scheduler.kill()

    def kill(self, worker: int) -> None:
        """Kill what runs as this worker, however old it is."""
        if process := self._workers[worker]:
            process.kill()

    def _supervise(self, worker: int) -> None:
        while not self._is_ending:
            process = self._workers[worker] = self._start(*_WORKER, self.address)
            process.wait()

    def _start(self, *words: str, pipe: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
        words = (sys.executable, *words)
        return subprocess.Popen(
            words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=self._environment
        )
