"""The tracker: what the follower tells becomes sessions, their rows and events.

Promises:
- One session has one start, one pack and one row, from the first row that is made of it to the last.
- Rows and events stand right after the row that made them, so they do not depend on batches.
- What it knows of a plug fits MOST_STATE bytes, and goes on in another process.

Pure: no clock, no disk. Relies on `telemetry_core.rules.follower` for transitions in their order.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from math import isfinite, nan
from typing import Any, Final

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.follow_spec import (
    PERCENT,
    TOTALS,
    End,
    FollowedPhase,
    FollowSpec,
    PowerSpec,
    Side,
    SignKind,
    Told,
)
from telemetry_core.rules.follower import Follower, Transition, totals_in

from telemetry.charging.cross_check import CrossCheck, Verdict
from telemetry.charging.facts import edition, facts, station_in, words
from telemetry.charging.follow.table import reasons_of
from telemetry.charging.identity import PackRegister, is_swapped, pack_identity, shown_vin
from telemetry.charging.installation import VinKey, no_key
from telemetry.charging.outcome import SHOW_EDITION, SIDE_NAMES, Word, in_edition, outcome, who_and_why
from telemetry.charging.session import CurvePoint, Phase, Session, SessionError
from telemetry.charging.settings import ChargingSettings
from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.events import Event

MOST_STATE: Final = 2048
_SAME_STAMP_NS = 1_000_000  # a log that begins earlier than the last one is no matter of equal stamps
_MOST_LISTED = 400  # phases and errors of one session that are kept
_MOST_UNWRITTEN = 8  # phases without a row that a state keeps, the newest ones
_VERSION = 1
_NO_SPEC = PowerSpec(Side.METER, 0.0, 0, 0)  # of a plug that is not followed any more
_OF_THE_START = ("start_soc_pct", "station_clock_offset_s")  # which a later attempt does not change
_UNKNOWN, _DOUBTFUL = "charging_protocol_unknown", "charging_current_doubtful"


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase of `session`, to be written under its start."""

    session: Session
    phase: Phase


@dataclass(frozen=True, slots=True)
class CurveRow:
    """One percent of `session`."""

    session: Session
    point: CurvePoint


@dataclass(frozen=True, slots=True)
class PhaseWord:
    """The charger's phase from now on, in the protocol's words."""

    charger: str
    source: str
    phase: str


Content = Event | Session | PhaseRow | CurveRow | PhaseWord


@dataclass(frozen=True, slots=True)
class Made:
    """What is to be written after row `row` of the batch; -1: before all rows."""

    row: int
    time_ns: int
    content: Content
    channel: int = 0


@dataclass(frozen=True, slots=True)
class PlugSettings:
    """One plug: a channel that speaks a charging protocol, or a pack or charger that is watched by power."""

    protocol: str
    pack: str
    charger: str
    source: str  # tag of its events


@dataclass(slots=True)
class _Open:
    """A session under way: all that cannot be said from the follower's totals."""

    start_ns: int
    pack: str
    vehicle_vin: str | None = None
    is_settled: bool = False  # the pack is fixed, and rows may be written
    attempt: int = 1
    phase: int = 0
    phase_ns: int = 0  # its stamp
    since_ns: int = 0  # charging or a pause is counted from here
    is_paused: bool = False
    has_charged: bool = False
    joined: bool = False  # its first sign was one of charging, or of a later phase
    failed_before: bool = False
    is_old: bool | None = None  # by its messages; None: they have not shown it
    charging_ns: int = 0
    paused_ns: int = 0
    words: list[list[Any]] = field(default_factory=list)  # of this attempt: the first of each kind and side
    names: list[str] = field(default_factory=list)  # of signals of stops and errors that show the edition
    facts: dict[str, Any] = field(default_factory=dict)
    curve_ns: int = 0  # the newest stamp of the curve
    gap_s: float = 0.0  # that charging and pauses do not count
    unwritten: list[list[Any]] = field(default_factory=list)  # phases without a row, for the state alone
    cross: list[Any] | None = None


class _Plug:
    """What is known of one plug."""

    def __init__(self, settings: PlugSettings, spec: FollowSpec | PowerSpec) -> None:
        self.settings = settings
        self.spec = spec
        self.open: _Open | None = None
        self.cross: CrossCheck | None = None
        self.phases: list[Phase] = []
        self.unwritten = 0  # phases from this one on have no row yet
        self.errors: list[SessionError] = []
        self.curve: list[CurvePoint] = []
        self.last: dict[str, str | None] = {}  # vehicle and pack of the last session
        self.last_start_ns = 0


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
        self._schema = schema
        self._settings = settings
        self._vehicle = vehicle
        self._vin_key = vin_key
        self._plugs: dict[int, _Plug] = {}
        self._packs = PackRegister()
        self.finished: list[Session] | None = None  # a list of whoever collects those that are over

    def bind(self, channel: int, spec: int, plug: PlugSettings) -> None:
        """Follow `channel` by `specs[spec]`."""
        self.follower.bind(channel, spec)
        self._plugs[channel] = _Plug(plug, self.follower.specs[spec])

    def rename(self, channel: int, plug: PlugSettings) -> None:
        """Where the rows of the plug on `channel` come from is known only now."""
        self._plugs[channel].settings = plug

    @property
    def plugs(self) -> Mapping[int, PlugSettings]:
        """What is followed, by channel."""
        return {channel: plug.settings for channel, plug in self._plugs.items()}

    def follow(self, samples: SampleBatch) -> list[Made]:
        """What these rows make, in their order."""
        found = self.follower.follow(samples)
        return list(self._made(found)) if found else []

    def due(self, channel: int, now_ns: int) -> list[Made]:
        """What ends on `channel` since its bus is silent, at `now_ns` in frame time."""
        return list(self._made(self.follower.due(channel, now_ns)))

    def finish_plug(self, channel: int, end_ns: int) -> list[Made]:
        """What ends on `channel` since its frames have ended; end_ns: stamp of the newest one."""
        return list(self._made(self.follower.finish(channel, end_ns)))

    def finish(self, end_ns: int) -> list[Made]:
        """What ends on all plugs since no row comes any more; end_ns: stamp of the newest frame."""
        return [made for channel in self._plugs for made in self._made(self.follower.finish(channel, end_ns))]

    def _made(self, transitions: Iterable[Transition]) -> Iterator[Made]:
        for transition in transitions:
            plug = self._plugs[transition.channel]
            for time_ns, content in self._contents(plug, transition):
                yield Made(transition.row, time_ns, content, transition.channel)

    def _contents(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        match told.kind:
            case Told.UNKNOWN:
                yield (
                    told.time_ns,
                    self._event(plug, _UNKNOWN, self._raw_words(plug, told)),
                )
            case Told.BEGUN:
                yield from self._begin(plug, told)
            case Told.PHASE:
                yield from self._enter(plug, told)
            case Told.ATTEMPT:
                yield from self._next_attempt(plug, told)
            case Told.ERROR | Told.STOP:
                yield from self._hear_word(plug, told)
            case Told.SILENCE:
                yield told.time_ns, self._event(plug, "charging_silence", _silence_words(plug, told))
            case Told.PAUSED | Told.RESUMED:
                yield from self._pause(plug, told)
            case Told.ROW:
                yield from self._hear_row(plug, told)
            case Told.PERCENT:
                yield from self._percent(plug, told)
            case Told.WINDOW:
                yield from self._window(plug, told)
            case Told.MINUTE:
                self._count_time(_known(plug), told.time_ns)  # which is kept if the clock steps back
                yield from self._rows(plug, told)
            case Told.DOUBT:
                yield (
                    told.time_ns,
                    self._event(plug, _DOUBTFUL, self._raw_words(plug, told)),
                )
            case Told.EDITION:
                sign = _protocol(plug).signs[told.number]
                _known(plug).is_old = sign.kind == SignKind.OLD
            case Told.RESTORED:
                yield from self._restored(plug, told)
            case Told.ENDED:
                yield from self._end(plug, told)

    # --- what is told

    def _begin(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        start_ns = told.time_ns
        if 0 <= plug.last_start_ns - start_ns < _SAME_STAMP_NS:
            start_ns = plug.last_start_ns + 1  # or this session would replace that one
        plug.last_start_ns = start_ns
        plug.open = _Open(start_ns, plug.settings.pack)
        plug.open.is_settled = isinstance(plug.spec, PowerSpec)
        plug.cross = CrossCheck(self._settings.cross_check)
        plug.phases, plug.errors, plug.curve, plug.unwritten = [], [], [], 0
        yield told.time_ns, self._event(plug, "charging_started", f"by {plug.settings.protocol or 'power'}")

    def _enter(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        self._count_time(now, told.time_ns)
        self._close_phase(plug, told.time_ns)
        yield from self._phase_rows(plug, told, closed=True)
        now.joined = now.joined or (told.number >= FollowedPhase.CHARGING and not now.phase_ns)
        now.phase = told.number
        now.phase_ns = max(told.time_ns, now.phase_ns + 1, now.start_ns)
        now.since_ns = told.time_ns
        now.is_paused = False
        if told.number >= FollowedPhase.CHARGING:
            now.has_charged = now.has_charged or told.number == FollowedPhase.CHARGING
        if plug.cross is not None:
            plug.cross.interrupted()
        phase = _phase_name(told.number)
        yield told.time_ns, PhaseWord(plug.settings.charger, plug.settings.source, phase)
        if told.number >= FollowedPhase.CONFIGURATION:
            yield from self._settle(plug, told)
        yield from self._rows(plug, told)

    def _next_attempt(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        self._count_time(now, told.time_ns)
        now.failed_before = now.failed_before or bool(now.words)
        now.words = []
        now.has_charged = False
        now.facts.pop("end_soc_pct", None)  # by an end that was none
        self._close_phase(plug, told.time_ns)
        yield from self._phase_rows(plug, told, closed=True)
        now.phase = 0
        now.attempt = told.number
        yield told.time_ns, self._event(plug, "charging_reconnect", f"attempt {told.number}")

    def _hear_word(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        is_error = told.kind == Told.ERROR
        side = SIDE_NAMES[told.side]
        names = list(reasons_of(_protocol(plug), self._schema.specs, told.number, told.bits))
        now.names = sorted({*now.names, *(SHOW_EDITION & set(names))})
        if [is_error, side] not in [word[:2] for word in now.words]:
            now.words.append([is_error, side, names])
        if is_error:
            self._count_time(now, told.time_ns)
            now.since_ns = 0
            what = ",".join(in_edition(names, side, self._edition(plug)))
            if len(plug.errors) < _MOST_LISTED:
                plug.errors.append(SessionError(told.time_ns, now.attempt, side, what))
            code, text = "charging_error", f"{side}: {what or 'unexplained'}"
        else:
            if sum(not word[0] for word in now.words) > 1:
                yield from self._rows(plug, told)
                return
            by, why = who_and_why([Word(False, side, tuple(names))], self._edition(plug))
            code, text = "charging_stopped", f"{by}: {why}"
        yield told.time_ns, self._event(plug, code, text)
        yield from self._rows(plug, told)

    def _pause(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        self._count_time(now, told.time_ns)
        now.is_paused = told.kind == Told.PAUSED
        if plug.cross is not None:
            plug.cross.interrupted()
        side = SIDE_NAMES[told.side]
        text = f"by the {side}" if now.is_paused else "no longer"
        yield told.time_ns, self._event(plug, "charging_paused", text, active=now.is_paused)

    def _hear_row(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        found = facts(self._schema.specs[told.number], told.raw or {}, told.time_ns)
        first = {name: now.facts[name] for name in _OF_THE_START if name in now.facts}
        now.facts |= {name: value for name, value in found.items() if value is not None} | first
        if found.get("has_brm") and not now.is_settled:
            now.vehicle_vin = shown_vin(found.get("raw_vin") or "", self._settings.vin, self._vin_key)
            now.facts.pop("raw_vin", None)
            identity = pack_identity(found.get("maker") or "", found.get("pack_serial"))
            before = self._packs.refused
            now.pack = self._packs.name(identity, plug.settings.pack)
            yield from self._settle(plug, told)
            if self._packs.refused > before:
                text = f"{identity} is one pack too many for this vehicle: it is called {now.pack}"
                yield told.time_ns, self._event(plug, "pack_swapped", text, level=Level.WARNING)
            elif is_swapped(plug.last, now.vehicle_vin, identity and now.pack):
                text = f"from {plug.last['pack']} to {now.pack}"
                yield told.time_ns, self._event(plug, "pack_swapped", text)
            plug.last = {"pack": (identity and now.pack) or plug.last.get("pack"), "vin": now.vehicle_vin}
        now.facts.pop("raw_vin", None)

    def _percent(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        values = {
            name: value if isfinite(value) else None for name, value in zip(PERCENT, told.values, strict=True)
        }
        side = "vehicle" if values["vehicle_s"] else "charger"
        covered_s, energy_wh = values[f"{side}_s"] or 0.0, values[f"{side}_wh"] or 0.0
        at_ns = max(told.since_ns, now.curve_ns + 1)
        now.curve_ns = at_ns
        point = CurvePoint(
            at_ns,
            float(told.number),
            power_w=energy_wh * 3600 / covered_s if covered_s else None,
            voltage_v=values[f"{side}_v"],
            current_a=values[f"{side}_a"],
            temp_max_c=values["temp_max_c"],
            cell_min_v=values["cell_min_v"],
            cell_max_v=values["cell_max_v"],
            duration_s=covered_s or max(0, told.time_ns - told.since_ns) / 1e9,
            energy_wh=energy_wh if covered_s else None,
        )
        if len(plug.curve) < _MOST_LISTED:
            plug.curve.append(point)
        yield from self._settle(plug, told)
        yield at_ns, CurveRow(self._session(plug, told), point)

    def _window(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        if plug.cross is None:
            return
        for verdict in plug.cross.judge(told.values, told.since_ns, told.time_ns):
            yield told.time_ns, self._verdict(plug, verdict)

    def _verdict(self, plug: _Plug, verdict: Verdict) -> Event:
        return self._event(plug, verdict.code, verdict.text, active=verdict.active)

    def _restored(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        gap_s = told.totals[TOTALS.index("gap_s")]
        if now.phase == FollowedPhase.CHARGING:
            now.since_ns = now.since_ns and now.since_ns + round((gap_s - now.gap_s) * 1e9)
        now.gap_s = gap_s
        yield from self._rows(plug, told)

    def _end(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        now = _known(plug)
        self._count_time(now, told.time_ns)
        self._close_phase(plug, told.time_ns)
        yield from self._settle(plug, told)
        if plug.cross is not None:
            for verdict in plug.cross.end():
                yield told.time_ns, self._verdict(plug, verdict)
        session = self._session(plug, told, End(told.number))
        if session.outcome == "cut":
            why = "the next session begins" if told.number == End.NEXT else "the bus fell silent"
            yield told.time_ns, self._event(plug, "charging_cut", why)
        yield from self._phase_rows(plug, told, closed=True, session=session)
        yield session.start_ns, session
        if self.finished is not None:
            self.finished.append(session)
        plug.open = plug.cross = None
        plug.phases, plug.errors, plug.curve = [], [], []

    # --- time

    @staticmethod
    def _count_time(now: _Open, until_ns: int) -> None:
        """Charging or a pause has lasted until here."""
        if now.phase == FollowedPhase.CHARGING and now.since_ns:
            lasted_ns = max(0, until_ns - now.since_ns)
            if now.is_paused:
                now.paused_ns += lasted_ns
            else:
                now.charging_ns += lasted_ns
            now.since_ns = until_ns

    @staticmethod
    def _close_phase(plug: _Plug, until_ns: int) -> None:
        if len(plug.phases) < _MOST_LISTED:
            plug.phases += _running_phase(_known(plug), until_ns)

    # --- rows

    def _settle(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        """The pack is fixed from here on: what waited for it is written."""
        now = _known(plug)
        if not now.is_settled:
            now.is_settled = True
            yield from self._phase_rows(plug, told, closed=True)

    def _rows(self, plug: _Plug, told: Transition) -> Iterator[tuple[int, Content]]:
        """The open session as it is, and its phase."""
        now = _known(plug)
        if not now.is_settled:
            return
        session = self._session(plug, told)
        yield session.start_ns, session
        yield from self._phase_rows(plug, told, session=session)

    def _phase_rows(
        self, plug: _Plug, told: Transition, *, closed: bool = False, session: Session | None = None
    ) -> Iterator[tuple[int, Content]]:
        """Those that have ended since the last time; unless `closed` the one under way, too."""
        now = _known(plug)
        if not now.is_settled:
            return
        session = session or self._session(plug, told)
        for phase in plug.phases[plug.unwritten :]:
            yield phase.start_ns, PhaseRow(session, phase)
        plug.unwritten = len(plug.phases)
        for phase in () if closed else _running_phase(now, told.time_ns):
            yield phase.start_ns, PhaseRow(session, phase)

    def _edition(self, plug: _Plug) -> str | None:
        now = _known(plug)
        return edition(now.is_old, now.names) if plug.settings.protocol == "gbt27930" else None

    def _session(self, plug: _Plug, told: Transition, end: End | None = None) -> Session:
        """The session as it is at this transition; end: it is over."""
        now = _known(plug)
        totals = {name: value for name, value in zip(TOTALS, told.totals, strict=True) if isfinite(value)}
        edition_ = self._edition(plug)
        said = [Word(is_error, by, tuple(names)) for is_error, by, names in now.words]
        side, why = who_and_why(said, edition_)
        duration_s = max(0, told.time_ns - now.start_ns) / 1e9
        charging_ns, paused_ns = now.charging_ns, now.paused_ns
        if end is None and now.phase == FollowedPhase.CHARGING and now.since_ns:
            running_ns = max(0, told.time_ns - now.since_ns)
            charging_ns, paused_ns = (
                (charging_ns, paused_ns + running_ns)
                if now.is_paused
                else (charging_ns + running_ns, paused_ns)
            )
        known = now.facts
        values: dict[str, Any] = {
            **_energies(totals, duration_s),
            **_electrical(totals, known),
            **(plug.cross.fields() if plug.cross else {}),
            "charging_s": charging_ns / 1e9,
            "paused_s": paused_ns / 1e9,
            "gap_s": totals.get("gap_s", 0.0),
            "attempts": now.attempt,
            "protocol": plug.settings.protocol or None,
            "edition": edition_,
            "vin": now.vehicle_vin,
        }
        for name in (
            *("maker", "battery_type", "rated_ah", "station_energy_wh"),
            *("max_current_a", "max_voltage_v", "station_clock_offset_s"),
        ):
            values[name] = known.get(name)
        values["station"] = station_in(edition_, known.get("station"))
        return Session(
            start_ns=now.start_ns,
            end_ns=None if end is None else max(told.time_ns, now.start_ns),
            vehicle=self._vehicle,
            pack=now.pack,
            charger=plug.settings.charger,
            open=end is None,
            duration_s=duration_s,
            stop_side=side,
            stop_reason=why,
            outcome=None if end is None else self._outcome(now, said, end),
            phases=(*plug.phases, *(_running_phase(now, told.time_ns) if end is None else ())),
            errors=tuple(plug.errors),
            curve=tuple(plug.curve),
            **{name: _rounded(value) for name, value in values.items() if value is not None},
        )

    @staticmethod
    def _outcome(now: _Open, said: Sequence[Word], end: End) -> str:
        return outcome(
            end,
            said,
            has_statistics=now.phase == FollowedPhase.ENDED,
            has_charged=now.has_charged or now.phase >= FollowedPhase.CHARGING,
            failed_before=now.failed_before,
        )

    def _event(
        self, plug: _Plug, code: str, text: str, *, active: bool = True, level: Level | None = None
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

    def _raw_words(self, plug: _Plug, told: Transition) -> str:
        record = self._schema.specs[_protocol(plug).signs[told.number].record]
        return f"{SIDE_NAMES[told.side]}: {words(record, told.raw or {}) or 'no values'}"

    # --- what survives

    def state(self, channel: int) -> bytes:
        """What is known of an open session, at most MOST_STATE bytes; empty: none is open."""
        plug = self._plugs[channel]
        if plug.open is None:
            return b""
        now = replace(
            plug.open,
            cross=plug.cross.to_json() if plug.cross else None,
            unwritten=[list(astuple(phase)) for phase in plug.phases[plug.unwritten :][-_MOST_UNWRITTEN:]],
        )
        known = {name: getattr(now, name) for name in _Open.__slots__}
        named = [self._vehicle, plug.settings.charger, plug.settings.protocol, plug.settings.source]
        last_ns = self.follower.last_ns(channel)
        parts = [_VERSION, plug.last, plug.last_start_ns, known, named, last_ns]
        head = json.dumps(parts, separators=(",", ":")).encode()
        body = len(head).to_bytes(4, "little") + head + self.follower.state(channel)
        return zlib.compress(body, 1)

    def restore(self, channel: int, state: bytes) -> None:
        """Go on with the session of `state`. Raises ValueError for bytes of another kind or version."""
        plug = self._plugs[channel]
        found = _unpacked(state)
        if found.vehicle != self._vehicle:
            raise ValueError("the state is of another vehicle")
        if not self.follower.restore(channel, found.follower):
            raise ValueError("the state is of another configuration or version")
        plug.last, plug.last_start_ns = found.last, found.last_start_ns
        plug.open = _Open(**found.known)
        cross = plug.open.cross
        plug.cross = CrossCheck.from_json(self._settings.cross_check, cross) if cross else None
        plug.open.cross = None
        plug.phases, plug.errors, plug.curve, plug.unwritten = [], [], [], 0
        plug.phases += (Phase(*phase) for phase in plug.open.unwritten)
        plug.open.unwritten = []

    def has_ended(self, channel: int) -> bool:
        """Whether both ends have finished the session that is open on `channel`."""
        now = self._plugs[channel].open
        return now is not None and now.phase == FollowedPhase.ENDED

    def joined(self, channel: int) -> int | None:
        """The start of the session that is open on `channel`, if it was heard from its middle on alone."""
        now = self._plugs[channel].open
        return now.start_ns if now is not None and now.joined else None

    def close(self, state: bytes) -> list[Made]:
        """The end of a session that no plug goes on with: `cut`, unless a side had said why.

        Raises ValueError as `restore` does.
        """
        found = _unpacked(state)
        known = _Open(**found.known)
        plug = _Plug(PlugSettings(found.protocol, known.pack, found.charger, found.source), _NO_SPEC)
        plug.open = known
        if known.cross:
            plug.cross = CrossCheck.from_json(self._settings.cross_check, known.cross)
        totals = totals_in(found.follower) or (nan,) * len(TOTALS)  # then the row before has what was known
        told = Transition(-1, found.last_ns, 0, Told.ENDED, End.SILENCE, 0, 0, 0, (), totals, None)
        session = self._session(plug, told, End.SILENCE)
        how = session.outcome if session.stop_side or plug.open.phase == FollowedPhase.ENDED else "cut"
        row = Made(-1, session.start_ns, replace(session, vehicle=found.vehicle, outcome=how))
        if how != "cut":
            return [row]
        event = self._event(plug, "charging_cut", "nothing follows it any more")
        return [Made(-1, found.last_ns, event), row]

    def unfinished(self, channel: int) -> list[Made]:
        """The row of the session that is open on `channel`, as if it were over; it stays open."""
        plug = self._plugs[channel]
        made: list[Made] = []
        for told in self.follower.look(channel):
            for time_ns, content in self._rows(plug, told):
                if isinstance(content, Session):
                    content = self._session(plug, told, End.FINISHED)
                made.append(Made(-1, time_ns, content, channel))
        return made

    def move(self, channel: int, by_ns: int) -> None:
        """Add `by_ns` to all stamps of the session on `channel`: the clock was wrong by so much."""
        plug = self._plugs[channel]
        self.follower.move(channel, by_ns)
        plug.phases = [replace(phase, start_ns=phase.start_ns + by_ns) for phase in plug.phases]
        plug.errors = [replace(error, at_ns=error.at_ns + by_ns) for error in plug.errors]
        plug.curve = [replace(point, at_ns=point.at_ns + by_ns) for point in plug.curve]
        now = plug.open
        if now is not None:
            for name in ("start_ns", "phase_ns", "since_ns", "curve_ns"):
                if known_ns := getattr(now, name):
                    setattr(now, name, known_ns + by_ns)
            if (offset_s := now.facts.get("station_clock_offset_s")) is not None:
                now.facts["station_clock_offset_s"] = offset_s - by_ns / 1e9
            plug.last_start_ns = now.start_ns
        if plug.cross is not None:
            plug.cross.move(by_ns)


@dataclass(frozen=True, slots=True)
class _State:
    """What the bytes of a state say."""

    last: dict[str, str | None]
    last_start_ns: int
    known: dict[str, Any]
    vehicle: str
    charger: str
    protocol: str
    source: str
    last_ns: int  # stamp of the last sign
    follower: bytes


def _unpacked(state: bytes) -> _State:
    try:
        body = zlib.decompress(state)
        length = int.from_bytes(body[:4], "little")
        version, last, last_start_ns, known, named, last_ns = json.loads(body[4 : 4 + length])
    except (zlib.error, ValueError, TypeError) as error:
        raise ValueError("the state is damaged") from error
    if version != _VERSION:
        raise ValueError(f"the state is of version {version}, and not {_VERSION}")
    vehicle, charger, protocol, source = named
    return _State(last, last_start_ns, known, vehicle, charger, protocol, source, last_ns, body[4 + length :])


def has_ended(state: bytes) -> bool:
    """Whether both ends have finished the session of `state`; a damaged one says nothing."""
    try:
        return bool(_unpacked(state).known["phase"] == FollowedPhase.ENDED)
    except ValueError:
        return False


def _rounded(value: Any) -> Any:
    """A number without the digits that nobody measured."""
    return round(value, 6) + 0.0 if isinstance(value, float) else value


def _known(plug: _Plug) -> _Open:
    if plug.open is None:
        raise ValueError("the follower tells of a session only while it is open")
    return plug.open


def _protocol(plug: _Plug) -> FollowSpec:
    if isinstance(plug.spec, PowerSpec):
        raise TypeError("power alone has no signs")
    return plug.spec


def _phase_name(number: int) -> str:
    return FollowedPhase(number).name.lower()


def _running_phase(now: _Open, at_ns: int) -> Iterator[Phase]:
    """Yield the phase that is under way, if there is one, as long as it has lasted."""
    if now.phase:
        yield Phase(now.attempt, _phase_name(now.phase), now.phase_ns, max(0, at_ns - now.phase_ns) / 1e9)


def _silence_words(plug: _Plug, told: Transition) -> str:
    deadline = _protocol(plug).deadlines[told.number]
    awaited = _protocol(plug).signs[deadline.awaited].name
    return f"nothing heard of {awaited} for {deadline.limit_ns / 1e9:.1f} s"


def _energies(totals: Mapping[str, float], duration_s: float) -> dict[str, Any]:
    """Energy, charge and power: of each side, and of the best of them."""
    found: dict[str, Any] = {}
    covered = {side: totals.get(f"covered_{side}_s", 0.0) for side in ("meter", "charger", "vehicle")}
    for side, covered_s in covered.items():
        if covered_s:
            found[f"energy_{side}_wh"] = totals.get(f"energy_{side}_wh")
            found[f"covered_{side}_s"] = covered_s
    most_s = max(covered.values())
    best = next((side for side, covered_s in covered.items() if covered_s >= 0.9 * most_s > 0), None)
    if best:
        found["energy_wh"] = totals.get(f"energy_{best}_wh")
        found["charged_ah"] = totals.get(f"charged_{best}_ah")
        found["peak_power_w"] = totals.get(f"peak_{best}_w")
        if duration_s and found["energy_wh"] is not None:
            found["mean_power_w"] = found["energy_wh"] * 3600 / duration_s
    return found


def _electrical(totals: Mapping[str, float], known: Mapping[str, Any]) -> dict[str, Any]:
    """States at start and end, what was asked for, and differences over common time."""
    common_s = totals.get("common_s", 0.0)
    found: dict[str, Any] = {
        "start_soc_pct": known.get("start_soc_pct", totals.get("start_soc_pct")),
        "end_soc_pct": known.get("end_soc_pct", totals.get("end_soc_pct")),
        "start_temp_max_c": totals.get("start_temp_max_c"),
        "end_temp_max_c": totals.get("end_temp_max_c"),
        "cell_max_v": totals.get("cell_max_v"),
        "requested_max_a": totals.get("requested_max_a"),
    }
    if common_s:
        vehicle_wh = totals.get("common_vehicle_wh", 0.0)
        if vehicle_wh:
            difference_wh = totals.get("common_charger_wh", 0.0) - vehicle_wh
            found["energy_difference_pct"] = 100 * difference_wh / vehicle_wh
        if "common_current_as" in totals:
            found["current_difference_mean_a"] = totals["common_current_as"] / common_s
        if "common_voltage_vs" in totals:
            found["voltage_difference_mean_v"] = totals["common_voltage_vs"] / common_s
    return found
