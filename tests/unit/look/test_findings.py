"""What is found in frames of known parts: with other programs' checksums, and with plain arithmetic."""

import cProfile
import pstats
import random
from collections.abc import Callable, Sequence
from functools import reduce
from operator import xor

import pytest
from crccheck.crc import Crc8Autosar, Crc8DvbS2, Crc8SaeJ1850, Crc8Smbus, Crc16Ibm3740  # type: ignore[import-untyped]
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.by_id import FramesById
from telemetry_core.frames.spec import SeenFrames

from telemetry.look.look import findings
from telemetry.look.seen import Finding

EXTENDED = 0x80000000
VIN = b"WVWZZZ1KZ8W386752"


def seen(rows: Sequence[bytes], id: int = 0x123) -> SeenFrames:
    frames = FrameBatch(len(rows))
    for number, row in enumerate(rows):
        frames.append(number * 10_000_000, id, row)
    by_id = FramesById(1)
    by_id.take(frames)
    (found,) = by_id.found()
    return found


def found(rows: Sequence[bytes], id: int = 0x123) -> list[Finding]:
    return [one for one in findings(seen(rows, id)) if one.kind not in ("constant", "changes", "number")]


def places(rows: Sequence[bytes], kind: str) -> list[str]:
    return [str(one.place) for one in found(rows) if one.kind == kind]


def test_of_100_ids_of_random_bytes_none_has_a_counter_a_checksum_a_multiplexer_a_text_or_a_quantity() -> (
    None
):
    draw = random.Random(25)
    ids = [[draw.randbytes(8) for _ in range(200)] for _ in range(100)]
    assert [one.kind for rows in ids for one in found(rows)] == []


def test_64_random_bytes_cost_less_than_twenty_times_8_of_them() -> None:
    """Each byte is compared with all others, which must be cheap. Calls are counted, not seconds."""
    draw, calls = random.Random(64), list[int]()
    for length in (8, 64):
        rows = [draw.randbytes(length) for _ in range(200)]
        profile = cProfile.Profile()
        profile.runcall(findings, seen(rows))
        calls.append(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]
    assert calls[1] < 20 * calls[0]


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("last", ["all", "all but one"])  # AUTOSAR's profile 1 counts from 0 to 14
def test_a_counter_has_its_bits_whatever_stands_above_it(bits: int, last: str) -> None:
    draw, end = random.Random(bits), (1 << bits) - (last != "all")
    above = [draw.getrandbits(8 - bits) if bits < 8 else 0 for _ in range(7)]
    rows = [bytes((number % end | above[number // 100 % 7] << bits & 0xFF, 7)) for number in range(700)]
    assert places(rows, "counter") == [f"0.0-{bits - 1}" if bits < 8 else "0"]


def test_a_counter_of_two_bytes_is_one_and_a_byte_beside_a_counter_is_none() -> None:
    draw = random.Random(1)
    assert places([(65_000 + number & 0xFFFF).to_bytes(2, "big") for number in range(1200)], "counter") == [
        "0-1"
    ]
    assert places(
        [(65_000 + number & 0xFFFF).to_bytes(2, "little") for number in range(1200)], "counter"
    ) == ["1-0"]
    assert places([bytes((number & 0xFF, draw.choice((3, 4)))) for number in range(700)], "counter") == ["0"]


def _nibbles(data: bytes) -> int:
    return sum((byte >> 4) + (byte & 15) for byte in data)


CHECKSUMS: list[tuple[str, Callable[[bytes, int], int]]] = [
    ("polynomial 1D", lambda data, _: Crc8SaeJ1850.calc(data)),
    ("polynomial 1D", lambda data, _: Crc8SaeJ1850.calc(b"\x12\x34" + data)),
    ("polynomial 2F", lambda data, _: Crc8Autosar.calc(data)),
    ("polynomial 2F (AUTOSAR H2F), an id after", lambda data, _: Crc8Autosar.calc(data + b"\x5a")),
    ("by the counter", lambda data, count: Crc8Autosar.calc(data + bytes((count * 37 & 0xFF,)))),
    ("polynomial 07", lambda data, _: Crc8Smbus.calc(data)),
    ("polynomial D5", lambda data, _: Crc8DvbS2.calc(data)),
    ("polynomial D5 (DVB-S2), last byte first", lambda data, _: Crc8DvbS2.calc(data[::-1])),
    ("XOR", lambda data, _: reduce(xor, data) ^ 0x5A),
    ("sum", lambda data, _: sum(data) + 0x1B & 0xFF),
    ("negated sum", lambda data, _: -sum(data) & 0xFF),
]


@pytest.mark.parametrize(("name", "check"), CHECKSUMS)
@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_checksum_is_found_at_its_byte_and_called_by_its_rule(
    name: str, check: Callable[[bytes, int], int], at: int
) -> None:
    draw, rows, value = random.Random(at), list[bytes](), 500.0
    for number in range(400):
        value = max(value + draw.gauss(0.0, 20.0), 0.0)
        rest = (
            bytes((number & 15,)) + int(value).to_bytes(2, "big") + bytes((0, draw.choice((1, 1, 2)), 9, 9))
        )
        rows.append(rest[:at] + bytes((check(rest, number & 15),)) + rest[at:])
    (one,) = [one for one in found(rows) if one.kind == "checksum"]
    assert (str(one.place), name in one.words) == (str(at), True)


def test_a_checksum_of_four_bits_and_one_of_sixteen_are_found() -> None:
    draw = random.Random(4)
    rests = [bytes((number & 15, *draw.randbytes(5))) for number in range(300)]
    rows = [rest + bytes((8 - _nibbles(rest) & 15,)) for rest in rests]
    assert [one.words for one in found(rows) if one.kind == "checksum"] == ["negated sum of nibbles"]
    rows = [Crc16Ibm3740.calc(rest).to_bytes(2, "little") + rest for rest in rests]
    assert places(rows, "checksum") == ["1-0"]


def test_a_byte_that_mirrors_another_is_no_checksum() -> None:
    draw = random.Random(2)
    values = [draw.randrange(256) for _ in range(300)]
    assert places([bytes((value, 255 - value, 5)) for value in values], "checksum") == []


def test_a_multiplexer_and_the_cells_of_its_pages_are_found() -> None:
    draw = random.Random(3)
    cells = [[draw.randrange(3600, 3700) for _ in range(3)] for _ in range(12)]
    rows = []
    for number in range(1200):
        page = number % 12
        cells[page] = [cell + draw.choice((-1, 0, 0, 1)) for cell in cells[page]]
        rows.append(bytes((page, *b"".join(cell.to_bytes(2, "big") for cell in cells[page]))))
    assert places(rows, "multiplexer") == ["0"]
    assert places(rows, "voltage") == ["1-2", "3-4", "5-6"]


def test_a_number_says_how_often_it_changes_and_by_how_much() -> None:
    (one,) = findings(seen([bytes((150 + 2 * (number // 4),)) for number in range(81)]))
    assert (one.kind, one.words) == ("number", "changes in 25 % of frames, by 2.0")


def test_a_part_number_is_shown_and_of_a_vin_three_letters_at_most() -> None:
    (part,) = found([b"BMS-17 A"] * 9)
    assert (part.kind, part.words) == ("text", "BMS-17 A")
    pages = [
        [bytes((first + page, *VIN.ljust(21)[7 * page : 7 * page + 7])) for page in range(3)]
        for first in (0, 33)
    ]
    logs = (pages[0] * 99, pages[1] * 99, [VIN + b"\0" * 7] * 9, [VIN[:8]] * 9, [b"!" + VIN[:7]] * 9)
    shown = [one.words for rows in logs for one in found(rows)]
    assert "a VIN: WVW…" in shown
    parts = {VIN[at : at + 4].decode() for at in range(len(VIN) - 3)}
    assert not [words for words in shown for part in parts if part in words]


def test_each_text_of_a_page_is_shown_with_its_own_pages() -> None:
    texts = [b"BMS-1 a", b"inv-2 b", b"BMS-1 a"]
    rows = [bytes((33 + page, *text)) for _ in range(99) for page, text in enumerate(texts)]
    shown = [(str(one.place), one.pages, one.words) for one in found(rows) if one.kind == "text"]
    assert sorted(shown) == [
        ("1-7", (33, 35), "pages 33, 35: BMS-1 a"),
        ("1-7", (34,), "page 34: inv-2 b"),
    ]


def test_requests_and_answers_of_diagnostics_name_what_is_asked() -> None:
    asked = [bytes.fromhex(one) for one in ("0322F19000000000", "02010C0000000000", "300000AAAAAAAAAA")]
    (request,) = found(asked * 9, 0x18DA10F1 | EXTENDED)
    assert (request.kind, request.words) == ("request", "ISO-TP: 01 OBD 0C, 22 read F190")
    answer = [bytes.fromhex(one) for one in ("101462F190575657", "215A5A5A314B5A38", "2257333836373532")]
    (reply,) = found(answer * 9, 0x18DAF110 | EXTENDED)
    assert (reply.kind, reply.words) == ("answer", "ISO-TP: 22 read F190")
    announced = bytes.fromhex("20270006FFCAFE00")  # 39 bytes of DM1
    (transfer,) = found([announced] * 9, 0x18ECFF00 | EXTENDED)
    assert transfer.words == "J1939 transport: PGN FECA of 39 bytes"
