"""Charging sessions, as the service asks the stages for them: by plug, and by the source of its frames."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import CurveRow, PhaseRow, SessionItem
from telemetry.charging.moving import moved
from telemetry.charging.rows import start_of
from telemetry.charging.session import Session
from telemetry.stages.binding import BoundChannel

if TYPE_CHECKING:  # a service that follows no charge imports none of it
    from telemetry.charging.plan import FollowedPlugs
    from telemetry.charging.saved import Boot
    from telemetry.stages.writing import Writing

LOG = logging.getLogger("telemetry.service")

_LOOK_AFTER_NS = 1_000_000_000  # no shorter silence ends anything
_MOST_HELD = 1000  # rows of a plug that wait for the time


class PlugSessions:
    """Sessions at all plugs that are followed. Rows and events go into `lines`, stamps plus `shift_ns`."""

    any: ClassVar = True  # something is followed

    def __init__(
        self,
        followed: "FollowedPlugs",
        mapping: MapSpec | None,
        channels: Mapping[int, BoundChannel],
        writing: "Writing",
    ) -> None:
        """Follow rows of `mapping`; channels: those that are bound, also later ones."""
        self.followed = followed
        self.tracker = followed.tracker
        self._mapping = mapping
        self._channels = channels
        self._writing = writing
        self._plugs: dict[str, int] = {}  # their channels
        self._sources: dict[str, tuple[str, ...]] = {}  # their plugs; of none: those followed by power alone
        self._feeding: dict[str, set[str]] = {}  # by plug: the sources whose rows it follows
        self._bound = -1  # channels that were bound when these were made
        self._restored_ns: dict[int, int] = {}  # by channel: the last sign that an earlier run has seen
        self._held: dict[int, list[SessionItem]] = {}  # by channel: rows that wait for the time

    def bind(self, channel: BoundChannel) -> None:
        """Follow `channel`, whose rows will come."""
        binding = channel.binding
        made = sorted(self._mapping.tag_sets_of(binding.bus)) if self._mapping else ()
        own, tags = [channel.modelled[each] for each in made], [channel.map_tags[each] for each in made]
        self.followed.bind(channel.number, binding.bus, binding.tag, own, tags)

    def follow(self, samples: SampleBatch) -> Iterable[SessionItem]:
        """Return what these rows make, in their order."""
        made = self.tracker.follow(samples)
        return self._writing.alarms.apart(made) if made else made

    def plugs_of(self, source: str) -> Sequence[str]:
        """Return the names of the plugs that frames of `source` show; of none: that power alone shows."""
        self._find_plugs()
        return self._sources.get(source, ())

    def memory(self) -> dict[str, Any]:
        """Return all that is known at the plugs, as plain values."""
        return self.tracker.memory()

    def remember(self, memory: dict[str, Any]) -> None:
        """Go on with the `memory` of the same plugs."""
        self.tracker.remember(memory)

    def fed_by(self, source: str | None) -> Sequence[str]:
        """Return the names of the plugs that follow rows of `source` alone, also by power; None: of all."""
        self._find_plugs()
        return [name for name, feeding in self._feeding.items() if source is None or feeding == {source}]

    def forget(self, source: str) -> None:
        """Forget what these plugs follow: all its rows come once more, from the first one on."""
        for plug in self.fed_by(source):
            self.tracker.forget(self._plugs[plug])

    def is_open(self, source: str | None = None) -> bool:
        """Return whether a session is open at any of these."""
        return any(self.tracker.follower.is_open(self._plugs[plug]) for plug in self.fed_by(source))

    def _find_plugs(self) -> None:
        if self._bound == len(self._channels):
            return
        self._bound = len(self._channels)
        self._plugs.clear()
        self._feeding.clear()
        by_source: dict[str, list[str]] = {}
        for number, plug in self.tracker.plugs.items():
            channel = self._channels.get(number)
            source = channel.binding.source if channel is not None else ""
            of_log = "" if plug.source == source else f"{source} "  # two logs may have channels of one name
            name = self.followed.power_of(number) or of_log + plug.source
            self._plugs[name] = number
            feeding = self.followed.feeding(number)
            self._feeding[name] = {self._channels[each].binding.source for each in feeding}
            by_source.setdefault(source, []).append(name)
        self._sources = {source: tuple(names) for source, names in by_source.items()}

    def state(self, plug: str, boot: "Boot | None" = None) -> bytes:
        """Return what must be known again after a restart; empty: nothing. boot: of which its stamps are."""
        return self.tracker.state(self._plugs[plug], boot)

    def has_ended(self, plug: str) -> bool:
        """Return whether both ends have finished what is open."""
        return self.tracker.has_ended(self._plugs[plug])

    def restore(self, plug: str, state: bytes, lines: LineBuffer) -> None:
        """Go on with it, or close it where that is impossible."""
        channel = self._plugs[plug]
        start_ns = self.tracker.joined(channel)
        if start_ns is None and self.tracker.state(channel):
            self.close(plug, state, lines)  # another session has begun meanwhile
            return
        if start_ns is not None and channel in self._held:  # it is this one, from its middle on
            held = self._held[channel]
            held[:] = [made for made in held if start_of(made) != start_ns]
        try:
            self.tracker.restore(channel, state)
            self._restored_ns[channel] = self.tracker.follower.last_ns(channel)
        except ValueError as error:
            LOG.warning("%s: what was open there cannot go on: %s; it is closed", plug, error)
            self.close(plug, state, lines)

    def take_over(self, plug: str, old: "PlugSessions", lines: LineBuffer) -> None:
        """Go on with what `old` knows and has open at this plug; rows that wait go on waiting."""
        channel, before = self._plugs[plug], old._plugs[plug]
        self.tracker.inherit(channel, old.tracker, before)
        if before in old._held:
            self._held[channel] = [replace(made, channel=channel) for made in old._held[before]]
        if state := old.state(plug):
            self.restore(plug, state, lines)

    def close(self, plug: str, state: bytes, lines: LineBuffer) -> None:
        """End what was open at a plug that is not followed any more."""
        try:
            self._writing.write_made(self.tracker.close(state), lines, shift_ns=0)
        except ValueError as error:
            LOG.warning("%s: what was open there is lost: %s", plug, error)

    def watch(
        self, plug: str, newest_ns: int | None, silent_ns: int, lines: LineBuffer, *, shift_ns: int
    ) -> None:
        """End what nothing has come of for so long since the frame with this stamp; None: since the start."""
        channel = self._plugs[plug]
        last_ns = self.tracker.follower.last_ns(channel)
        since_ns = last_ns if newest_ns is None else newest_ns
        # Frames of others may go on there: then stamps show for how long the two ends have been silent.
        is_heard = last_ns != self._restored_ns.get(channel)
        if silent_ns + (max(since_ns - last_ns, 0) if is_heard else 0) < _LOOK_AFTER_NS:
            return
        self._writing.write_made(self.tracker.due(channel, since_ns + silent_ns), lines, shift_ns=shift_ns)

    def leave(self, plug: str, lines: LineBuffer, *, shift_ns: int) -> None:
        """Say of what is open, and stays so, that the service stops."""
        self._writing.write_made(self.tracker.unfinished(self._plugs[plug]), lines, shift_ns=shift_ns)

    def finish(self, plug: str, end_ns: int, lines: LineBuffer, *, shift_ns: int) -> None:
        """End what is open: no frame comes after the one with this stamp."""
        made = self.tracker.finish_plug(self._plugs[plug], end_ns)
        self._writing.write_made(made, lines, shift_ns=shift_ns)

    def move(self, plug: str, by_ns: int) -> None:
        """Add this to all stamps so far: they are of a clock that was wrong."""
        channel = self._plugs[plug]
        self.tracker.move(channel, by_ns)
        if channel in self._held:
            self._held[channel] = moved(self._held[channel], by_ns)

    def write_rows(self, plug: str, wanted: bool, lines: LineBuffer) -> None:
        """Let rows of its sessions wait until they are wanted. Write those that have waited."""
        channel = self._plugs[plug]
        if not wanted:
            self._held.setdefault(channel, [])
        elif channel in self._held:
            self._writing.write_waited(self._held.pop(channel), lines)

    def holds(self, made: SessionItem) -> bool:
        """Keep a row until it may be written; return whether it has to wait for that.

        Of the rows with one stamp only the newest waits.
        """
        held = self._held.get(made.channel)
        if held is None or not isinstance(made.content, Session | PhaseRow | CurveRow):
            return False
        kind = type(made.content)
        held[:] = [one for one in held if (type(one.content), one.time_ns) != (kind, made.time_ns)]
        held.append(made)
        del held[:-_MOST_HELD]
        return True


class NoSessions(PlugSessions):
    """Nothing is followed, and so no plug is ever asked for."""

    any = False

    def __init__(self) -> None:
        """Follow nothing."""

    def plugs_of(self, _source: str) -> Sequence[str]:
        return ()

    def fed_by(self, _source: str | None) -> Sequence[str]:
        return ()

    def memory(self) -> dict[str, Any]:
        return {}

    def remember(self, memory: dict[str, Any]) -> None:
        pass

    def close(self, plug: str, *_: object) -> None:
        LOG.warning("%s: what was open there stays open: nothing follows sessions any more", plug)


def hand_over_sessions(
    old: PlugSessions, new: PlugSessions, source: str, lines: LineBuffer, *, shift_ns: int = 0
) -> None:
    """Let what is open at the plugs of `source` (none: those that power shows) go on in `new`, or end."""
    heirs = new.plugs_of(source)
    for plug in old.plugs_of(source):
        if plug in heirs:
            new.take_over(plug, old, lines)
        else:
            old.finish(plug, 0, lines, shift_ns=shift_ns)
