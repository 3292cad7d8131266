"""The threads of the sources, and how one set of sources becomes another while the rest runs on.

Promises: a source whose device settings did not change is not touched; of one name there is one thread at a
time: a changed source starts when the old one has ended, that is, when the pipeline has taken its last item.
Relies on one thread, the pipeline's, calling everything here.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace

from telemetry.assembly import Assembled
from telemetry.config import SourceSettings
from telemetry.sources.channel import BatchChannel
from telemetry.sources.source import StopSignal

# Settings that the device knows nothing of.
_OF_THE_LINE = {"databases", "channel_databases", "pack", "charger", "invert_current", "bit_rate"}


class RunningSources:
    """The configured sources: those that run, and those that have ended since."""

    def __init__(
        self,
        sources: Iterable[Assembled],
        output: BatchChannel,
        assemble: Callable[[SourceSettings], Assembled],
    ) -> None:
        """sources: to begin with, not started yet; assemble: makes one that begins later."""
        self._output = output
        self._assemble = assemble
        self._sources = {source.name: source for source in sources}
        self._running: dict[str, StopSignal] = {}
        self._successors: dict[str, SourceSettings] = {}
        self._removed: set[str] = set()

    def __iter__(self) -> Iterator[Assembled]:
        return iter(tuple(self._sources.values()))

    def __getitem__(self, name: str) -> Assembled:
        return self._sources[name]

    def get(self, name: str) -> Assembled | None:
        """The source of this name; None if there is none any more."""
        return self._sources.get(name)

    @property
    def any_running(self) -> bool:
        """Whether anything may still come."""
        return bool(self._running)

    def start(self) -> None:
        """Start all."""
        for source in self:
            self._start(source)

    def stop(self) -> None:
        """Ask all of them to stop."""
        self._successors.clear()
        for stop in self._running.values():
            stop.set()

    def ended(self, name: str) -> None:
        """The pipeline has taken the last item of this source."""
        stop = self._running.pop(name, None)
        if stop is not None:
            stop.close()
        if name in self._removed:
            self._removed.discard(name)
            del self._sources[name]
        if name in self._successors:
            self._begin(self._successors.pop(name))

    # -- another set

    def retire(self, settings: Iterable[SourceSettings]) -> None:
        """Ask those to stop that `settings` does not name, or names with another device."""
        wanted = {entry.name: entry for entry in settings}
        for name, stop in self._running.items():
            if name not in wanted or not same_device(self._sources[name].settings, wanted[name]):
                stop.set()

    @property
    def retiring(self) -> bool:
        """Whether one that was asked to stop has not ended yet."""
        return any(stop.is_set() for stop in self._running.values())

    def adopt(self, settings: Iterable[SourceSettings]) -> None:
        """Be the sources of `settings`: what is new starts; what still runs is replaced when it has ended."""
        wanted = {entry.name: entry for entry in settings}
        ending = {name for name, stop in self._running.items() if stop.is_set()}
        self._successors.clear()
        self._removed.clear()
        for name in self._sources.keys() - wanted.keys():
            if name in self._running:
                self._removed.add(name)
            else:
                del self._sources[name]
        for name, entry in wanted.items():
            known = self._sources.get(name)
            if known is not None and name not in ending and same_device(known.settings, entry):
                self._sources[name] = replace(known, settings=entry)
            elif name in self._running:
                self._successors[name] = entry
                # The line is told of its channels now, and of them the successor's frames will come.
                self._sources[name] = replace(self._sources[name], settings=entry)
            else:
                self._begin(entry)

    def _begin(self, settings: SourceSettings) -> None:
        source = self._sources[settings.name] = self._assemble(settings)
        self._start(source)

    def _start(self, source: Assembled) -> None:
        stop = self._running[source.name] = StopSignal()
        threading.Thread(
            target=source.source.run, args=(self._output, stop), name=source.name, daemon=True
        ).start()


def same_device(old: SourceSettings, new: SourceSettings) -> bool:
    """Whether the two differ in nothing but the databases that describe what comes."""
    return type(old) is type(new) and all(
        getattr(old, field.name) == getattr(new, field.name)
        for field in fields(old)
        if field.name not in _OF_THE_LINE
    )
