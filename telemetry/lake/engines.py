"""Work on an engine that exists: processes of this machine, Dask or Ray.

Promises:
- The work of a chain is done in its order, one piece at a time. Chains run side by side, the longest first.
- A worker that dies costs its piece an attempt: it is done again. (On Dask as often as the cluster's
  `allowed-failures` says.) What loses that one too is done at the end, alone: it may have died of another.
  What dies alone has failed; so has a piece that raises. All others are done.
- Where all workers have gone, others are waited for, ten minutes long.
- A file that a worker does not see, or a worker of another version, is an error before anything starts.
- The function with all that it holds, such as databases, travels once to each worker.

An engine is a module of this room, `on_ENGINE.py`, which is imported when it is named. It has `Workers`.
"""

import heapq
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, cast

from telemetry import __version__
from telemetry.errors import InputMissingError, MissingPackageError, UnavailableError, UsageError

Done = TypeVar("Done", covariant=True)

LOCAL = "local"
ENGINES = {LOCAL: "", "dask": "distributed", "ray": "ray"}  # and the package that each needs
ATTEMPTS = 2  # of a piece whose worker dies, beside others and then alone
_LOOKS_EVERY_S = 1.0
_MOST_LOOKS = 600  # at a cluster whose workers have all gone: others may be started meanwhile
_START = "start a cluster, and give its address"


class Work(Protocol[Done]):
    """A piece of work: values that pickle."""

    def failed(self, error: Exception) -> Done:
        """Return what has become of it where its function has returned nothing."""
        ...


class LostWorkerError(UnavailableError):
    """Each worker that had a piece of work has died."""

    def __init__(self) -> None:
        super().__init__("each worker that had it has died", hint="has it been killed for its memory?")


@dataclass(frozen=True, slots=True)
class Needed:
    """Files and a folder that each worker must see. sizes: in bytes; folder: empty where none is needed."""

    sizes: Mapping[str, int]
    folder: str = ""

    def found(self) -> tuple[str, str]:
        """Return the version that runs here, and a file that is missing or has another size; empty: none."""
        if self.folder and not Path(self.folder).is_dir():
            return __version__, self.folder
        others = (name for name, size in self.sizes.items() if _size_bytes(Path(name)) != size)
        return __version__, next(others, "")


class Workers:
    """The processes that do work: here this one alone. A context manager, which is used by one thread."""

    def __init__(self, address: str, jobs: int) -> None:
        """Set up. address: of a cluster that runs already; jobs: processes, where it is this machine."""
        self._address = address
        self._jobs = jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def found(self, _needed: Needed) -> Mapping[str, tuple[str, str]]:
        """Return `needed.found()` of each worker, by its name; those of this machine may be left out."""
        return {}

    @property
    def room(self) -> int:
        """Return how many pieces are done at once. One more would wait at a worker, and die with it."""
        return self._jobs

    def share(self, run: Callable[[Any], Any]) -> Any:
        """Return what stands for a function in `give`."""
        return run

    def give(self, number: int, run: Any, work: Any) -> None:
        """Let a piece of work be done, under a number that no other has."""
        self._in_turn = number, done_by(run, work)

    def ended(self, _timeout_s: float) -> Iterable[tuple[int, Any]]:
        """Return numbers of pieces that are done, and what was returned, or why nothing: an exception."""
        return [self._in_turn]


def workers_of(engine: str, address: str, jobs: int) -> Workers:
    """Return the workers of an engine, not started. Raises UsageError, MissingPackageError."""
    if engine not in ENGINES:
        raise UsageError(f"is not one of {', '.join(ENGINES)}", where=f"engine {engine}")
    if bool(address) is (engine == LOCAL):
        what, hint = ("stands with", "name the engine there") if address else ("needs", _START)
        raise UsageError(f"{what} an address", where=f"engine {engine}", hint=hint)
    if engine == LOCAL and jobs == 1:
        return Workers(address, jobs)
    try:
        module = importlib.import_module(f"telemetry.lake.on_{engine}")
    except ModuleNotFoundError as error:
        package = ENGINES[engine]
        if error.name != package:
            raise
        raise MissingPackageError(f"{engine} needs {package}", hint=f"pip install {package}") from error
    return cast(Workers, module.Workers(address, jobs))


def require(workers: Workers, needed: Needed) -> None:
    """Raise UnavailableError or InputMissingError for a worker that would not read what is read here."""
    for name, (version, missing) in workers.found(needed).items():
        if version != __version__:
            what = f"has nev-telemetry {version}, and here is {__version__}"
            raise UnavailableError(what, where=f"worker {name}", hint="install the same one there")
        if missing:
            what = f"worker {name} does not see it as it is here"
            raise InputMissingError(what, where=missing, hint="use a path that all machines share")


def run_chains(
    workers: Workers,
    meanwhile: Callable[[], object],
    chains: Iterable[Sequence[Work[Done]]],
    run: Callable[[Any], Done],
) -> Iterator[Done]:
    """Yield what has become of each piece of work, as it is done. meanwhile: is called each second.

    Raises UnavailableError where no worker is left.
    """
    shared = workers.share(run)
    waiting = [(-len(chain), number, 0, chain) for number, chain in enumerate(chains) if chain]
    heapq.heapify(waiting)
    given: dict[int, tuple[int, int, int, Sequence[Work[Done]]]] = {}
    suspects = list[tuple[int, int, int, Sequence[Work[Done]]]]()
    is_alone, total, looks_left = False, 0, _MOST_LOOKS
    while waiting or given or suspects:
        looks_left = _MOST_LOOKS if workers.room else looks_left - 1
        if not looks_left:
            hint = "start some, and give the command again: it skips what is done"
            raise UnavailableError("all workers have gone", where="engine", hint=hint)
        if not given:
            is_alone = not waiting
            waiting += [suspects.pop()] if is_alone else []
        while waiting and len(given) < workers.room:
            left, number, index, chain = given[total] = heapq.heappop(waiting)
            workers.give(total, shared, chain[index])
            total += 1
        for key, done in workers.ended(_LOOKS_EVERY_S):
            left, number, index, chain = given.pop(key)
            if isinstance(done, LostWorkerError) and not is_alone:
                suspects.append((left, number, index, chain))
                continue
            if left < -1:
                heapq.heappush(waiting, (left + 1, number, index + 1, chain))
            yield chain[index].failed(done) if isinstance(done, Exception) else done
        meanwhile()


def done_by(run: Callable[[Any], Any], work: Any) -> Any:
    """Return what a function returns, or the exception that it raises: engines log those at length."""
    try:
        return run(work)
    except Exception as error:  # noqa: BLE001 - the piece has failed with it, which is reported
        return error


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
