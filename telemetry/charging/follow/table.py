"""What a listener knows of a charging protocol, by the names of its messages and signals.

A table says which message leads into which phase, which begins, ends or pauses something, and what is due.
`spec` finds the names in the records of a plan, for the compiled Follower.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry_core.charge.follow_spec import (
    Deadline,
    FollowedPhase,
    FollowSpec,
    Reporting,
    Side,
    Sign,
    SignKind,
)
from telemetry_core.rows.spec import RecordSpec

NO_FIELD = -1


@dataclass(frozen=True, slots=True)
class SignEntry:
    """One sign; see `follow_spec.Sign`. `when` is a signal and its raw value."""

    name: str
    message: str
    side: Side
    phase: FollowedPhase = FollowedPhase.NONE
    kind: SignKind = SignKind.HEARD
    when: tuple[str, int] | None = None
    lacks: str = ""
    zeros: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # in the order of the message
    from_phase: FollowedPhase = FollowedPhase.NONE
    to_phase: FollowedPhase = FollowedPhase.ENDED
    unless: str = ""
    after: str = ""
    is_optional: bool = False  # a decoder may lack the message


@dataclass(frozen=True, slots=True)
class DeadlineEntry:
    """One deadline; see `follow_spec.Deadline`. `awaited` and `since` are names of signs."""

    awaited: str
    limit_s: float
    first_phase: FollowedPhase
    last_phase: FollowedPhase
    since: str = ""
    is_periodic: bool = False
    once_heard: bool = False


@dataclass(frozen=True, slots=True)
class FollowTable:
    """One protocol."""

    protocol: str
    signs: tuple[SignEntry, ...]
    deadlines: tuple[DeadlineEntry, ...] = ()
    reported: Mapping[str, Reporting] | None = None  # by message
    minutes: tuple[str, str] | None = None  # message and signal of the minutes that the charger counts

    def spec(self, records: Sequence[RecordSpec], bus: int) -> FollowSpec:
        """Return what the names are in `records`. Raises KeyError for one that is not there."""
        places = {record.measurement: number for number, record in enumerate(records)}
        found = [
            entry
            for entry in self.signs
            if not entry.is_optional or f"{self.protocol}_{entry.message}" in places
        ]
        numbers = {entry.name: number for number, entry in enumerate(found)}

        def record_of(message: str) -> int:
            return places[f"{self.protocol}_{message}"]

        def field_of(message: str, signal: str) -> int:
            return [field.name for field in records[record_of(message)].fields].index(signal)

        def mask_of(entry: SignEntry) -> int:
            first = range_of(entry, entry.reasons)[0]
            return sum(1 << field_of(entry.message, signal) - first for signal in entry.reasons)

        def range_of(entry: SignEntry, signals: Sequence[str]) -> tuple[int, int]:
            if not signals:
                return (0, 0)
            fields = [field_of(entry.message, signal) for signal in signals]
            return (fields[0], fields[-1] - fields[0] + 1)

        def sign(entry: SignEntry) -> Sign:
            when = entry.when
            return Sign(
                entry.name,
                record_of(entry.message),
                entry.side,
                entry.phase,
                entry.kind,
                field=field_of(entry.message, when[0]) if when else NO_FIELD,
                value=when[1] if when else 0,
                lacks=field_of(entry.message, entry.lacks) if entry.lacks else NO_FIELD,
                zeros=range_of(entry, entry.zeros),
                reasons=range_of(entry, entry.reasons),
                reason_mask=mask_of(entry),
                from_phase=entry.from_phase,
                to_phase=entry.to_phase,
                unless=numbers[entry.unless] if entry.unless else NO_FIELD,
                after=numbers[entry.after] if entry.after else NO_FIELD,
            )

        minutes = (NO_FIELD, NO_FIELD)
        if self.minutes is not None:
            minutes = (record_of(self.minutes[0]), field_of(*self.minutes))
        return FollowSpec(
            self.protocol,
            bus,
            tuple(sign(entry) for entry in found),
            tuple(
                Deadline(
                    numbers[one.awaited],
                    round(one.limit_s * 1e9),
                    one.first_phase,
                    one.last_phase,
                    numbers[one.since] if one.since else NO_FIELD,
                    one.is_periodic,
                    one.once_heard,
                )
                for one in self.deadlines
            ),
            tuple((record_of(message), reporting) for message, reporting in (self.reported or {}).items()),
            minutes,
        )


def reasons_of(spec: FollowSpec, records: Sequence[RecordSpec], sign: int, bits: int) -> Iterator[str]:
    """Return the names of the signals that `bits` of a change stand for."""
    first, count = spec.signs[sign].reasons
    fields = records[spec.signs[sign].record].fields
    for number in range(count):
        if bits >> number & 1:
            yield fields[first + number].name
