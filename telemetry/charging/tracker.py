"""The tracker: the follower's changes at all plugs become sessions, which go on in another process.

Promises:
- Rows and events stand right after the row that made them, so they do not depend on batches.
- What it knows of a plug fits `saved.MOST_STATE` bytes.

Pure: no clock, no disk. Relies on `telemetry_core.charge.follower` for changes in their order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import Any
from zlib import crc32

from telemetry_core.charge.follow_spec import (
    TOTALS,
    ChangeKind,
    End,
    FollowedPhase,
    FollowSpec,
    PlugChange,
    PowerSpec,
    Side,
)
from telemetry_core.charge.follower import Follower, totals_in
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.charging.cross_check import CrossCheck
from telemetry.charging.identity import most_soc_pct_s
from telemetry.charging.installation import VinKey, no_key
from telemetry.charging.items import Named, SessionItem
from telemetry.charging.moving import found_again, moved
from telemetry.charging.plug import KEPT, Plug, PlugSettings
from telemetry.charging.saved import Boot, SavedPlug, before_in, packed, session_in, state_in, unpacked
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings
from telemetry.charging.translator import Translator

_NO_SPEC = PowerSpec(Side.METER, 0.0, 0, 0)  # of a plug that is not followed any more


class ChargingTracker:
    """Sessions of all plugs."""

    def __init__(
        self,
        schema: Schema,
        specs: Sequence[FollowSpec | PowerSpec],
        settings: ChargingSettings,
        *,
        vehicle: str,
        vin_key: VinKey = no_key,
    ) -> None:
        """vin_key: with which this installation makes digests."""
        self.follower = Follower(schema, specs)
        self._translator = Translator(schema, settings, vehicle, vin_key)
        self._settings = settings
        self._vehicle = vehicle
        self._plugs: dict[int, Plug] = {}

    def bind(self, channel: int, spec: int, plug: PlugSettings) -> None:
        """Follow `channel` by `specs[spec]`."""
        self.follower.bind(channel, spec)
        self._plugs[channel] = Plug(plug, self.follower.specs[spec])

    def rename(self, channel: int, plug: PlugSettings) -> None:
        """Name where the rows of the plug on `channel` come from, which is known only now."""
        self._plugs[channel].settings = plug

    @property
    def plugs(self) -> Mapping[int, PlugSettings]:
        """Return what is followed, by channel."""
        return {channel: plug.settings for channel, plug in self._plugs.items()}

    def collect(self, finished: list[Session] | None) -> None:
        """Append to this list each session that is over, from now on; None: to none."""
        self._translator.finished = finished

    def tell_names(self, named: list[Named]) -> None:
        """Append to this list who a pack is, each time that its vehicle has said it."""
        self._translator.named = named

    def follow(self, samples: SampleBatch) -> list[SessionItem]:
        """Return what these rows make, in their order."""
        found = self.follower.follow(samples, in_parts=True)
        made = list(self._made(found)) if found else []
        while self.follower.left:
            made += self._made(self.follower.follow(samples, in_parts=True, go_on=True))
        return made

    def due(self, channel: int, now_ns: int) -> list[SessionItem]:
        """Return what ends on `channel` since its bus is silent, at `now_ns` in frame time."""
        return list(self._made(self.follower.due(channel, now_ns)))

    def finish_plug(self, channel: int, end_ns: int) -> list[SessionItem]:
        """Return what ends on `channel` since its frames have ended; end_ns: stamp of the newest one."""
        return list(self._made(self.follower.finish(channel, end_ns)))

    def forget(self, channel: int) -> None:
        """Know nothing of `channel`: its rows come once more, from the first one on."""
        self.follower.finish(channel, 0)
        plug = self._plugs[channel]
        self._plugs[channel] = Plug(plug.settings, plug.spec)

    def _made(self, changes: Sequence[PlugChange]) -> Iterator[SessionItem]:
        for change in changes:
            plug = self._plugs[change.channel]
            if self._is_judged(change, changes[-1]) and self._translator.is_another(plug, changes[-1]):
                yield from self._begin_next(plug, changes[-1])
                return
            if change.kind == ChangeKind.ATTEMPT:
                _, before = self.follower.state(change.channel)
                plug.begin_attempt(before)
            yield from self._contents(plug, change)

    def _is_judged(self, change: PlugChange, last: PlugChange) -> bool:
        """Return whether the row that is reported, and ends its part, tells now whose it is.

        It does before its phase begins: with that the attempt is believed to be the same vehicle's.
        """
        if change.kind == ChangeKind.PHASE and change.number == FollowedPhase.CONFIGURATION:
            return last.kind == ChangeKind.ROW and (last.row, last.channel) == (change.row, change.channel)
        return change.kind == ChangeKind.ROW

    def _begin_next(self, plug: Plug, row: PlugChange) -> Iterator[SessionItem]:
        """Yield what the session of another vehicle makes, which `row` has shown."""
        start_ns, before = row.time_ns, plug.doubt
        if before is not None:
            start_ns = plug.known.phase_ns
            plug.go_back(before)
        changes = self.follower.begin_next(row.channel, start_ns, before.numbers if before else None)
        made = list(self._made(changes))
        if before is not None:
            contents = self._translator.take_facts(plug, changes[-1], before.said)
            made += (SessionItem(-1, time_ns, content, row.channel) for time_ns, content in contents)
        return (replace(one, row=row.row) for one in made)

    def _contents(self, plug: Plug, change: PlugChange) -> Iterator[SessionItem]:
        for time_ns, content in self._translator.contents(plug, change):
            yield SessionItem(change.row, time_ns, content, change.channel)

    # --- what survives

    def state(self, channel: int, boot: Boot | None = None) -> bytes:
        """Return what is known of an open session, at most MOST_STATE bytes; empty: none is open.

        boot: that its stamps are of, unless they are times since 1970.
        """
        plug = self._plugs[channel]
        if plug.open is None:
            return b""
        return packed(plug, self._vehicle, self._places(plug), self.follower.state(channel), boot)

    def restore(self, channel: int, state: bytes) -> None:
        """Go on with the session of `state`. Raises ValueError for bytes of another kind or version."""
        plug = self._plugs[channel]
        found = unpacked(state)
        vehicle, charger, *_ = found.named
        if vehicle != self._vehicle:
            raise ValueError("the state is of another vehicle")
        if charger != plug.settings.charger:
            raise ValueError(f"the state is of the charger {charger!r}")
        if not found.numbers or found.places != self._places(plug):
            raise ValueError("the state is of another protocol or version")
        self.follower.go_on(channel, *state_in(found), most_soc_pct_s(found.known["facts"]))
        plug.last, plug.last_start_ns = found.last, found.last_start_ns
        self._reopen(plug, found)

    def memory(self) -> dict[str, Any]:
        """Return all that is known, as plain values: for `remember`."""
        plugs = {
            channel: ({name: getattr(plug, name) for name in KEPT}, self.follower.state(channel))
            for channel, plug in self._plugs.items()
        }
        return {"plugs": plugs, "packs": self._translator.packs}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Go on with the `memory` of a tracker of the same plugs, as if all rows had come here."""
        for channel, (values, state) in memory["plugs"].items():
            self.follower.go_on(channel, *state)
            for name, value in values.items():
                setattr(self._plugs[channel], name, value)
        self._translator.packs = memory["packs"]

    def _places(self, plug: Plug) -> int:
        return crc32(plug.spec.kept_by().encode())

    def inherit(self, channel: int, old: "ChargingTracker", old_channel: int) -> None:
        """Know all packs, and what `old_channel` saw last, unless `old` is of another vehicle."""
        if old._vehicle == self._vehicle:
            plug, before = self._plugs[channel], old._plugs[old_channel]
            plug.last, plug.last_start_ns = before.last, before.last_start_ns
            self._translator.packs.update(old._translator.packs)

    def _reopen(self, plug: Plug, found: SavedPlug) -> None:
        opened = session_in(found.known)
        cross = CrossCheck.from_json(self._settings.cross_check, opened.cross) if opened.cross else None
        plug.reopen(opened, cross, before_in(found))

    def has_ended(self, channel: int) -> bool:
        """Return whether both ends have finished the session that is open on `channel`."""
        now = self._plugs[channel].open
        return now is not None and now.phase == FollowedPhase.ENDED

    def joined(self, channel: int) -> int | None:
        """Return the start of the session that is open on `channel`, if its beginning was not heard."""
        now = self._plugs[channel].open
        return now.start_ns if now is not None and now.joined else None

    def close(self, state: bytes) -> list[SessionItem]:
        """Return the end of a session that no plug goes on with: `cut`, unless a side had said why.

        Raises ValueError as `restore` does.
        """
        found = unpacked(state)
        vehicle, charger, protocol, source = found.named
        plug = Plug(PlugSettings(protocol, str(found.known["pack"]), charger, source), _NO_SPEC)
        self._reopen(plug, found)
        unknown = (nan,) * len(TOTALS)  # the row before has what was known
        totals = totals_in(found.numbers[0]) if found.numbers else unknown
        change = PlugChange(-1, found.last_ns, 0, ChangeKind.ENDED, End.SILENCE, 0, 0, 0, (), totals, None)
        session = self._translator.session(plug, change, End.SILENCE)
        is_over = session.stop_side or plug.known.phase == FollowedPhase.ENDED
        how = session.outcome if is_over else "cut"
        row = SessionItem(-1, session.start_ns, replace(session, vehicle=vehicle, outcome=how))
        if how != "cut":
            return [row]
        event = self._translator.event(plug, "charging_cut", "nothing follows it any more")
        return [SessionItem(-1, found.last_ns, event), row]

    def unfinished(self, channel: int) -> list[SessionItem]:
        """Return the row of the session that is open on `channel`, as if it were over; it stays open."""
        plug = self._plugs[channel]
        made: list[SessionItem] = []
        for change in self.follower.look(channel):
            for time_ns, content in self._translator.rows(plug, change):
                if isinstance(content, Session):
                    content = self._translator.session(plug, change, End.FINISHED)
                made.append(SessionItem(-1, time_ns, content, channel))
        return made

    def move(self, channel: int, by_ns: int) -> None:
        """Add `by_ns` to all stamps of the session on `channel`: the clock was wrong by so much."""
        known, saved = (found_again(moved(numbers, by_ns)) for numbers in self.follower.state(channel))
        self.follower.go_on(channel, known, saved)
        self._plugs[channel].move(by_ns)
