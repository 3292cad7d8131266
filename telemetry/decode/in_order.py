"""Work shared by several threads, its results in the order in which the work was taken.

Promises: `take` is called by one thread at a time, so that what depends on what came before lives there;
the results, and the first error among them, come out as if one thread had done everything; at most `ahead`
pieces of work are taken whose results have not been fetched, so that memory is bounded however slow the
reader is; no thread does anything after its current piece once the results are no longer wanted. Relies on
`do` giving up the interpreter lock, as the compiled core does: else threads gain nothing.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")

LEAVE_S = 1.0  # for threads to finish their piece; one may wait for stdin for ever


class Worker(Protocol[Result_co]):
    """What one thread does again and again."""

    def take(self) -> bool:
        """Take the next piece of work; False when no work is left for ever."""
        ...

    def do(self) -> Result_co:
        """Return the result of the piece that was taken last."""
        ...


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class InOrder(Generic[Result]):
    """Iterate over it for the results; a context manager, which ends the threads."""

    def __init__(self, workers: Sequence[Worker[Result]], ahead: int) -> None:
        """Make a thread for each of `workers`; ahead: results that may wait, at least one."""
        self._ahead = ahead
        self._turn = threading.Lock()  # to take
        self._changed = threading.Condition()
        self._taken = 0
        self._fetched = 0
        self._results: dict[int, Result | _Failed] = {}
        self._is_over = False  # nothing more is taken
        self._was_stopped = False  # and what is taken is not wanted
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name="decode", daemon=True)
            for worker in workers
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for thread in self._threads:
            thread.join(LEAVE_S)

    def stop(self) -> None:
        """Take nothing more, and end the iteration where it is; from any thread."""
        with self._changed:
            self._is_over = self._was_stopped = True
            self._taken = self._fetched
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Result]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._fetched in self._results or self._is_empty())
                if self._is_empty():
                    return
                result = self._results.pop(self._fetched)
                self._fetched += 1
                self._changed.notify_all()
            if isinstance(result, _Failed):
                raise result.error
            yield result

    def _is_empty(self) -> bool:
        return self._is_over and self._fetched >= self._taken

    def _work(self, worker: Worker[Result]) -> None:
        while (number := self._take(worker)) is not None:
            try:
                result: Result | _Failed = worker.do()
            except BaseException as error:  # noqa: BLE001  it is raised where the results are fetched
                result = _Failed(error)
            self._put(number, result)

    def _take(self, worker: Worker[Result]) -> int | None:
        """Take a piece of work; its number, None without any."""
        with self._turn:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._taken - self._fetched < self._ahead)
                if self._is_over:
                    return None
                number = self._taken
            failed: _Failed | None = None
            try:
                has_work = worker.take()
            except BaseException as error:  # noqa: BLE001  it is raised where the results are fetched
                has_work, failed = False, _Failed(error)
            with self._changed:
                if self._was_stopped:
                    return None
                if has_work or failed:
                    self._taken += 1
                if failed:
                    self._results[number] = failed
                self._is_over = not has_work
                self._changed.notify_all()
            return number if has_work else None

    def _put(self, number: int, result: Result | _Failed) -> None:
        with self._changed:
            if number < self._taken:  # otherwise nobody needs it any more
                self._results[number] = result
                self._changed.notify_all()
