"""Counters, checksums, multiplexers and texts of one id, from a sample of its frames.

Promises: a finding has more evidence than chance gives: random bytes pass a test less than once in 10,000
ids.

A checksum is found whatever it starts with, is combined with at the end, or covers beside the payload (an id,
a counter's data id as in AUTOSAR's profile 2): sums and CRCs are linear, so all of that is a constant.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_, xor

from telemetry_core.rules.protection import crc16_ccitt

from telemetry.look.sample import Sample
from telemetry.look.seen import Finding, Place

_LEAST_PAIRS = 15  # of frames in succession that a counter is believed from
_TOGGLES, _COUNTS = 0.6, 0.95  # share of steps in which its lowest bit changes, and in which it counts
_LEAST_ROWS, _MOST_ROWS = 12, 200  # different payloads that a checksum is believed from, and is tried on
_LEAST_CHECKS = 8  # different values of a checksum
_MOST_PAGES = 64
_TURNS, _EXPLAINED = (
    0.5,
    0.7,
)  # share of steps in which a selector changes; of the variance that pages explain
_TEXT = re.compile(rb"[ -~]{5,}")


def counters(sample: Sample) -> Iterator[Finding]:
    """Yield what counts by the same step from frame to frame, of a byte perhaps two."""
    for byte in sample.changing if len(sample.followed) >= _LEAST_PAIRS else ():
        column = sample.columns[byte]
        pairs = Counter((column[at], column[at + 1]) for at in sample.followed)
        changed = reduce(or_, (a ^ b for a, b in pairs))
        shift = counted = 0
        while shift < 7:
            if shift % 4 and changed >> shift - 1 & 1 and not counted >> shift - 1 & 1:
                shift += 1  # the middle of a number
                continue
            used, step = _counting(pairs, shift, len(sample.followed))
            if used:
                counted |= (1 << used) - 1 << shift
                yield _described(sample, Place(byte, shift=shift, bit_count=used), step)
            shift += used or 1


def _counting(pairs: Counter[tuple[int, int]], shift: int, total: int) -> tuple[int, int]:
    """Return how many bits from this one on count, and by which step; none: 0. Steps of one go first."""
    if sum(count for (a, b), count in pairs.items() if (a ^ b) >> shift & 1) < _TOGGLES * total:
        return 0, 0
    other = (0, 0)
    for bits in range(8 - shift, 1, -1):
        mask = (1 << bits) - 1
        moves = [(a >> shift & mask, b >> shift & mask, count) for (a, b), count in pairs.items()]
        values = {a for a, _, _ in moves} | {b for _, b, _ in moves}
        low, high = min(values), max(values)
        steps: Counter[int] = Counter()
        for before, after, count in moves:
            steps[after - before & mask] += count
        step, counted = steps.most_common(1)[0]
        if step not in ((low - high) & mask, (high - low) & mask):
            counted += sum(count for before, after, count in moves if {before, after} == {low, high})
        used = min(bits, (low ^ high).bit_length())
        carried, lost = (
            0,
            0,
        )  # where the lower bits wrap: what stands above them counts too, or is no part of it
        for before, after, count in moves:
            if (before & mask >> 1) + (step & mask >> 1) > mask >> 1:
                is_carried = after - before & mask == step or {before, after} == {low, high}
                carried, lost = carried + count * is_carried, lost + count * (not is_carried)
        is_whole = carried >= max(lost, 1) or (used < bits and not lost)
        if counted >= _COUNTS * total and len(values) > 2 and used > 1 and is_whole:
            step = step if step <= mask // 2 else step - mask - 1
            if abs(step) == 1:
                return used, step
            other = max(other, (used, step))
    return other


def _described(sample: Sample, place: Place, step: int) -> Finding:
    """Return the counter, of 16 bits where the byte beside it counts how often it has wrapped."""
    values = place.read(sample.rows)
    wraps = [values[at + 1] - values[at] != step for at in sample.followed]
    for wide in (Place(place.byte - 1, 2, bit_count=16), Place(place.byte, 2, True, bit_count=16)):
        if place.bit_count == 8 and any(wraps) and 0 <= wide.byte <= sample.length - 2:
            steps = sample.steps(wide.read(sample.rows), 16)
            if all(by == step for by, wraps_here in zip(steps, wraps, strict=True) if wraps_here):
                place = wide
                break
    values = place.read(sample.rows)
    words = f"counts by {step}, {place.bit_count} bits"
    return Finding("counter", place, min(values), max(values), words)


# -- checksums


def _table(polynomial: int) -> bytes:
    """Return the remainders of all bytes."""
    table = bytearray()
    for byte in range(256):
        for _ in range(8):
            byte = byte << 1 ^ (polynomial | 0x100 if byte & 0x80 else 0)
        table.append(byte)
    return bytes(table)


Make = Callable[[bytes], int]


def _crc(polynomial: int, tail: bytes, by: int) -> Make:
    table = _table(polynomial)

    def crc(rest: bytes) -> int:
        remainder = 0
        for byte in (rest + tail)[::by]:
            remainder = table[remainder ^ byte]
        return remainder

    return crc


def _nibble_sum(rest: bytes) -> int:
    return sum((byte >> 4) + (byte & 0xF) for byte in rest)


_POLYNOMIALS = {
    0x1D: "SAE J1850, AUTOSAR",
    0x2F: "AUTOSAR H2F",
    0x07: "SMBus",
    0x31: "Maxim",
    0x9B: "WCDMA",
    0xD5: "DVB-S2",
    0x85: "as Nissan",
}
# What combines the value of a frame with the rest of it, to be the same of all frames.
Combine = Callable[[int, int], int]


def _minus(check: int, made: int) -> int:
    return check - made & 0xFF


def _plus(check: int, made: int) -> int:
    return check + made & 0xFF


_CRCS: Sequence[tuple[str, Make, Combine]] = [
    (f"CRC-8, polynomial {polynomial:02X} ({who}){words}", _crc(polynomial, tail, by), xor)
    for polynomial, who in _POLYNOMIALS.items()
    for tail, by, words in (
        (b"", 1, ""),
        (b"\0", 1, ", an id after the data"),
        (b"", -1, ", last byte first"),
    )
]
_SUMS: Sequence[tuple[str, Make, Combine]] = [
    ("XOR", lambda rest: reduce(xor, rest, 0), xor),
    ("sum", sum, _minus),
    ("negated sum", sum, _plus),
    ("sum of nibbles", _nibble_sum, _minus),
    ("negated sum of nibbles", _nibble_sum, _plus),
]


def checksums(sample: Sample, counting: Sequence[Finding]) -> Iterator[Finding]:
    """Yield bytes, nibbles and pairs of bytes that follow from all others."""
    rows = list(dict.fromkeys(sample.rows))[:: max(1, len(set(sample.rows)) // _MOST_ROWS)]
    if len(rows) < _LEAST_ROWS or len(sample.changing) < 2:
        return
    counts = [one.place for one in counting if one.place is not None]
    nibbles = [Place(byte, shift=shift, bit_count=4) for byte in sample.changing for shift in (0, 4)]
    for places in ([Place(byte) for byte in sample.changing], nibbles):
        for place in sorted(places, key=lambda each: _likely(sample, each, counts), reverse=True):
            own = [one for one in counts if _overlap(one, place)]
            if own and len(own) == len(counts):
                continue  # the low bits of a checksum count, too, where nothing but a counter moves
            if (words := _method(sample, rows, place, counting)) is not None:
                values = place.read(sample.rows)
                yield Finding("checksum", place, min(values), max(values), words)
                return
    for byte in {0, sample.length - 2} if sample.length > 2 else ():
        for little in (True, False):
            place = Place(byte, 2, little, bit_count=16)
            for tail in (b"", b"\0\0"):
                if {byte, byte + 1} <= {*sample.changing} and _is_constant(
                    (check ^ crc16_ccitt(row[:byte] + row[byte + 2 :] + tail))
                    for row, check in zip(rows, place.read(rows), strict=True)
                ):
                    words = "CRC-16, polynomial 1021 (CCITT)" + (", an id after the data" if tail else "")
                    yield Finding("checksum", place, None, None, words)
                    return


def _overlap(one: Place, other: Place) -> bool:
    ends = (one.shift + one.bit_count, other.shift + other.bit_count)
    is_near = one.byte <= other.byte < one.byte + one.byte_count
    return is_near and (one.byte_count > 1 or (one.shift < ends[1] and other.shift < ends[0]))


def _likely(sample: Sample, place: Place, counts: Sequence[Place]) -> float:
    """Return how far it jumps; in a sum each term follows from the others, and no term so wildly."""
    jumps = float(sum(map(abs, sample.steps(place.read(sample.rows), place.bit_count))))
    beside = place.bit_count == 4 and any(one.byte == place.byte for one in counts)
    return jumps * (1.5 if place.byte in (0, sample.length - 1) else 1.0) * (2.0 if beside else 1.0)


def _changes(sample: Sample, byte: int) -> int:
    """Return how often a byte changes from frame to frame."""
    column = sample.columns[byte]
    return sum(column[at] != column[at + 1] for at in sample.followed)


def _is_constant(values: Iterator[int]) -> bool:
    first = next(values)
    return all(value == first for value in values)


def _method(sample: Sample, rows: Sequence[bytes], place: Place, counting: Sequence[Finding]) -> str | None:
    byte, is_whole = place.byte, place.bit_count == 8
    checks = place.read(rows)
    if len(set(checks)) < _LEAST_CHECKS:
        return None
    mask = 0xFF if is_whole else 0xF
    kept = bytes((0xFF ^ mask << place.shift,))
    rests = [
        row[:byte] + row[byte + 1 :]
        if is_whole
        else row[:byte] + bytes((row[byte] & kept[0],)) + row[byte + 1 :]
        for row in rows
    ]
    if len(set(rests)) < len(rests):
        return None  # other bytes were the same, and this one was not
    for name, made, combined in _CRCS if is_whole else ():
        if _is_constant(combined(check, made(rest)) for check, rest in zip(checks, rests, strict=True)):
            return name
    for name, made, combined in _SUMS:
        if _is_constant(
            combined(check, made(rest)) & mask for check, rest in zip(checks, rests, strict=True)
        ):
            # Two bytes of which one follows from the other are a sum and its term by any rule; but a term may
            # count.
            follows = [other for other in sample.changing if other != byte and _follows(rows, other, byte)]
            if not follows or any(one.place is not None and one.place.byte in follows for one in counting):
                return name
            break
    for one in counting if is_whole else ():
        groups: dict[int, list[tuple[int, bytes]]] = {}
        for number, check, rest in zip(one.place.read(rows) if one.place else (), checks, rests, strict=True):
            groups.setdefault(number & 0xF, []).append((check, rest))
        if len(rows) - len(groups) < _LEAST_ROWS:
            continue
        for name, made, combined in _CRCS:
            if all(
                _is_constant(combined(check, made(rest)) for check, rest in group)
                for group in groups.values()
            ):
                return f"{name}, by the counter"
    return None


def _follows(rows: Sequence[bytes], other: int, byte: int) -> bool:
    """Return whether a byte is always the same where another one is."""
    return len({(row[other], row[byte]) for row in rows}) == len({row[other] for row in rows})


# -- multiplexers and texts


def multiplexer(sample: Sample, found: Sequence[Finding]) -> Finding | None:
    """Return the byte or nibble whose value says what the other bytes are.

    It changes mostly from frame to frame, and at least two others vary little while it is the same.
    """
    ruled = {one.place.byte for one in found if one.place is not None and one.kind == "checksum"}
    best: tuple[float, Finding] | None = None
    sample = sample.first_run()
    columns = {byte: sample.columns[byte] for byte in sample.changing if byte not in ruled}
    least = _TURNS / 2 * len(sample.followed)
    others = {byte: _spread(column) for byte, column in columns.items() if _changes(sample, byte) > least}
    for byte in columns:
        for place in (Place(byte), Place(byte, bit_count=4), Place(byte, shift=4, bit_count=4)):
            pages = place.read(sample.rows)
            sizes = Counter(pages)
            turns = sum(pages[at] != pages[at + 1] for at in sample.followed)
            if not 2 <= len(sizes) <= min(_MOST_PAGES, len(pages) // 4):
                continue
            if turns < _TURNS * len(sample.followed) or not sample.followed:
                continue
            shares = _explained(pages, sample.rows, others)
            explained = [at for at, share in shares.items() if share > _EXPLAINED and at != byte]
            score = sum(shares[at] for at in explained) - len(sizes) / 1000
            if len(explained) > 1 and (best is None or score > best[0]):
                words = f"says what bytes {', '.join(map(str, explained))} are: {len(sizes)} pages"
                best = (score, Finding("multiplexer", place, min(sizes), max(sizes), words))
    return best[1] if best else None


def _spread(column: bytes) -> tuple[int, float]:
    """Return the sum of the squares, and of those of the distances from the mean."""
    squares = sum(value * value for value in column)
    return squares, squares - sum(column) ** 2 / len(column)


def _explained(
    pages: Sequence[int], rows: Sequence[bytes], spreads: Mapping[int, tuple[int, float]]
) -> dict[int, float]:
    """Return by byte the share of the variance that lies between pages (eta squared, without that of chance).

    spreads: `_spread` of the bytes that are asked for.
    """
    of_pages: dict[int, list[bytes]] = {}
    for page, row in zip(pages, rows, strict=True):
        of_pages.setdefault(page, []).append(row)
    sums = [(len(each), [sum(column) for column in zip(*each, strict=True)]) for each in of_pages.values()]
    chance = (len(rows) - 1) / max(len(rows) - len(sums), 1)
    return {
        byte: 1 - chance * (squares - sum(of_page[byte] ** 2 / size for size, of_page in sums)) / spread
        for byte, (squares, spread) in spreads.items()
    }


def texts(sample: Sample, taken: set[int]) -> Iterator[tuple[int, bytes]]:
    """Yield where letters stand that never change, and which: five or more, in bytes that are not taken."""
    if len(sample.rows) > 1:
        fixed = bytes(
            column[0] if len(set(column)) == 1 and byte not in taken else 0
            for byte, column in enumerate(sample.columns)
        )
        for run in _TEXT.finditer(fixed):
            if len(set(run[0])) > 2:
                yield run.start(), run[0]
