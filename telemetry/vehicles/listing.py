"""What the profiles hold, as rows for people: of all of them, or of one.

Promises: everything stands there that a profile says of a value: where it lies, what makes it a number, what
is none, and how sure that is.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from telemetry.model.ids import id_text
from telemetry.vehicles.profile import MARKS, Broadcast, Cells, Field, Layout, Place, Profile, Read, Value

VEHICLE_COLUMNS = ("name", "vehicles", "cells", "tapped at", "tells", "confidence", "sources")
FACT_COLUMNS = ("what", "id", "value", "bytes", "scale", "unit", "mark")
MARK_WORDS = ("seen on a recording", "two sources agree", "one source")


def listed(profile: Profile) -> Sequence[str]:
    """Return one row of VEHICLE_COLUMNS."""
    tapped = "; ".join(each.title for each in profile.buses.values())
    asked, sent = len(_all(profile.reads)), len(_all(profile.broadcasts))
    tells = ", ".join(f"{count} {kind}" for count, kind in ((sent, "broadcast"), (asked, "asked")) if count)
    marks = Counter(mark for _, _, _, mark in _values(profile))
    sure = ", ".join(f"{mark}: {marks[mark]}" for mark in MARKS if marks[mark])
    cells = str(profile.cells or "")
    return profile.name, profile.title, cells, tapped, tells, sure, ", ".join(profile.sources)


def title_lines(profile: Profile) -> Iterator[str]:
    """Yield what stands above a profile's values."""
    yield f"{profile.name}: {profile.title}" + (f", {profile.cells} cells" if profile.cells else "")
    for name, bus in profile.buses.items():
        yield f"{name}: {bus.title}, {bus.bit_rate // 1000} kbit/s"
    for unit in profile.units.values():
        at = ", ".join(f"{pair.request} -> {pair.answer}" for pair in unit.at)
        yield f"{unit.name}: {at} on {' and '.join(unit.bus)}"
    if profile.note:
        yield profile.note
    yield f"sources: {', '.join(profile.sources)}"
    yield f"marks: {', '.join(f'{mark} {words}' for mark, words in zip(MARKS, MARK_WORDS, strict=True))}"


def facts(profile: Profile) -> Iterator[Sequence[str]]:
    """Yield a row of FACT_COLUMNS for each value."""
    for layout, name, value, mark in _values(profile):
        unit = value.unit if isinstance(value, Field) else "V" if name.startswith("cells.v") else "°C"
        what, id = _of(layout, profile)
        yield what, id, name, "; ".join(_place(value, layout)), _scale(value), unit, mark


def _all(layouts: Sequence[Layout]) -> Sequence[object]:
    return [one for each in layouts for one in (*each.fields, each.cells, each.temperatures) if one]


def _values(profile: Profile) -> Iterator[tuple[Layout, str, Value, str]]:
    """Yield each value with its message, its name and its mark."""
    layouts: tuple[Layout, ...] = (*profile.broadcasts, *profile.reads)
    for layout in layouts:
        for field in layout.fields:
            yield layout, field.to or field.name, field, field.mark or layout.mark
        for letter, cells in (("v", layout.cells), ("t", layout.temperatures)):
            if cells:
                yield layout, f"cells.{letter}{_numbers(cells, layout)}", cells, cells.mark or layout.mark


def _numbers(cells: Cells, layout: Layout) -> str:
    """Return which cells or sensors they are."""
    pages = len(layout.requests) if isinstance(layout, Read) else 1
    first, last = cells.first, cells.first + pages * cells.count - 1
    if number := cells.number:
        found = [number.first(one, cells) for one in range(number.least, number.most + 1)]
        first, last = min(filter(None, found)), max(found) + cells.count - 1
    return f"{first:03}-{last:03}" if last > first else f"{first:03}"


def _of(layout: Layout, profile: Profile) -> tuple[str, str]:
    """Return what is read, or how often it is sent; and its id."""
    if isinstance(layout, Broadcast):
        return f"every {layout.period_ms:g} ms" if layout.period_ms else "broadcast", id_text(layout.id)
    if not isinstance(layout, Read):
        return "", ""
    first, *others = [request.hex().upper() for request in layout.requests]
    counted, also = others[: layout.times - 1], others[layout.times - 1 :]
    what = f"{first} ... {counted[-1]}" if counted else first
    what += f" and {len(also)} more" if len(also) > 1 else "".join(f", {each}" for each in also)
    lengths = f" ({' or '.join(map(str, layout.length))} bytes)" if layout.length else ""
    return what + lengths, ", ".join(str(pair.answer) for pair in profile.units[layout.unit].at)


def _place(value: Value, layout: Layout) -> Iterator[str]:
    """Yield where it lies, and when it is none."""
    if isinstance(value, Field) and value.characters:
        yield f"{value.characters} characters at {value.byte}"
        return
    yield _at(value)
    if isinstance(value, Cells):
        if value.count > 1:
            yield f"{value.count} of them, {value.stride} bits apart"
        if value.present is not None:
            yield f"mask from byte {value.present}"
        if value.number:
            yield f"number {value.number.least} to {value.number.most} at {_at(value.number)}"
        if value.unless:
            yield f"none with {_raws(value.unless.raws)} at {_at(value.unless)}"
    if value.page and layout.selector:
        yield f"page {'-'.join(map(str, dict.fromkeys(value.page)))} by {_at(layout.selector)}"
    if value.absent:
        yield f"{_raws(value.absent)} absent"
    if value.valid:
        yield f"{value.valid[0]} to {value.valid[1]} valid"


def _at(place: Place) -> str:
    kind = f"{'s' if place.signed else 'u'}{place.bit_count}{'le' if place.little else ''}"
    return f"{kind} at {f'bit {place.bit}' if place.byte is None else place.byte}"


def _raws(raws: Sequence[int]) -> str:
    return ", ".join(f"{raw:X}" for raw in raws)


def _scale(value: Value) -> str:
    if isinstance(value, Field) and value.characters:
        return "text"
    if isinstance(value, Field) and value.words:
        return ", ".join(f"{raw} {word}" for raw, word in value.words.items())
    scale = "" if value.scale == 1 else f"{value.scale:.9g} x raw"
    if value.offset:
        scale = f"{scale or 'raw'} {'+' if value.offset > 0 else '-'} {abs(value.offset):.9g}"
    return scale or "raw"
