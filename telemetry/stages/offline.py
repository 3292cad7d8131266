"""A service's configuration away from its service: for recordings, and for a bus on the bench.

Promises:
- No server, no spool and no secret of the configuration need be there.
- A channel of a recording is one source of the configuration, or one error says how to choose. Where one has
  the name of the only bus or port, no other channel is it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from telemetry.clock import Clock
from telemetry.config import Config, read_config
from telemetry.databases.plan_cache import user_cache_directory
from telemetry.errors import UsageError
from telemetry.settings.document import Document
from telemetry.sources.assemble import Assembled, ChannelTable, assemble_sources
from telemetry.stages.binding import NO_BUS, Binding, Spoken
from telemetry.stages.prepare import Composition


def read_offline(document: Document, *, vin: str = "plain") -> Config:
    """Return the configuration in `document`. Raises ConfigError.

    vin: the form of vehicle numbers; "": what the configuration says.
    """
    charging = document.values.get("charging", {})
    kept = {key: value for key, value in document.values.items() if key != "web"}
    replaced = {
        "spool": {"directory": "unused"},
        "cache_directory": str(user_cache_directory()),
        "charging": {**charging, "vin": vin} if vin else charging,
    }
    return read_config(replace(document, values=kept | replaced), os.environ, sends=False)


class Recorded:
    """Which source of a configuration each channel of a recording is: of buses, or of serial ports."""

    def __init__(self, composition: Composition, source: str = "", *, account: str = "") -> None:
        """Find the sources of a recording.

        source: of all channels; empty: the one that fits. account: what all frames count for; empty: their
        source. Raises UsageError if there is no such source.
        """
        self._composition = composition
        self._account = account
        config = composition.config
        self._file = config.file
        assembled = assemble_sources(config.sources, ChannelTable(), Clock(), {})
        if source:
            sources = [each for each in assembled if each.name == source]
            if not sources:
                raise self._wrong(f"has no source {source!r}", assembled)
        else:
            buses = [each for each in assembled if each.settings.is_can]
            sources = buses or assembled
        self._sources = sources
        self._may_be_named = not source and len(sources) == 1 and sources[0].settings.log is None
        self._named = self._unnamed = ""  # channels of the only source, with its name and without
        self.is_serial = not sources[0].settings.is_can

    def source_of(self, channel: str) -> Assembled | None:
        """Return the source with the name `channel`; otherwise the only one; None: another one has its name.

        Raises UsageError where that does not decide, or comes too late.
        """
        fitting = [each for each in self._sources if _fits(each, channel)]
        if len(fitting) > 1 or (not fitting and len(self._sources) > 1):
            words = "several sources fit" if fitting else "no source fits"
            raise self._wrong(f"{words} the channel {channel!r}", fitting or self._sources)
        (source,) = fitting or self._sources
        if self._may_be_named:
            if fitting:
                self._named = channel
            elif self._named:
                return None
            else:
                self._unnamed = channel
            if self._named and self._unnamed:
                words = f"the channel {channel!r} is {source.name}, and {self._unnamed!r} came before it"
                hint = f"give {self._unnamed!r} a source of its own, or say --source {source.name} for both"
                raise UsageError(words, where=str(self._file), hint=hint)
        return source

    def binding(self, channel: str) -> Binding:
        """Return what `channel` is."""
        source = self.source_of(channel)
        if source is None:
            return Binding(NO_BUS, self._account or self._sources[0].name, channel)
        return self._binding(source, channel)

    def warnings(self, found: Mapping[str, Binding], _heard: Set[str] = frozenset()) -> Iterator[str]:
        """Yield a line for each of these channels that has no database, or is no source."""
        for channel, binding in found.items():
            source = self.source_of(channel)
            if source is None:
                yield f"{channel}: left out: it is no source of {self._file}, whose only one is {self._named}"
            elif binding.bus == NO_BUS:
                yield f"{channel}: source {source.name} of {self._file} has no database"

    def spoken(self, port: str) -> Sequence[Spoken]:
        """Return what is spoken at `port`: by its devices. Raises UsageError if no source fits."""
        source = self.source_of(port)
        if source is None:
            return ()
        settings: Any = source.settings
        found = []
        for device in settings.devices:
            protocol = device.table
            binding = self._binding(source, device.name)
            found.append(Spoken(protocol, binding, device.hearing(protocol)))
        return found

    def _binding(self, source: Assembled, name: str) -> Binding:
        binding = self._composition.binding(source, name)
        return replace(binding, source=self._account) if self._account else binding

    def _wrong(self, words: str, sources: Sequence[Assembled]) -> UsageError:
        choice = " or ".join(each.name for each in sources)
        return UsageError(words, where=str(self._file), hint=f"choose by --source NAME: {choice}")


def _fits(source: Assembled, channel: str) -> bool:
    """Return whether `source` has that name, interface or port, or databases of its own for it."""
    names = {Path(each.name).name for each in source.settings.resources}
    options = source.settings.listening_options or {}
    return (
        channel in names | {source.name, options.get("channel")}
        or source.settings.bus_of(channel) != source.name
    )
