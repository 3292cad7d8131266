"""The threads of the sources, and how one set of sources becomes another while the rest runs on.

Promises:
- A source whose device settings did not change is not touched.
- One source of each name runs at a time: a changed source starts when the old one has ended, that is, when
  the pipeline has taken its last item.
- What a new set needs of the system (threads, descriptors) is reserved before anything changes, so that a set
  that was adopted can start.

Relies on one thread, the pipeline's, that calls everything here.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from telemetry.errors import UnavailableError, without_login
from telemetry.sources.assemble import Assembled
from telemetry.sources.inbox import Inbox
from telemetry.sources.reconnect import put_end
from telemetry.sources.settings import SourceSettings
from telemetry.sources.stop import StopSignal
from telemetry.threads import start

_LOG = logging.getLogger("telemetry.sources")


class _Seat:
    """A thread and a signal for one source, taken before anybody relies on them."""

    def __init__(self, name: str) -> None:
        """Raise UnavailableError when the system gives no thread or no descriptor."""
        try:
            self.stop = StopSignal()
        except OSError as error:
            raise UnavailableError(f"no source can be started: {error.strerror}", where=name) from error
        self._decided = threading.Event()
        self._body: Callable[[], None] | None = None
        try:
            start(threading.Thread(target=self._run, name=name, daemon=True))
        except UnavailableError:
            self.stop.close()
            raise

    def take(self, body: Callable[[], None]) -> None:
        """Run `body` in the thread."""
        self._body = body
        self._decided.set()

    def give_back(self) -> None:
        """End it: nobody needs it."""
        self._decided.set()
        self.stop.close()

    def _run(self) -> None:
        self._decided.wait()
        if self._body is not None:
            self._body()


class RunningSources:
    """The configured sources: those that run, and those that have ended since."""

    def __init__(
        self,
        sources: Iterable[Assembled],
        output: Inbox,
        assemble: Callable[[SourceSettings], Assembled],
    ) -> None:
        """Begin with `sources`, not started yet; assemble: makes one that begins later."""
        self._output = output
        self._assemble = assemble
        self._sources = {source.name: source for source in sources}
        self._running: dict[str, StopSignal] = {}
        self._seats: dict[str, _Seat] = {}  # for sources that are about to start
        self._successors: dict[str, SourceSettings] = {}
        self._removed: set[str] = set()

    def __iter__(self) -> Iterator[Assembled]:
        return iter(tuple(self._sources.values()))

    def __getitem__(self, name: str) -> Assembled:
        return self._sources[name]

    def get(self, name: str) -> Assembled | None:
        """Return the source of this name; None: it is not configured any more."""
        return self._sources.get(name)

    @property
    def live(self) -> list[str]:
        """Return those that are no logs."""
        return [source.name for source in self if not source.resume_as]

    def silent(self) -> tuple[list[str], list[str]]:
        """Return live ones of which no frame waits: those whose device is there, and the others."""
        waits = self._output.frames_waiting_of
        quiet = [self[name] for name in self.live if not waits(name)]
        there = [source.name for source in quiet if source.source.status == "receiving"]
        return there, [source.name for source in quiet if source.name not in there]

    @property
    def any_running(self) -> bool:
        """Return whether anything may still come."""
        return bool(self._running)

    def start(self) -> None:
        """Start all. Raises UnavailableError when the system has no room for one."""
        for source in self:
            self._start(source)

    def stop(self) -> None:
        """Ask all of them to stop."""
        self._successors.clear()
        self._give_back(self._seats)
        for stop in self._running.values():
            stop.set()

    def ended(self, name: str) -> None:
        """Note that the pipeline has taken the last item of this source."""
        stop = self._running.pop(name, None)
        if stop is not None:
            stop.close()
        if name in self._removed:
            self._removed.discard(name)
            del self._sources[name]
        if name in self._successors:
            self._begin(self._successors.pop(name))

    # -- another set

    def reserve(self, settings: Iterable[SourceSettings]) -> None:
        """Take from the system what `adopt` will need for `settings`, before anything is changed.

        Raises UnavailableError when it has no more; then nothing is.
        """
        needed = {entry.name for entry in settings if not self._goes_on(entry)}
        made: list[str] = []
        try:
            for name in needed - self._seats.keys():
                self._seats[name] = _Seat(name)
                made.append(name)
        except UnavailableError:
            self._give_back(made)
            raise
        self._give_back(self._seats.keys() - needed)

    def _goes_on(self, entry: SourceSettings) -> bool:
        """Return whether the source of that name is to be left alone."""
        known, stop = self._sources.get(entry.name), self._running.get(entry.name)
        return known is not None and not (stop and stop.is_set()) and known.settings.is_same_device(entry)

    def _give_back(self, names: Iterable[str]) -> None:
        for name in tuple(names):
            self._seats.pop(name).give_back()

    def retire(self, settings: Iterable[SourceSettings]) -> None:
        """Ask those to stop that `settings` does not name, or names with another device."""
        wanted = {entry.name: entry for entry in settings}
        for name, stop in self._running.items():
            if name not in wanted or not self._sources[name].settings.is_same_device(wanted[name]):
                stop.set()

    @property
    def retiring(self) -> bool:
        """Return whether one that was asked to stop has not ended yet."""
        return any(stop.is_set() for stop in self._running.values())

    def adopt(self, settings: Iterable[SourceSettings]) -> None:
        """Be the sources of `settings`: what is new starts; what still runs is replaced when it has ended."""
        wanted = {entry.name: entry for entry in settings}
        self._successors.clear()
        self._removed.clear()
        for name in self._sources.keys() - wanted.keys():
            if name in self._running:
                self._removed.add(name)
            else:
                del self._sources[name]
        for name, entry in wanted.items():
            if self._goes_on(entry):
                self._sources[name] = replace(self._sources[name], settings=entry)
            elif name in self._running:
                self._successors[name] = entry
                # Its channels are bound now, and the successor's frames will come from them.
                self._sources[name] = replace(self._sources[name], settings=entry)
            else:
                self._begin(entry)

    def _begin(self, settings: SourceSettings) -> None:
        source = self._sources[settings.name] = self._assemble(settings)
        self._start(source)

    def _start(self, source: Assembled) -> None:
        seat = self._seats.pop(source.name, None) or _Seat(source.name)
        self._running[source.name] = seat.stop
        seat.take(partial(self._run, source, seat.stop))

    def _run(self, source: Assembled, stop: StopSignal) -> None:
        """Run a source until it ends. What it raises ends that source alone."""
        try:
            source.source.run(self._output, stop)
        except Exception:  # noqa: BLE001 - of the code of a package, or a fault of our own: the others go on
            failure = without_login(traceback.format_exc())
            _LOG.error("source %s has failed, and starts again with the service: %s", source.name, failure)
            put_end(source.name, _last_counts(source), self._output)


def _last_counts(source: Assembled) -> Mapping[str, int]:
    """Return what a source that has failed had counted; nothing where that fails too."""
    try:
        return source.source.counts()
    except Exception:  # noqa: BLE001 - of the same code: its end is reported all the same
        failure = without_login(traceback.format_exc())
        _LOG.error("source %s has failed, and its last counts are lost: %s", source.name, failure)
        return {}
