"""Whether the tables of a profile go together.

Promises: each fault is a ConfigError with file, line and key; all of a profile are raised at once.
"""

from collections.abc import Iterator

from telemetry.errors import ConfigError, Faults
from telemetry.model.ids import id_text
from telemetry.model.measurements import MAX_NUMBERED_FIELDS
from telemetry.protocols.can.table import CanSignal, end_byte
from telemetry.rules.signals import choice
from telemetry.settings.document import Where
from telemetry.vehicles.profile import LAST_BYTE, Broadcast, Layout, Profile, Read, Unit
from telemetry.vehicles.protocol import Heard, heard


def check(profile: Profile) -> None:
    """Raise ConfigError for what does not go together."""
    faults = Faults()
    layouts: tuple[Layout, ...] = (*profile.reads, *profile.broadcasts)
    found = [*_of_names(profile), *_of_ids(profile)]
    found += [error for layout in layouts for error in _of_cells(profile, layout)]
    for error in found or _of_messages(profile):
        with faults.gathered():
            raise error
    faults.raise_any()


def _of_names(profile: Profile) -> Iterator[ConfigError]:
    if not profile.title:
        yield ConfigError("is missing", where=f"{profile.file}: title")
    if not profile.buses:
        yield ConfigError("has no [bus.NAME]", where=profile.file)
    placed: tuple[Unit | Broadcast, ...] = (*profile.units.values(), *profile.broadcasts)
    for one in placed:
        if not one.bus:
            yield ConfigError("is missing", where=one.where.key("bus"), hint=choice("", profile.buses))
        for name in one.bus:
            if name not in profile.buses:
                words, hint = f"there is no [bus.{name}]", choice(name, profile.buses)
                yield ConfigError(words, where=one.where.key("bus"), hint=hint)
    for read in profile.reads:
        if read.unit not in profile.units:
            words, hint = f"there is no [unit.{read.unit}]", choice(read.unit, profile.units)
            yield ConfigError(words, where=read.where.key("unit"), hint=hint)


def _of_ids(profile: Profile) -> Iterator[ConfigError]:
    """Yield where one id of a bus is two things."""
    taken: dict[tuple[str, int], tuple[str, Where]] = {}
    things = [
        (bus, pair.answer.id, f"unit {unit.name}", unit.where.key("at"))
        for unit in profile.units.values()
        for bus in unit.bus
        for pair in unit.at
    ]
    things += [
        (bus, each.id, f"broadcast {number}", each.where.key("id"))
        for number, each in enumerate(profile.broadcasts)
        for bus in each.bus
    ]
    for bus, id, what, where in things:
        other, place = taken.setdefault((bus, id), (what, where))
        if other != what:
            words = f"{id_text(id)} is of {other} on {bus} already"
            yield ConfigError(words, where=where, hint=f"see {place}")


def _of_cells(profile: Profile, layout: Layout) -> Iterator[ConfigError]:
    for name, most in (("cells", profile.cells), ("temperatures", MAX_NUMBERED_FIELDS)):
        cells = getattr(layout, name)
        if cells is None:
            continue
        where = layout.where.key(name)
        pages = len(layout.requests) if isinstance(layout, Read) else 1
        last = cells.first + pages * cells.count - 1
        if number := cells.number:
            numbers = range(number.least, number.most + 1)
            last = max(number.first(one, cells) + cells.count - 1 for one in numbers)
        if last > most:
            hint = f"cells = {last} above the first table, if it has so many" if name == "cells" else ""
            yield ConfigError(f"{cells.first} to {last} are more than {most}", where=where, hint=hint)


def _of_messages(profile: Profile) -> Iterator[ConfigError]:
    codes: dict[str, Heard] = {}
    origins: dict[
        tuple[str, str], Where
    ] = {}  # of cells and sensors, by bus and name; of answered ones by letter
    answers: dict[tuple[int, bytes], list[Heard]] = {}  # by the first id and what they begin with
    for one in heard(profile):
        message, where = one.message, one.layout.where
        id, begins = message.ids[0], message.begins
        for count in range(1, len(begins) + 1):
            for other in answers.get((id, begins[:count]), ()):
                lengths = set(message.lengths), set(other.message.lengths)
                if not all(lengths) or lengths[0] & lengths[1]:
                    words = f"an answer may be {message.code} and {other.message.code}"
                    hint = f"see {other.layout.where}; give each its own lengths"
                    yield ConfigError(words, where=where, hint=hint)
                    codes[message.code] = one  # one fault, though they are called alike
                    break
        answers.setdefault((id, begins), []).append(one)
        if (other := codes.setdefault(message.code, one)) is not one and not _share(one.layout, other.layout):
            hint = f"see {other.layout.where}; give one another name"
            yield ConfigError(f"two messages are called {message.code}", where=where, hint=hint)
        yield from _of_signals(one)
        yield from _of_origins(one, profile, origins)


def _share(one: Layout, other: Layout) -> bool:
    """Return whether rows of two answers of one unit are called alike on purpose."""
    reads = isinstance(one, Read) and isinstance(other, Read) and one.unit == other.unit
    return reads and one.name == other.name != ""


def _of_origins(one: Heard, profile: Profile, origins: dict[tuple[str, str], Where]) -> Iterator[ConfigError]:
    """Yield where a broadcast cell comes from elsewhere, too; answers, which come first, may be alternatives.

    Cells of which some are broadcast and others are asked would never be one reading of the pack.
    """
    layout = one.layout
    tables = [cells.where for cells in (layout.cells, layout.temperatures) if cells]
    buses = layout.bus if isinstance(layout, Broadcast) else ()
    if isinstance(layout, Read):
        buses = profile.units[layout.unit].bus
    for where, signal in one.placed:
        letter, number = signal.name[0], signal.name[1:]
        for bus in buses if where in tables and number.isdecimal() else ():
            if isinstance(layout, Read):
                origins.setdefault((bus, letter), where)
                continue
            other = origins.get((bus, letter)) or origins.setdefault((bus, signal.name), where)
            if other != where:
                words = f"cells.{letter}{int(number):03} comes from another table already"
                if (bus, letter) in origins:
                    words = f"cells.{letter} are answered, too, and a pack tells all of them in one way"
                yield ConfigError(words, where=where, hint=f"see {other}")
                return


def _of_signals(one: Heard) -> Iterator[ConfigError]:
    named: dict[str, list[CanSignal]] = {}
    sent = one.layout.length if isinstance(one.layout, Broadcast) else None
    longest = 64 if isinstance(one.layout, Broadcast) else LAST_BYTE + 1
    shortest = min(one.message.lengths, default=longest if sent is None else sent)
    for where, signal in one.placed:
        others = named.setdefault(signal.name, [])
        if any(not (signal.page and set(signal.page).isdisjoint(other.page)) for other in others):
            yield ConfigError(f"two values of {one.message.code} are called {signal.name}", where=where)
        others.append(signal)
        end = max(end_byte(signal), signal.present_bit // 8 + 1)
        if end > shortest:
            words = f"{signal.name} ends with byte {end - 1}, and the shortest message with {shortest - 1}"
            yield ConfigError(words, where=where)
