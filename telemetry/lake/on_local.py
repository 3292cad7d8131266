"""Processes of this machine as workers.

Promises: a process that dies is seen at once, and its work given to another. They end with this process, also
where that is killed. They run no code of a script that calls this module.
"""

import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from telemetry.lake import engines

_START = "from telemetry.lake.on_local import serve; serve({})"


@dataclass(slots=True)
class _Child:
    """A process, and what it has: its function and its piece of work."""

    process: "subprocess.Popen[bytes]"
    run: bytes = b""
    number: int = 0
    work: Any = None
    attempt: int = 0


class Workers(engines.Workers):
    """Processes, started when there is work for them."""

    def __init__(self, address: str, jobs: int) -> None:
        super().__init__(address, jobs)
        self._idle: list[tuple[Connection, _Child]] = []
        self._busy: dict[Connection, _Child] = {}

    def share(self, run: Callable[[Any], Any]) -> bytes:
        return pickle.dumps(run)

    def give(self, number: int, run: Any, work: Any, attempt: int = 1) -> None:
        connection, child = self._idle.pop() if self._idle else _start()
        self._busy[connection] = child
        is_new, child.run = child.run != run, run
        child.number, child.work, child.attempt = number, work, attempt
        with suppress(OSError):  # it is dead, as `ended` will see
            connection.send((run if is_new else b"", work))

    def ended(self, timeout_s: float) -> Iterator[tuple[int, Any]]:
        for connection in cast("list[Connection]", wait(self._busy, timeout_s)):
            child = self._busy.pop(connection)
            try:
                done = connection.recv()
            except (EOFError, OSError):
                _end(connection, child)
                if child.attempt < engines.ATTEMPTS:
                    self.give(child.number, child.run, child.work, child.attempt + 1)
                    continue
                done = engines.LostWorkerError()
            else:
                self._idle.append((connection, child))
            yield child.number, done

    def __exit__(self, *_: object) -> None:
        for connection, child in (*self._busy.items(), *self._idle):
            _end(connection, child)


def _start() -> tuple[Connection, _Child]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _START.format(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is for this process, which ends them
        )
    return Connection(ours.detach()), _Child(process)


def _end(connection: Connection, child: _Child) -> None:
    connection.close()
    with child.process:
        child.process.kill()


def serve(descriptor: int) -> None:
    """Do all work that comes, until nobody is at the other end."""
    run: Any = None
    threading.Thread(target=_end_with_the_other_end, args=(descriptor,), daemon=True).start()
    with suppress(EOFError, OSError), Connection(descriptor) as connection:
        while True:
            pickled, work = connection.recv()
            run = pickle.loads(pickled) if pickled else run  # noqa: S301 - it comes from who has started this
            connection.send(engines.done_by(run, work))


def _end_with_the_other_end(descriptor: int) -> None:
    ends = select.poll()
    ends.register(descriptor, 0)  # that the other one is closed is reported all the same
    ends.poll()
    os.kill(os.getpid(), signal.SIGKILL)
