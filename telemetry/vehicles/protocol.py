"""A profile as a protocol of a bus: messages, and what they mean.

Promises: each page that a unit answers, each layout of an answer and each broadcast frame is a message of its
own, the same on each bus and from each address of its unit. A field that has several origins is filled by
what is preferred, then by what is broadcast, then by answers.

Relies on a profile that goes together.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from telemetry.errors import ConfigError
from telemetry.model.ids import IsoTpId, id_text
from telemetry.model.measurements import CELLS, EVENT, MEASUREMENTS
from telemetry.protocols.can.table import CanMessage, CanProtocol, CanSignal
from telemetry.protocols.values import Mapped
from telemetry.rules.signals import choice
from telemetry.settings.document import Where
from telemetry.vehicles.profile import Cells, Layout, Place, Profile, Read, Value

PREFERRED, BROADCAST, ANSWERED = range(3)  # ranks of what may fill one field
BESIDE = "_raw"  # of what says that a cell or sensor is none
_PAGE = "page"  # the signal that says which others are there


@dataclass(frozen=True, slots=True)
class Heard:
    """One message, and what it means. placed: its signals, each with where the profile has it."""

    message: CanMessage
    mapped: tuple[Mapped, ...]
    placed: tuple[tuple[Where, CanSignal], ...]
    layout: Layout


def protocol(profile: Profile, bus: str = "") -> CanProtocol:
    """Return what is heard on that bus of a profile, or on any. Raises ConfigError."""
    if bus and bus not in profile.buses:
        raise ConfigError(f"{profile.name} has no bus {bus!r}", hint=choice(bus, profile.buses))
    found = list(heard(profile, bus))
    messages = [each.message for each in found]
    things = {(id, each.begins, each.lengths) for each in messages for id in each.ids}
    kinds = {(id, bool(begins)) for id, begins, _ in things}
    if len(things) < sum(len(each.ids) for each in messages) or len(kinds) > len({id for id, _ in kinds}):
        hint = f"name the bus: {' or '.join(profile.buses)}"
        raise ConfigError(f"one id is two things on the buses of {profile.name}", hint=hint)
    units = [unit for unit in profile.units.values() if not bus or bus in unit.bus]
    answers = dict.fromkeys(pair.answer for unit in units for pair in unit.at)
    rates = [each.bit_rate for name, each in profile.buses.items() if bus in ("", name)]
    return CanProtocol(
        name=profile.name,
        title=f"{profile.title} (vehicle profile {profile.name})",
        bit_rate=rates[0],
        extended=False,
        messages=tuple(messages),
        mapped=tuple(one for each in found for one in each.mapped),
        isotp=tuple(IsoTpId(each.id, extended_addressing=each.unit is not None) for each in answers),
    )


def heard(profile: Profile, bus: str = "") -> Iterator[Heard]:
    """Yield the messages of that bus, or of all; broadcast ones last."""
    for unit in profile.units.values():
        if bus and bus not in unit.bus:
            continue
        ids = tuple(dict.fromkeys(pair.answer.id for pair in unit.at))
        reads = [one for one in profile.reads if one.unit == unit.name]
        layouts = Counter(one.what for one in reads)
        for one in reads:
            yield from _pages(one, ids, is_only=layouts[one.what] == 1)
    for each in profile.broadcasts:
        if not bus or bus in each.bus:
            code = each.name or id_text(each.id)
            yield _heard(each, CanMessage(code, "broadcast", (each.id,), ()), BROADCAST)


def _pages(one: Read, ids: tuple[int, ...], *, is_only: bool) -> Iterator[Heard]:
    """Yield a message for each identifier that is read. is_only: its answer has no other layout."""
    lengths = "" if is_only else "".join(f"_{length}" for length in one.length)
    for page, request in enumerate(one.requests):
        identifier = request.hex().upper()
        code = one.name if one.name and len(one.requests) == 1 else f"{one.name or one.unit}_{identifier}"
        title = f"answer of {one.unit} to {identifier}"
        message = CanMessage(code + lengths, title, ids, (), begins=one.begins(request), lengths=one.length)
        yield _heard(one, message, ANSWERED, page=page)


def _heard(layout: Layout, message: CanMessage, rank: int, *, page: int = 0) -> Heard:
    """Return the message with its signals."""
    optional = isinstance(layout, Read) and layout.optional
    mapped: list[Mapped] = []
    placed: list[tuple[Where, CanSignal]] = []
    if layout.selector:
        message = replace(message, selector=_PAGE)
        placed.append((layout.where.key("selector"), _signal(_PAGE, layout.selector)))
    for field in layout.fields:
        words = tuple(field.words.items())
        unit = field.unit or _unit(field.to)
        signal = replace(_valued(field.called, field), page=_raws(field.page), unit=unit, words=words)
        if field.byte is not None and field.characters:
            place = replace(signal, start_bit=8 * field.byte, bit_count=8 * field.characters)
            signal = replace(place, is_text=True, little_endian=True)
        placed.append((field.where, signal))
        if field.to:
            goes_before = PREFERRED if field.prefer else rank
            is_event = field.to.startswith(f"{EVENT.name}.")
            mapped.append(
                Mapped(
                    f"{message.code}.{field.called}",
                    field.to,
                    when=field.when,
                    words=words,
                    rank=None if is_event else goes_before,
                    where=field.where,
                )
            )
    for letter, cells in (("v", layout.cells), ("t", layout.temperatures)):
        if cells:
            placed += ((cells.where, signal) for signal in _cells(letter, cells, page))
            if cells.unless:
                raws = [signal.name for _, signal in placed if signal.name.endswith(BESIDE)]
                pairs = tuple((raw.removesuffix(BESIDE), raw) for raw in raws)
                message = replace(message, together=pairs)
            family = f"{letter}{{n}}"
            mapped.append(
                Mapped(
                    f"{message.code}.{family}",
                    f"{CELLS.name}.{family}",
                    rank=rank,
                    optional=optional,
                    where=cells.where,
                )
            )
    return Heard(
        replace(message, signals=tuple(signal for _, signal in placed), mark=layout.mark),
        tuple(mapped),
        tuple(placed),
        layout,
    )


def _cells(letter: str, cells: Cells, page: int) -> Iterator[CanSignal]:
    """Yield the signals of cells or sensors, and first that which says which ones a frame has."""
    of_page = _raws(cells.page)
    one = replace(_valued("", cells), page=of_page, unit="V" if letter == "v" else "°C")
    if cells.number:
        selector = f"{letter}_number"
        yield replace(_signal(selector, cells.number), page=of_page)
        for number in range(cells.number.least, cells.number.most + 1):
            first = cells.number.first(number, cells)
            for place in range(cells.count if first else 0):
                yield replace(_moved(one, cells, letter, first, place), page=(number,), by=selector)
        return
    first = cells.first + page * cells.count
    for place in range(cells.count):
        moved = _moved(one, cells, letter, first, place)
        yield moved
        if cells.unless:
            beside = _signal(moved.name + BESIDE, cells.unless)
            start_bit = _after(beside.start_bit, place * cells.stride, is_little=cells.unless.little)
            yield replace(beside, start_bit=start_bit, invalid=cells.unless.raws, mark=cells.mark)


def _moved(one: CanSignal, cells: Cells, letter: str, first: int, place: int) -> CanSignal:
    present_bit = -1 if cells.present is None else 8 * (cells.present + place // 8) + 7 - place % 8
    start_bit = _after(one.start_bit, place * cells.stride, is_little=cells.little)
    return replace(one, name=f"{letter}{first + place}", start_bit=start_bit, present_bit=present_bit)


def _after(start_bit: int, bits: int, *, is_little: bool) -> int:
    """Return the number of the bit so many after this one, in the order of the bits of a value."""
    if is_little:
        return start_bit + bits
    at = start_bit // 8 * 8 + 7 - start_bit % 8 + bits
    return at // 8 * 8 + 7 - at % 8


def _signal(name: str, place: Place) -> CanSignal:
    return CanSignal(name, place.start_bit, place.bit_count, place.little, place.signed)


def _valued(name: str, value: Value) -> CanSignal:
    return replace(
        _signal(name, value),
        factor=value.scale,
        offset=value.offset,
        invalid=value.absent,
        valid=value.valid,
        mark=value.mark,
    )


def _raws(page: tuple[int, int] | None) -> tuple[int, ...]:
    return () if page is None else tuple(range(page[0], page[1] + 1))


def _unit(to: str) -> str:
    """Return the unit of a field of the data model; none of an event or a text."""
    measurement, _, name = to.partition(".")
    fields = MEASUREMENTS[measurement].fields if measurement in MEASUREMENTS else ()
    return next((field.unit for field in fields if field.name == name), "")
