"""Three decoders on every database of opendbc with seeded payloads, and on generated ones.

The compiled decoder does what the readable one does, of every frame; and both do what cantools does. cantools
refuses whole frames that have an overlapping signal, one beyond the message or an unknown multiplexer value;
what it does decode must be the same here. docs/decoder.md lists where we differ on purpose.
"""

import math
import re
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from random import Random

import cantools.database
import pytest
from cantools.database import DecodeError
from cantools.database.can import Database, Message, Signal
from cantools.database.utils import start_bit
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.decode.spec import Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.spec import FieldSpec

from telemetry.databases import build as dbc
from telemetry.databases.bus import BusDatabases
from telemetry.databases.formats.findings import Findings
from telemetry.databases.formats.parse import ParsedMessage, parse
from telemetry.rules.find_message import bit_positions
from tests.support.decoders import both

EXTENDED = 0x80000000
DATABASES = sorted(Path(str(files("opendbc"))).rglob("*.dbc"))
FD_LENGTHS = (12, 16, 20, 24, 32, 48, 64)


def plan_and_messages(file: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PlanSpec, list[Message]]:
    """Return the plan and the messages, parsed once for both."""
    parsed = parse(file, Findings())

    def parse_again(_file: Path, _findings: Findings) -> list[ParsedMessage]:
        return parsed

    monkeypatch.setattr(dbc, "parse", parse_again)
    spec = dbc.build_plan([BusDatabases("main", (file,), keep_not_available=True)]).spec
    messages = {(entry.message.is_extended_frame, entry.message.frame_id): entry.message for entry in parsed}
    for message in messages.values():
        message.refresh(strict=False)  # it decodes by the names that the file has
    return spec, list(messages.values())


def payloads(random: Random, byte_count: int) -> Iterator[bytes]:
    longest = min(max(byte_count, 1), 64)
    yield bytes(longest)
    yield random.randbytes(longest)
    yield random.randbytes(max(0, longest - random.randint(1, 3)))  # too short
    yield random.randbytes(random.randint(0, longest))  # perhaps much too short
    yield random.randbytes(min(64, longest + random.randint(1, 2)))  # too long
    yield random.randbytes(random.choice([length for length in FD_LENGTHS if length >= longest]))


def payload_of_page(random: Random, message: MessageSpec, condition: Condition) -> bytes:
    """Return a payload that the condition holds for."""
    data = bytearray(random.randbytes(min(max(message.byte_count, 1), 64)))
    while True:
        selector = message.signals[condition.selector]
        value = random.choice(condition.ranges)[0]
        for weight, position in enumerate(reversed(bit_positions(selector))):
            byte, bit = divmod(position, 8)
            data[byte] = data[byte] & ~(1 << bit) | (value >> weight & 1) << bit
        if selector.condition < 0:
            return bytes(data)
        condition = message.conditions[selector.condition]


@dataclass(frozen=True, slots=True)
class Tried:
    """A frame that both are asked to decode."""

    message: Message
    placed: MessageSpec
    payload: bytes
    page: int | None = None  # index of the condition that it is made for


def frames_of(random: Random, message: Message, placed: MessageSpec) -> Iterator[Tried]:
    for payload in payloads(random, message.length):
        yield Tried(message, placed, payload)
    for page, condition in enumerate(placed.conditions):
        yield Tried(message, placed, payload_of_page(random, placed, condition), page)


def parts_of(message: Message) -> list[Message]:
    """Split a message as cantools can decode it: signals that overlap or lie beyond its end alone."""
    try:
        message.decode(bytes(message.length), decode_choices=False, scaling=False)
    except DecodeError:
        return [alone(message, signal) for signal in message.signals]
    return [message]


def alone(message: Message, signal: Signal) -> Message:
    """Return a message of a signal and the selectors that it depends on, long enough for them."""
    leaf = copy(signal)
    leaf.is_multiplexer = False
    signals = [leaf]
    while signals[-1].multiplexer_signal is not None:
        signals.append(message.get_signal_by_name(signals[-1].multiplexer_signal))
    end = max((start_bit(each) + each.length + 7) // 8 for each in signals)
    return Message(0, message.name, max(message.length, end), signals, strict=False)


def assert_same(spec: PlanSpec, messages: list[Message], random: Random) -> list[Tried]:
    """Check both decoders against cantools, and return the frames that cantools could decode."""
    compiled, readable = both(spec)
    by_id = {(placed.extended, placed.arbitration_id): placed for placed in spec.buses[0].messages}
    frames = [
        tried
        for message in messages
        for tried in frames_of(random, message, by_id[message.is_extended_frame, message.frame_id])
    ]
    sent = [
        FrameTuple(number, message.frame_id | EXTENDED * message.is_extended_frame, tried.payload, 0, 0, 0)
        for number, tried in enumerate(frames)
        for message in (tried.message,)
    ]
    rows = compiled.decode(sent)
    assert rows == readable.decode(sent)
    assert compiled.omitted() == readable.omitted()
    found = {row.time_ns: row.raw for row in rows}
    parts = {id(message): parts_of(message) for message in messages}
    compared = []
    for number, tried in enumerate(frames):
        expected: dict[str, object] = {}
        try:
            for part in parts[id(tried.message)]:
                decoded = part.decode(
                    tried.payload, decode_choices=False, scaling=False, allow_truncated=True
                )
                assert isinstance(decoded, dict)
                expected |= decoded
        except DecodeError:
            continue
        compared.append(tried)
        ours = list(zip(spec.records[tried.placed.record].fields, tried.placed.signals, strict=True))
        assert_same_values(tried.message, ours, found.get(number, {}), expected)
    return compared


def assert_same_values(
    message: Message,
    ours: list[tuple[FieldSpec, SignalSpec]],
    found: object,
    expected: Mapping[str, object],
) -> None:
    assert isinstance(found, dict)
    decodable = {field.signal or field.name: field for field, _ in ours}
    names = {field.name: field.signal or field.name for field, _ in ours}
    signs = {field.signal or field.name: 1 << signal.bit_count - 1 for field, signal in ours if signal.signed}
    there = {
        name: raw - 2 * signs[name] if raw >= signs.get(name, math.inf) and isinstance(raw, int) else raw
        for name, raw in expected.items()
        if name in decodable and isinstance(raw, (int, float)) and math.isfinite(raw)
    }
    assert {names[name]: raw for name, raw in found.items()} == there, message.name
    for name, raw in there.items():
        field = decodable[name]
        scaled = message.get_signal_by_name(name).conversion.raw_to_scaled(raw, decode_choices=False)
        assert isinstance(scaled, (int, float))
        assert math.isclose(raw * field.factor + field.offset, scaled, rel_tol=1e-9, abs_tol=1e-12)
        if field.scale:
            exact = (int(raw) * field.scale.multiplier + field.scale.bias) / 10**field.scale.decimals
            assert math.isclose(exact, scaled, rel_tol=1e-9, abs_tol=1e-9 * abs(field.offset))


@pytest.mark.parametrize("file", DATABASES, ids=lambda file: file.name)
def test_every_database_of_opendbc_decodes_as_cantools_does(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, messages = plan_and_messages(file, monkeypatch)
    compared = assert_same(spec, messages, Random(file.name))
    pages = [
        (placed.name, page) for placed in spec.buses[0].messages for page in range(len(placed.conditions))
    ]
    assert {id(tried.message) for tried in compared} == {id(message) for message in messages}
    assert {(tried.placed.name, tried.page) for tried in compared if tried.page is not None} == set(pages)


@st.composite
def selectors(draw: st.DrawFn, name: str, mark: str, bit: int, bits: int) -> str:
    """Draw a selector, which selects by its bits whatever their sign and scale."""
    sign = draw(st.sampled_from("+-"))
    factor, offset = draw(st.sampled_from((("1", "0"), ("0.5", "0"), ("1", "-3"), ("-2", "40"))))
    return f' SG_ {name} {mark} : {bit}|{bits}@1{sign} ({factor},{offset}) [0|0] "" ECU'


def ids() -> st.SearchStrategy[int]:
    """Return ids as a DBC has them: of 11 bits, or of 29 with bit 31."""
    return st.integers(0, 0x7FF) | st.integers(0, 0x1FFFFFFF).map(lambda id: id | EXTENDED)


PAGES = {
    "": "",
    "m0": "0-0, 4-5",
    "m1": "1-1, 6-6",
    "m3": "3-3, 7-7",
}  # and their ranges, where there are any


@st.composite
def databases(draw: st.DrawFn) -> str:
    """Draw a DBC of a few messages: signals of any width, alignment and byte order, most adjacent.

    Of signals `a__0` and `a__1`, which are on different pages, `with_shared_names` makes one name.
    """
    lines = ["BU_: ECU"]
    after = []
    for number, id in enumerate(draw(st.lists(ids(), min_size=1, max_size=3, unique=True))):
        byte_count = draw(st.sampled_from((8, 8, 16, 64)))
        lines.append(f"BO_ {id} M{number}: {byte_count} ECU")
        pages = draw(st.sampled_from((("",), ("m0", "m1"), ("m0", "m3", ""))))
        has_ranges = draw(st.booleans())
        first_byte = 0
        if pages != ("",):
            lines.append(draw(selectors("page", "M", 0, draw(st.integers(3 if has_ranges else 2, 8)))))
            first_byte = 1
        next_byte = dict.fromkeys(pages, first_byte)
        shared = {name: set(pages) - {""} for name in ("a", "b")}  # pages that have none of the name yet
        value_types = {name: draw(st.sampled_from(("", "", "1", "2"))) for name in shared}
        for index in range(draw(st.integers(1, 8))):
            page = draw(st.sampled_from(pages))
            byte, offset = next_byte[page], draw(st.integers(0, 7))
            room = 8 * (byte_count - byte) - offset
            if room < 1:
                break
            bits = min(room, draw(st.sampled_from((16, 32, 64)) | st.integers(1, 64)))
            value_type = ""
            if bits in (16, 32, 64) and draw(st.booleans()):
                value_type = "2" if bits == 64 else "1"
            name = f"s{index}"
            common = draw(st.sampled_from(("", *shared)))
            if page in shared.get(common, ()):
                float_bits = {"1": 32, "2": 64}.get(value_types[common], bits)
                if float_bits <= room:
                    name, bits, value_type = f"{common}__{index}", float_bits, value_types[common]
                    shared[common].remove(page)
            is_intel = draw(st.booleans())
            start = 8 * byte + (offset if is_intel else 7 - offset)
            place = f"{start}|{bits}@{int(is_intel)}{draw(st.sampled_from('+-'))}"
            factor = draw(st.sampled_from(("1", "0.1", "-2.5", "1E-06", "100")))
            offset_text = draw(st.sampled_from(("0", "-40", "0.05")))
            lines.append(f' SG_ {name} {page} : {place} ({factor},{offset_text}) [0|0] "" ECU')
            if value_type:
                after.append(f"SIG_VALTYPE_ {id} {name} : {value_type};")
            if has_ranges and page:
                after.append(f"SG_MUL_VAL_ {id} {name} page {PAGES[page]};")
            if draw(st.integers(0, 9)):  # otherwise the next one overlaps
                end = byte + (offset + bits + 7) // 8
                for other in pages if page == "" else (page, ""):
                    if other in next_byte:
                        next_byte[other] = max(next_byte[other], end)
    return "\n".join(lines + after) + "\n"


def with_shared_names(text: str) -> str:
    """`text` with one name for the signals that differ in the number after `__` only."""
    return re.sub(r"__\d+", "", text)


def with_unsigned_selectors(text: str) -> str:
    """`text` for cantools, which never selects by a value with the highest bit set."""
    return re.sub(r"^( SG_ \w+ (?:M|m\d+M) : \d+\|\d+@[01])-", r"\1+", text, flags=re.MULTILINE)


def plan_of(folder: Path, text: str) -> PlanSpec:
    file = folder / "a.dbc"
    file.write_text(text, "ascii")
    return dbc.build_plan([BusDatabases("main", (file,))]).spec


def read_by_cantools(text: str) -> list[Message]:
    database = cantools.database.load_string(with_unsigned_selectors(text), "dbc", strict=False)
    assert isinstance(database, Database)
    return database.messages


@given(databases(), st.integers(0, 1 << 32))
@settings(deadline=None)
def test_any_database_decodes_as_cantools_does(
    tmp_path_factory: pytest.TempPathFactory, text: str, seed: int
) -> None:
    spec = plan_of(tmp_path_factory.mktemp("dbc"), text)
    assert_same(spec, read_by_cantools(text), Random(seed))


@given(databases())
@settings(deadline=None)
def test_signals_of_one_name_are_decoded_as_those_of_different_names(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """cantools cannot distinguish them, so it is not a measure here."""
    folder = tmp_path_factory.mktemp("dbc")
    apart, shared = plan_of(folder, text), plan_of(folder, with_shared_names(text))
    assert shared.buses == apart.buses
    names = [[with_shared_names(field.name) for field in record.fields] for record in apart.records]
    assert [[field.name for field in record.fields] for record in shared.records] == names
    for record, other in zip(shared.records, apart.records, strict=True):
        for field, twin in zip(record.fields, other.fields, strict=True):
            assert replace(field, name=twin.name) == twin


@st.composite
def levels(draw: st.DrawFn) -> str:
    """Draw a DBC of one message with selectors of selectors, each signal by several ranges."""
    id = draw(ids())
    # cantools makes a codec of each page of a page: 2^8 at most.
    few_bits = st.lists(st.sampled_from((1, 2)), min_size=1, max_size=4)
    widths = draw(few_bits | st.sampled_from(([8], [4, 4], [1, 3, 4], [3, 4, 1])))
    signals = [f"BO_ {id} M: 64 ECU", draw(selectors("S0", "M", 0, widths[0]))]
    multiplexing = []

    def ranges_of(selector: int) -> list[str]:
        values = st.integers(0, (1 << widths[selector]) - 1)
        pairs = st.tuples(values, values).map(lambda ends: "{}-{}".format(*sorted(ends)))
        return draw(st.lists(pairs, min_size=1, max_size=3))

    def placed(name: str, bit: int, bits: int, selector: int, ranges: list[str]) -> None:
        mark = f"m{ranges[0].partition('-')[0]}"
        if name.startswith("S"):
            signals.append(draw(selectors(name, f"{mark}M", bit, bits)))
        else:
            signals.append(f' SG_ {name} {mark} : {bit}|{bits}@1+ (1,0) [0|0] "" ECU')
        multiplexing.append(f"SG_MUL_VAL_ {id} {name} S{selector} {', '.join(ranges)};")

    for number in range(1, len(widths)):
        selector = draw(st.integers(0, number - 1))
        placed(f"S{number}", 8 * number, widths[number], selector, ranges_of(selector))
    for number in range(draw(st.integers(1, 8))):
        selector = draw(st.integers(0, len(widths) - 1))
        placed(f"x{number}", 64 + 16 * number, draw(st.integers(1, 16)), selector, ranges_of(selector))
    if draw(st.booleans()):  # otherwise cantools refuses each frame with a value that selects nothing
        for selector, width in enumerate(widths):
            placed(f"all{selector}", 32 + 8 * selector, 8, selector, [f"0-{(1 << width) - 1}"])
    return "\n".join(["BU_: ECU", *signals, *multiplexing]) + "\n"


@given(levels(), st.integers(0, 1 << 32))
@settings(deadline=None)
def test_any_levels_of_multiplexers_decode_as_cantools_does(
    tmp_path_factory: pytest.TempPathFactory, text: str, seed: int
) -> None:
    spec = plan_of(tmp_path_factory.mktemp("dbc"), text)
    messages = read_by_cantools(text)
    random = Random(seed)
    for _ in range(5):
        assert_same(spec, messages, random)
