"""Translates the follower's changes at a plug into its session, rows and events.

Promises:
- One session has one start, one pack and one row, from the first row that is made of it to the last.
- What is written at a stamp stands right after the row that made it.

Pure: no clock, no disk. Relies on changes in their order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from math import isfinite
from typing import Any, Final

from telemetry_core.charge.follow_spec import (
    PERCENT,
    TOTALS,
    ChangeKind,
    End,
    FollowedPhase,
    PlugChange,
    PowerSpec,
    SignKind,
)
from telemetry_core.rows.schema import Schema

from telemetry.charging.cross_check import CrossCheck, Verdict
from telemetry.charging.facts import facts, words
from telemetry.charging.identity import (
    PackRegister,
    is_reachable,
    is_same,
    is_swapped,
    pack_identity,
    shown_vin,
)
from telemetry.charging.installation import VinKey
from telemetry.charging.items import Content, CurveRow, Named, PhaseRow, PhaseWord
from telemetry.charging.outcome import SHOW_EDITION, SIDE_NAMES, Word, in_edition, who_and_why
from telemetry.charging.plug import MOST_LISTED, Plug, phase_name
from telemetry.charging.record import session_of
from telemetry.charging.session import CurvePoint, Session, SessionError
from telemetry.charging.settings import ChargingSettings
from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.events import Event

_OF_THE_START: Final = ("start_soc_pct", "station_clock_offset_s")  # which a later attempt does not change
_UNKNOWN, _DOUBTFUL = "charging_protocol_unknown", "charging_current_doubtful"


class Translator:
    """Takes changes of all plugs of one vehicle."""

    def __init__(self, schema: Schema, settings: ChargingSettings, vehicle: str, vin_key: VinKey) -> None:
        """Translate what follows rows of `schema`; vin_key: with which this installation makes digests."""
        self._schema = schema
        self._settings = settings
        self._vehicle = vehicle
        self._vin_key = cache(vin_key)
        self.packs = PackRegister()
        self.finished: list[Session] | None = None  # where sessions that are over are collected
        self.named: list[Named] | None = None  # likewise who a pack is

    def contents(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        """Yield what is to be written, each with its stamp."""
        match change.kind:
            case ChangeKind.UNKNOWN:
                yield (
                    change.time_ns,
                    self.event(plug, _UNKNOWN, self._raw_words(plug, change)),
                )
            case ChangeKind.BEGUN:
                yield from self._begin(plug, change)
            case ChangeKind.PHASE:
                yield from self._enter(plug, change)
            case ChangeKind.ATTEMPT:
                yield from self._next_attempt(plug, change)
            case ChangeKind.ERROR | ChangeKind.STOP:
                yield from self._hear_word(plug, change)
            case ChangeKind.SILENCE:
                yield change.time_ns, self.event(plug, "charging_silence", _silence_words(plug, change))
            case ChangeKind.PAUSED | ChangeKind.RESUMED:
                yield from self._pause(plug, change)
            case ChangeKind.ROW:
                yield from self._hear_row(plug, change)
            case ChangeKind.PERCENT:
                yield from self._percent(plug, change)
            case ChangeKind.WINDOW:
                yield from self._window(plug, change)
            case ChangeKind.MINUTE:
                plug.known.count_time(change.time_ns)  # which is kept if the clock steps back
                plug.known.count_phase(change.time_ns)
                yield from self.rows(plug, change)
            case ChangeKind.DOUBT:
                yield (
                    change.time_ns,
                    self.event(plug, _DOUBTFUL, self._raw_words(plug, change)),
                )
            case ChangeKind.EDITION:
                sign = plug.protocol.signs[change.number]
                plug.known.is_old = sign.kind == SignKind.OLD
            case ChangeKind.RESTORED:
                yield from self._restored(plug, change)
            case ChangeKind.ENDED:
                yield from self._end(plug, change)

    def is_another(self, plug: Plug, change: PlugChange) -> bool:
        """Return whether the row shows another vehicle: by its names, or by its state of charge."""
        found = self._facts(change)
        if found.get("has_brm"):
            return self._is_same(plug, found) is False
        before, soc_pct = plug.doubt, found.get("configured_soc_pct")
        if before is None or soc_pct is None or not plug.known.doubted_ns:
            return False
        last_pct = before.numbers["soc"]
        if not isfinite(last_pct):
            last_pct = before.known.facts.get("configured_soc_pct", soc_pct)
        rise_s = (change.time_ns - before.numbers["last_ns"]) / 1e9
        return not is_reachable(last_pct, soc_pct, rise_s, before.known.facts)

    def _is_same(self, plug: Plug, found: Mapping[str, Any]) -> bool | None:
        """Return whether what a BRM says is of the session's vehicle; None: it does not tell."""
        now = plug.known
        has_brm = now.facts.get("has_brm")
        return is_same((found["vin"], found), (now.vehicle_vin, now.facts)) if has_brm else None

    def _facts(self, change: PlugChange) -> dict[str, Any]:
        """Return what a row says, with the vehicle's number as it may be kept."""
        found = facts(self._schema.specs[change.number], change.raw or {}, change.time_ns)
        if found.get("has_brm"):
            form = "digest" if self._settings.vin == "off" else self._settings.vin
            found["vin"] = shown_vin(found.pop("raw_vin") or "", form, self._vin_key)
        return found

    # --- changes

    def _begin(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        plug.begin(change.time_ns, CrossCheck(self._settings.cross_check))
        yield change.time_ns, self.event(plug, "charging_started", f"by {plug.settings.protocol or 'power'}")

    def _enter(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        now = plug.known
        now.count_time(change.time_ns)
        plug.close_phase(change.time_ns)
        yield from self._phase_rows(plug, change, closed=True)
        now.joined = now.joined or (change.number >= FollowedPhase.CHARGING and not now.phase_ns)
        now.phase = change.number
        now.phase_ns = max(change.time_ns, now.phase_ns + 1, now.start_ns)
        now.phase_from_ns, now.phase_before_ns = change.time_ns, 0
        now.since_ns = change.time_ns
        now.is_paused = False
        if change.number >= FollowedPhase.CHARGING:
            now.has_charged = now.has_charged or change.number == FollowedPhase.CHARGING
        if plug.cross is not None:
            plug.cross.interrupted()
        phase = phase_name(change.number)
        yield change.time_ns, PhaseWord(plug.settings.charger, plug.settings.source, phase)
        if change.number >= FollowedPhase.CONFIGURATION:
            yield from self._believe(plug)
            yield from self._settle(plug, change)
        if not isinstance(plug.spec, PowerSpec):  # it shows some time after it began: a MINUTE follows
            yield from self.rows(plug, change)

    def _next_attempt(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        now = plug.known
        now.count_time(change.time_ns)
        now.words_before, now.words = now.words or now.words_before, []
        now.has_charged = False
        now.facts.pop("end_soc_pct", None)  # of an end that has not held
        plug.close_phase(change.time_ns)
        yield from self._phase_rows(plug, change, closed=True)
        now.phase = 0
        now.attempt = change.number
        now.doubted_ns = change.time_ns

    def _believe(self, plug: Plug) -> Iterator[tuple[int, Content]]:
        """Write the attempt under way: it is the same vehicle's, or nobody will ever know."""
        now = plug.known
        if now.doubted_ns:
            yield now.doubted_ns, self.event(plug, "charging_reconnect", f"attempt {now.attempt}")
            now.doubted_ns = 0

    def _hear_word(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        now = plug.known
        is_error = change.kind == ChangeKind.ERROR
        side = SIDE_NAMES[change.side]
        names = self._reasons(plug, change)
        now.names = sorted({*now.names, *(SHOW_EDITION & set(names))})
        if [is_error, side] not in [word[:2] for word in now.words]:
            now.words.append([is_error, side, names])
        if is_error:
            yield from self._believe(plug)
            now.count_time(change.time_ns)
            now.since_ns = 0
            what = ",".join(in_edition(names, side, plug.edition))
            if len(plug.errors) < MOST_LISTED:
                plug.errors.append(SessionError(change.time_ns, now.attempt, side, what))
            code, text = "charging_error", f"{side}: {what or 'unexplained'}"
        else:
            if sum(not word[0] for word in now.words) > 1:
                yield from self.rows(plug, change)
                return
            by, why = who_and_why([Word(False, side, tuple(names))], plug.edition)
            code, text = "charging_stopped", f"{by}: {why}"
        yield change.time_ns, self.event(plug, code, text)
        yield from self.rows(plug, change)

    def _pause(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        now = plug.known
        now.count_time(change.time_ns)
        now.is_paused = change.kind == ChangeKind.PAUSED
        if plug.cross is not None:
            plug.cross.interrupted()
        side = SIDE_NAMES[change.side]
        text = f"by the {side}" if now.is_paused else "no longer"
        yield change.time_ns, self.event(plug, "charging_paused", text, active=now.is_paused)

    def _hear_row(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        found = self._facts(change)
        if found.get("has_brm") and self._is_same(plug, found):
            yield from self._believe(plug)
        if plug.before is not None:
            plug.before.said |= found
        yield from self.take_facts(plug, change, found)

    def take_facts(
        self, plug: Plug, change: PlugChange, found: Mapping[str, Any]
    ) -> Iterator[tuple[int, Content]]:
        """Take what messages have said into the session, and yield what that makes."""
        now = plug.known
        first = {name: now.facts[name] for name in _OF_THE_START if name in now.facts}
        soc_pct = change.totals[TOTALS.index("start_soc_pct")]
        if (now.joined or now.charging_ns) and isfinite(soc_pct):  # no message before charging gave one
            first.setdefault("start_soc_pct", soc_pct)
        now.facts |= {name: value for name, value in found.items() if value is not None} | first
        vin = now.facts.pop("vin", None)
        now.vehicle_vin = now.vehicle_vin or vin  # a reconnect's, where the first BRM is lost
        if found.get("has_brm") and not now.is_settled:
            identity = pack_identity(found.get("maker") or "", found.get("pack_serial"))
            before = self.packs.refused
            now.pack = self.packs.name(identity, plug.settings.pack)
            yield from self._settle(plug, change)
            if self.packs.refused > before:
                text = f"{identity} is one pack too many for this vehicle: it is called {now.pack}"
                yield change.time_ns, self.event(plug, "pack_swapped", text, level=Level.WARNING)
            elif is_swapped(plug.last, now.vehicle_vin, identity and now.pack):
                text = f"from {plug.last['pack']} to {now.pack}"
                yield change.time_ns, self.event(plug, "pack_swapped", text)
            plug.last = {"pack": (identity and now.pack) or plug.last.get("pack"), "vin": now.vehicle_vin}
            if self.named is not None:
                name, rated_ah = (identity and now.pack) or "", found.get("rated_ah") or 0.0
                self.named.append(Named(change.row, plug.settings.pack, name, rated_ah))

    def _percent(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        now = plug.known
        values = {
            name: value if isfinite(value) else None
            for name, value in zip(PERCENT, change.values, strict=True)
        }
        side = "vehicle" if values["vehicle_s"] else "charger"
        covered_s, energy_wh = values[f"{side}_s"] or 0.0, values[f"{side}_wh"] or 0.0
        at_ns = max(change.since_ns, now.curve_ns + 1)
        now.curve_ns = at_ns
        point = CurvePoint(
            at_ns,
            float(change.number),
            power_w=energy_wh * 3600 / covered_s if covered_s else None,
            voltage_v=values[f"{side}_v"],
            current_a=values[f"{side}_a"],
            temp_max_c=values["temp_max_c"],
            cell_min_v=values["cell_min_v"],
            cell_max_v=values["cell_max_v"],
            duration_s=covered_s or max(0, change.time_ns - change.since_ns) / 1e9,
            energy_wh=energy_wh if covered_s else None,
        )
        if len(plug.curve) < MOST_LISTED:
            plug.curve.append(point)
        yield from self._settle(plug, change)
        yield at_ns, CurveRow(self.session(plug, change), point)

    def _window(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        if plug.cross is None:
            return
        for verdict in plug.cross.judge(
            change.values, change.since_ns, change.time_ns, counts=not change.number
        ):
            yield change.time_ns, self._verdict(plug, verdict)

    def _verdict(self, plug: Plug, verdict: Verdict) -> Event:
        return self.event(plug, verdict.code, verdict.text, active=verdict.active)

    def _restored(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        now = plug.known
        gap_s = change.totals[TOTALS.index("gap_s")]
        gap_ns = round((gap_s - now.gap_s) * 1e9)
        if now.phase == FollowedPhase.CHARGING:
            now.since_ns = now.since_ns and now.since_ns + gap_ns
        if change.number:  # the clock was set: the phase has not lasted any longer
            now.phase_from_ns = (now.phase_from_ns or now.phase_ns) + gap_ns
        now.gap_s = gap_s
        yield from self.rows(plug, change)

    def _end(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        now = plug.known
        yield from self._believe(plug)
        now.count_time(change.time_ns)
        plug.close_phase(change.time_ns)
        yield from self._settle(plug, change)
        if plug.cross is not None:
            for verdict in plug.cross.end():
                yield change.time_ns, self._verdict(plug, verdict)
        session = self.session(plug, change, End(change.number))
        if session.outcome == "cut":
            why = "the next session begins" if change.number == End.NEXT else "the bus fell silent"
            yield change.time_ns, self.event(plug, "charging_cut", why)
        yield from self._phase_rows(plug, change, closed=True, session=session)
        yield session.start_ns, session
        if self.finished is not None:
            self.finished.append(session)
        plug.end()

    # --- rows

    def _settle(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        """Fix the pack, and write what waited for that."""
        now = plug.known
        if not now.is_settled:
            now.is_settled = True
            yield from self._phase_rows(plug, change, closed=True)

    def rows(self, plug: Plug, change: PlugChange) -> Iterator[tuple[int, Content]]:
        """Yield the open session as it is, and its phase."""
        now = plug.known
        if not now.is_settled:
            return
        session = self.session(plug, change)
        yield session.start_ns, session
        yield from self._phase_rows(plug, change, session=session)

    def _phase_rows(
        self, plug: Plug, change: PlugChange, *, closed: bool = False, session: Session | None = None
    ) -> Iterator[tuple[int, Content]]:
        """Yield those that have ended since the last time; unless `closed` the one under way, too."""
        now = plug.known
        if not now.is_settled:
            return
        session = session or self.session(plug, change)
        for phase in plug.phases[plug.unwritten :]:
            yield phase.start_ns, PhaseRow(session, phase)
        plug.unwritten = len(plug.phases)
        for phase in () if closed or now.doubted_ns else now.running_phase(change.time_ns):
            yield phase.start_ns, PhaseRow(session, phase)

    def session(self, plug: Plug, change: PlugChange, end: End | None = None) -> Session:
        session = session_of(plug, change, self._vehicle, end)
        return replace(session, vin=None) if self._settings.vin == "off" else session

    def event(
        self, plug: Plug, code: str, text: str, *, active: bool = True, level: Level | None = None
    ) -> Event:
        usual = EVENT_CODES[code].level if active else Level.INFORMATION
        return Event(
            code,
            usual if level is None else level,
            active=active,
            text=text,
            source=plug.settings.source,
            charger=plug.settings.charger,
        )

    def _reasons(self, plug: Plug, change: PlugChange) -> list[str]:
        """Return the signals that a stop or an error gives as its reasons."""
        sign = plug.protocol.signs[change.number]
        record = self._schema.specs[plug.protocol.records[sign.message]]
        places = {field.name: place for place, field in enumerate(record.fields)}
        return [name for name in sign.reasons if change.bits >> places[name] - places[sign.reasons[0]] & 1]

    def _raw_words(self, plug: Plug, change: PlugChange) -> str:
        message = plug.protocol.signs[change.number].message
        record = self._schema.specs[plug.protocol.records[message]]
        return f"{SIDE_NAMES[change.side]}: {words(record, change.raw or {}) or 'no values'}"


def _silence_words(plug: Plug, change: PlugChange) -> str:
    deadline = plug.protocol.deadlines[change.number]
    return f"nothing heard of {deadline.awaited} for {deadline.limit_ns / 1e9:.1f} s"
