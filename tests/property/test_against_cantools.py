"""Three decoders on every database of opendbc with seeded payloads, and on generated ones.

The compiled decoder does what the readable one does, of every frame; and both do what cantools does. cantools
refuses whole frames that have an overlapping signal, one behind the message or an unknown multiplexer value;
what it does decode must be the same here. docs/decoder.md lists where we differ on purpose.
"""

import math
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest
from cantools.database import DecodeError
from cantools.database.can import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.frames import FrameTuple
from telemetry_core.spec import FieldSpec, PlanSpec

from telemetry.protocols import dbc
from telemetry.protocols.databases import BusDatabases
from telemetry.protocols.findings import Findings
from telemetry.protocols.parse import ParsedMessage, parse
from tests.support.decoders import both

EXTENDED = 0x80000000
DATABASES = sorted(Path(str(files("opendbc"))).rglob("*.dbc"))
FD_LENGTHS = (12, 16, 20, 24, 32, 48, 64)


def plan_and_messages(file: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PlanSpec, list[Message]]:
    """Parsed once for both."""
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


def assert_same(spec: PlanSpec, messages: list[Message], random: Random) -> int:
    """How many frames cantools could decode."""
    compiled, readable = both(spec)
    frames = [(message, payload) for message in messages for payload in payloads(random, message.length)]
    sent = [
        FrameTuple(number, message.frame_id | EXTENDED * message.is_extended_frame, payload, 0, 0, 0)
        for number, (message, payload) in enumerate(frames)
    ]
    rows = compiled.decode(sent)
    assert rows == readable.decode(sent)
    assert compiled.omitted() == readable.omitted()
    found = {row.time_ns: row.raw for row in rows}
    fields = {
        (placed.extended, placed.arbitration_id): spec.records[placed.record].fields
        for placed in spec.buses[0].messages
    }
    compared = 0
    for number, (message, payload) in enumerate(frames):
        try:
            expected = message.decode(payload, decode_choices=False, scaling=False, allow_truncated=True)
        except DecodeError:
            continue
        assert isinstance(expected, dict)
        compared += 1
        ours = fields[message.is_extended_frame, message.frame_id]
        assert_same_values(message, ours, found.get(number, {}), expected)
    return compared


def assert_same_values(
    message: Message, fields: tuple[FieldSpec, ...], found: object, expected: Mapping[str, object]
) -> None:
    assert isinstance(found, dict)
    decodable = {field.signal or field.name: field for field in fields}
    names = {field.name: field.signal or field.name for field in fields}
    there = {
        name: raw
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
    assert compared or not messages  # some hold nothing but the name of another file


@st.composite
def databases(draw: st.DrawFn) -> str:
    """A DBC of a few messages: signals of any width, alignment and byte order, most of them side by side."""
    lines = ["BU_: ECU"]
    value_types = []
    for number in range(draw(st.integers(1, 3))):
        byte_count = draw(st.sampled_from((8, 8, 16, 64)))
        lines.append(f"BO_ {256 + number} M{number}: {byte_count} ECU")
        pages = draw(st.sampled_from((("",), ("m0", "m1"), ("m0", "m3", ""))))
        first_byte = 0
        if pages != ("",):
            lines.append(' SG_ page M : 0|2@1+ (1,0) [0|0] "" ECU')
            first_byte = 1
        next_byte = dict.fromkeys(pages, first_byte)
        for index in range(draw(st.integers(1, 8))):
            page = draw(st.sampled_from(pages))
            byte, offset = next_byte[page], draw(st.integers(0, 7))
            room = 8 * (byte_count - byte) - offset
            if room < 1:
                break
            bits = min(room, draw(st.sampled_from((16, 32, 64)) | st.integers(1, 64)))
            is_intel = draw(st.booleans())
            start = 8 * byte + (offset if is_intel else 7 - offset)
            place = f"{start}|{bits}@{int(is_intel)}{draw(st.sampled_from('+-'))}"
            factor = draw(st.sampled_from(("1", "0.1", "-2.5", "1E-06", "100")))
            offset_text = draw(st.sampled_from(("0", "-40", "0.05")))
            lines.append(f' SG_ s{index} {page} : {place} ({factor},{offset_text}) [0|0] "" ECU')
            if bits in (16, 32, 64) and draw(st.booleans()):
                value_types.append(f"SIG_VALTYPE_ {256 + number} s{index} : 1;")
            if draw(st.integers(0, 9)):  # else the next one overlaps
                behind = byte + (offset + bits + 7) // 8
                for other in pages if page == "" else (page, ""):
                    if other in next_byte:
                        next_byte[other] = max(next_byte[other], behind)
    return "\n".join(lines + value_types) + "\n"


@given(databases(), st.integers(0, 1 << 32))
@settings(deadline=None)
def test_any_database_decodes_as_cantools_does(
    tmp_path_factory: pytest.TempPathFactory, text: str, seed: int
) -> None:
    file = tmp_path_factory.mktemp("dbc") / "a.dbc"
    file.write_text(text, "ascii")
    with pytest.MonkeyPatch.context() as monkeypatch:
        spec, messages = plan_and_messages(file, monkeypatch)
    assert_same(spec, messages, Random(seed))


@st.composite
def levels(draw: st.DrawFn) -> str:
    """A DBC of one message with selectors that select selectors, each signal by several ranges."""
    signals, multiplexing = ["BO_ 256 M: 64 ECU", ' SG_ S0 M : 0|4@1+ (1,0) [0|0] "" ECU'], []

    def placed(name: str, mark: str, bit: int, bits: int, selector: int, ranges: list[str]) -> None:
        signals.append(f' SG_ {name} {mark} : {bit}|{bits}@1+ (1,0) [0|0] "" ECU')
        multiplexing.append(f"SG_MUL_VAL_ 256 {name} S{selector} {', '.join(ranges)};")

    selectors = draw(st.integers(1, 4))
    values = st.tuples(st.integers(0, 15), st.integers(0, 15)).map(lambda ends: "{}-{}".format(*sorted(ends)))
    for number in range(1, selectors):
        ranges = draw(st.lists(values, min_size=1, max_size=3))
        first = ranges[0].partition("-")[0]
        placed(f"S{number}", f"m{first}M", 4 * number, 4, draw(st.integers(0, number - 1)), ranges)
    for number in range(draw(st.integers(1, 8))):
        ranges = draw(st.lists(values, min_size=1, max_size=3))
        first = ranges[0].partition("-")[0]
        selector = draw(st.integers(0, selectors - 1))
        placed(f"x{number}", f"m{first}", 64 + 16 * number, draw(st.integers(1, 16)), selector, ranges)
    if draw(st.booleans()):  # else cantools refuses each frame with a value that selects nothing
        for selector in range(selectors):
            placed(f"all{selector}", "m0", 32 + 8 * selector, 8, selector, ["0-15"])
    return "\n".join(["BU_: ECU", *signals, *multiplexing]) + "\n"


@given(levels(), st.integers(0, 1 << 32))
@settings(deadline=None)
def test_any_levels_of_multiplexers_decode_as_cantools_does(
    tmp_path_factory: pytest.TempPathFactory, text: str, seed: int
) -> None:
    file = tmp_path_factory.mktemp("dbc") / "a.dbc"
    file.write_text(text, "ascii")
    with pytest.MonkeyPatch.context() as monkeypatch:
        spec, messages = plan_and_messages(file, monkeypatch)
    random = Random(seed)
    for _ in range(5):
        assert_same(spec, messages, random)
