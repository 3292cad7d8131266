"""The workers of a scheduler of Dask."""

import queue
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any, Self

import distributed
from distributed.comm import get_address_host_port

from telemetry.errors import UnavailableError, one_line
from telemetry.lake import engines

_CONNECT_S = 30.0
_ATTEMPTS, _AGAIN_S = 10, 1.0  # to hand a function over while workers die


class _Holder(distributed.WorkerPlugin):  # type: ignore[misc]  # of a package that may not be there
    """A function at each worker, also at those that are started later. A future would die with a worker."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        self.run = run


class Workers(engines.Workers):
    """A client of that scheduler."""

    def __enter__(self) -> Self:
        with self._asking():
            get_address_host_port(self._address)  # a client that cannot read it waits a minute as it ends
            self._client = distributed.Client(self._address, timeout=_CONNECT_S, set_as_default=False)
            self._client.wait_for_workers(1, timeout=_CONNECT_S)
        self._held: list[str] = []
        self._given: dict[str, tuple[int, distributed.Future]] = {}
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.cancel([future for _, future in self._given.values()])
        for name in self._held:
            with suppress(OSError, RuntimeError, ValueError):  # of what has gone, or never got it
                self._client.unregister_worker_plugin(name)
        self._client.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError, CancelledError) as error:
            raise UnavailableError(f"Dask has failed: {one_line(str(error))}", where=self._address) from error

    def found(self, needed: engines.Needed) -> Mapping[str, tuple[str, str]]:
        with self._asking():
            answers: Mapping[str, Any] = self._client.run(needed.found, on_error="return")
        return {
            name: answer if isinstance(answer, tuple) else (f"? ({answer})", "")
            for name, answer in answers.items()
            if not isinstance(answer, OSError)  # it dies meanwhile
        }

    @property
    def room(self) -> int:
        with self._asking():
            return sum(self._client.nthreads().values())

    def share(self, run: Callable[[Any], Any]) -> str:
        name = f"nev-telemetry-{uuid.uuid4()}"
        self._held.append(name)
        for attempts_left in reversed(range(_ATTEMPTS)):
            with self._asking():
                try:
                    self._client.register_plugin(_Holder(run), name=name)
                    break
                except OSError:  # of a worker that dies meanwhile; all others have it
                    if not attempts_left:
                        raise
            time.sleep(_AGAIN_S)
        return name

    def give(self, number: int, run: Any, work: Any) -> None:
        future = self._client.submit(_done_by, run, work, pure=False)
        self._given[future.key] = number, future
        future.add_done_callback(lambda done: self._done.put(done.key))

    def ended(self, timeout_s: float) -> Iterator[tuple[int, Any]]:
        with suppress(queue.Empty):
            number, future = self._given.pop(self._done.get(timeout=timeout_s))
            with self._asking():
                try:
                    done = future.result()  # made once more, where its worker has died since
                except distributed.KilledWorker:
                    done = engines.LostWorkerError()
            yield number, done


def _done_by(name: str, work: Any) -> Any:
    return engines.done_by(distributed.get_worker().plugins[name].run, work)
