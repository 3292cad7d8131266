"""Signals and their values by name: what `Message.Signal` of a `[[map]]` entry is in the databases.

Promises:

- An unknown name is refused with the entry's key path and the nearest name that exists.
- An entry names one signal (`Pack.Voltage`) or, with `{n}`, a numbered family (`Cells.Cell{n}_V`: Cell1,
  Cell01 and Cell001 all match).
- A signal in several branches of a multiplexer is found in each of them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry_core.decode.spec import MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import FieldSpec, SlotKind
from telemetry_core.rules.map_spec import ABSENT

from telemetry.errors import ConfigError
from telemetry.model.measurements import MAX_NUMBERED_FIELDS
from telemetry.model.scaling import raw_range
from telemetry.rules.map_entry import NUMBER, MapEntry
from telemetry.settings.document import Where
from telemetry.settings.likeness import closest

_DIGITS = re.compile("[0-9]+")
_MOST_NAMED = 12  # names in one hint
CLASSIC_BYTES = 8  # what is longer may come by J1939 transport, whose payloads are matched by PGN


@dataclass(frozen=True, slots=True)
class FoundSignal:
    """One signal of one message on one bus. number: of a family's member, counted from 1; otherwise 0."""

    bus: int
    message: MessageSpec
    index: int
    name: str  # Message.Signal
    number: int = 0
    branch: str = ""  # such as "Page 2", where others have the signal as well
    branches: tuple[SignalSpec, ...] = ()  # the signal in all branches that have it

    @property
    def signal(self) -> SignalSpec:
        """Return where its bits are."""
        return self.message.signals[self.index]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One message on one bus, with its signals' names by index."""

    bus: int
    message: MessageSpec
    signals: tuple[str, ...]
    places: Mapping[str, Sequence[int]]  # of the signals of a name: one for each branch that has it

    def found(self, index: int, number: int = 0) -> FoundSignal:
        name = self.signals[index]
        branches = tuple(self.message.signals[other] for other in self.places[name])
        branch = self._branch(self.message.signals[index]) if len(branches) > 1 else ""
        return FoundSignal(
            self.bus, self.message, index, f"{self.message.name}.{name}", number, branch, branches
        )

    def _branch(self, signal: SignalSpec) -> str:
        condition = self.message.conditions[signal.condition]  # names of one branch differ
        ranges = (str(low) if low == high else f"{low}-{high}" for low, high in condition.ranges)
        return f"{self.signals[condition.selector]} {', '.join(ranges)}"


class Catalogue:
    """The signals of a plan."""

    def __init__(self, spec: PlanSpec) -> None:
        self._buses = [bus.name for bus in spec.buses]
        candidates: dict[tuple[int, int, str], _Candidate] = {}
        for bus, bus_spec in enumerate(spec.buses):
            for message in bus_spec.messages:
                fields = spec.records[message.record].fields[: len(message.signals)]
                names = tuple(map(_signal_name, fields))
                places: dict[str, list[int]] = {}
                for index, name in enumerate(names):
                    places.setdefault(name, []).append(index)
                candidate = _Candidate(bus, message, names, places)
                candidates.setdefault((bus, message.record, message.name), candidate)
        self._candidates = list(candidates.values())

    def one(self, entry: MapEntry) -> Iterator[FoundSignal]:
        """Yield the signal of that name, once for each bus and branch that has it. Raises ConfigError."""
        where = entry.where.key("signal")
        on_bus = self._on_bus(entry)
        if "." not in entry.signal:
            hint = _of_message(entry.signal, on_bus) or 'as "Pack.Voltage"'
            raise ConfigError(f'"{entry.signal}" is not a Message.Signal', where=where, hint=hint)
        named = [one for one in on_bus if entry.signal.startswith(one.message.name + ".")]
        if not named:
            raise self._no_message(entry, on_bus)
        count = 0
        for candidate in named:
            signal = entry.signal.removeprefix(candidate.message.name + ".")
            for index in candidate.places.get(signal, ()):
                count += 1
                yield candidate.found(index)
        if not count:
            message = named[0].message.name
            signal = entry.signal.removeprefix(message + ".")
            names = [name for candidate in named for name in candidate.signals if name]
            hint = nearest(signal, names) or _of_message(signal, on_bus) or choice(signal, names)
            raise ConfigError(f'message {message} has no signal "{signal}"', where=where, hint=hint)

    def family(self, entry: MapEntry) -> Iterator[FoundSignal]:
        """Yield all signals of a family with their numbers, counted from 1. Raises ConfigError."""
        where = entry.where.key("signal")
        if entry.signal.count(NUMBER) > 1:
            raise ConfigError("holds {n} more than once", where=where)
        before, _, after = entry.signal.partition(NUMBER)
        pattern = re.compile(f"{re.escape(before)}0*([0-9]{{1,6}}){re.escape(after)}")
        on_bus = self._on_bus(entry)
        count = 0
        for candidate in on_bus:
            for index, signal in enumerate(candidate.signals):
                match = pattern.fullmatch(f"{candidate.message.name}.{signal}")
                if match:
                    count += 1
                    hint = "set index_from = 0" if int(match[1]) == 0 else ""
                    number = checked_number(int(match[1]) + 1 - entry.index_from, where, hint)
                    yield candidate.found(index, number)
        if not count:
            raise ConfigError(
                f'no signal is called "{entry.signal}"',
                where=where,
                hint=choice(entry.signal, _families(on_bus)),
            )

    def _on_bus(self, entry: MapEntry) -> Sequence[_Candidate]:
        check_bus(entry.bus, self._buses, entry.where)
        return [one for one in self._candidates if entry.bus in (None, self._buses[one.bus])]

    def _no_message(self, entry: MapEntry, on_bus: Sequence[_Candidate]) -> ConfigError:
        message, _, signal = entry.signal.partition(".")
        having = {
            one.bus for one in self._candidates if entry.signal.startswith(one.message.name + ".")
        }  # it is not on the entry's own bus
        buses = [self._buses[bus] for bus in sorted(having)]
        return ConfigError(
            no_message(f'"{message}"', entry.bus),
            where=entry.where.key("signal"),
            hint=f"it is on {' and '.join(buses)}" if buses else _near_message(message, signal, on_bus),
        )


def _signal_name(field: FieldSpec) -> str:
    """Return the signal's name; empty for its second field, which holds its word and is never mapped."""
    return "" if field.kind is SlotKind.WORD else field.signal_name


def _of_message(signal: str, candidates: Sequence[_Candidate]) -> str:
    """Return the hint with the messages that have a signal of that name, or of one in another case."""
    names = (f"{one.message.name}.{name}" for one in candidates for name in one.signals)
    having = [name for name in dict.fromkeys(names) if name.casefold().endswith(f".{signal.casefold()}")]
    if len(having) == 1:
        return f'did you mean "{having[0]}"?'
    named, more = having[:_MOST_NAMED], len(having) - _MOST_NAMED
    return f"it is in {', '.join(named)}{f' and {more} more' if more > 0 else ''}" if having else ""


def _near_message(message: str, signal: str, candidates: Sequence[_Candidate]) -> str:
    """Return the hint for a message that there is not: one like it, or one that has the signal."""
    names = [one.message.name for one in candidates]
    return nearest(message, names) or _of_message(signal, candidates) or choice(message, names)


def _families(candidates: Iterable[_Candidate]) -> Iterator[str]:
    """Return every signal that has a number in its name, with {n} for each of its numbers in turn."""
    families = set()
    for candidate in candidates:
        for signal in candidate.signals:
            name = f"{candidate.message.name}.{signal}"
            families |= {name[: run.start()] + NUMBER + name[run.end() :] for run in _DIGITS.finditer(name)}
    return iter(sorted(families))


def checked_number(number: int, where: object, hint: str = "") -> int:
    """Return the number of a cell or sensor. Raises ConfigError when there can be none of that number."""
    if not 1 <= number <= MAX_NUMBERED_FIELDS:
        raise ConfigError(
            f"cells and sensors are 1 to {MAX_NUMBERED_FIELDS}, not {number}", where=where, hint=hint
        )
    return number


def check_bus(bus: str | None, buses: Sequence[str], where: Where) -> None:
    """Raise ConfigError unless the key `bus` of the entry at `where` names one of `buses`, or is absent."""
    if bus is not None and bus not in buses:
        raise ConfigError(f'no bus "{bus}"', where=where.key("bus"), hint=choice(bus, buses))


def no_message(subject: str, bus: str | None) -> str:
    """Return what is wrong where no database of the bus (None: of any) describes `subject`."""
    return f"no message {subject} " + (f"on {bus}" if bus else "in any database")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the hint with the name that was probably meant."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    folded = name.casefold()
    longer = (candidate for candidate in by_folded if folded and candidate.startswith(folded))
    close = next(longer, None) or closest(folded, by_folded)
    return f'did you mean "{by_folded[close]}"?' if close else ""


def choice(name: str, known: Iterable[str]) -> str:
    """Return the hint with the name that was probably meant; otherwise with all of a few, or the nearest."""
    names = list(dict.fromkeys(known))
    if hint := nearest(name, names):
        return hint
    if len(names) <= _MOST_NAMED:
        return f"there are {', '.join(names)}" if names else ""
    return f'the nearest is "{closest(name, names, alike=0.0)}"'


def raw_values(value: int | str, found: FoundSignal, where: object) -> tuple[int, ...]:
    """Return the raw value that `value` is, or all that have the word `value` in the signal's value table.

    None where another branch has the value. Raises ConfigError where no branch has it.
    """
    if isinstance(value, str):
        raws = tuple(raw for raw, word in found.signal.choices if word == value)
        words = dict.fromkeys(word for signal in found.branches for _, word in signal.choices)
        if value not in words:
            hint = nearest(value, words) if words else "its values have no words: write numbers"
            raise ConfigError(f'{found.name} has no value "{value}"', where=where, hint=hint)
        return raws
    ranges = [raw_range(signal.bit_count, signal.signed) for signal in found.branches]
    if not any(low <= value <= high for low, high in ranges):
        low, high = min(ranges)[0], max(high for _, high in ranges)
        raise ConfigError(f"{found.name} is {low} to {high} (raw), not {value}", where=where)
    low, high = raw_range(found.signal.bit_count, found.signal.signed)
    return (value,) if low <= value <= high else ()


def absent_values(entry: MapEntry, found: FoundSignal) -> tuple[int, ...]:
    """Return the raw values of the signal that the entry declares absent. Raises ConfigError."""
    where = entry.where.key("absent")
    if entry.absent and found.signal.is_float:
        raise ConfigError(
            f"{found.name} is a float, which has no raw values", where=where, hint="NaN is left out anyway"
        )
    return tuple(dict.fromkeys(raw for value in entry.absent for raw in raw_values(value, found, where)))


def sender_of(entry: MapEntry, found: FoundSignal) -> int:
    """Return the address that the entry names; ABSENT: none.

    Raises ConfigError where it could be no other.
    """
    if entry.sender is None:
        return ABSENT
    message = found.message
    is_long = message.extended and message.byte_count > CLASSIC_BYTES
    if not (message.by_pgn or message.sender_mask or is_long):
        raise ConfigError(
            f"{message.name} is not matched by PGN: its id alone says what it is",
            where=entry.where.key("sender"),
            hint="leave sender out, or set j1939 = true where its source is configured",
        )
    return entry.sender
