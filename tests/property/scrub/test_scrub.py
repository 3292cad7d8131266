"""Scrubbing any recording: it never fails, and as much comes out as went in, as good as it was."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch

from telemetry.logs.captures import CapturedBytes, parse_line
from telemetry.logs.log import OpenLog
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.spoken_in import good_messages
from telemetry.scrub.files import scrub_log
from telemetry.scrub.lines import CaptureScrubber
from telemetry.scrub.replacements import Replacements
from tests.property.framing.test_protocols import streams
from tests.support.boards import BOARDS
from tests.support.examples import examples
from tests.support.framing import pieces_of
from tests.support.transport_wire import Wire
from tests.unit.scrub.test_lines import EACH as IDENTIFYING

# A device's number as it lies on the line.
FORMS: dict[str, Callable[[str], list[bytes]]] = {
    "pylontech": lambda number: [number.encode().hex().upper().encode()],
    "jk_55aa": lambda number: [number.encode()],
    "jbd": lambda number: [number[-6:].encode()],
    "daly": lambda number: [number[:7].encode(), number[7:].encode()],
    "dlt645": lambda number: [bytes.fromhex(number)[::-1]],
    "vedirect": lambda number: [number.encode()],
}


def scrubbed(pieces: list[CapturedBytes], *names: str) -> list[CapturedBytes]:
    lines: list[bytes] = []
    scrubber = CaptureScrubber({"p": [PROTOCOLS[name] for name in names]}, Replacements(), lines.append)
    for piece in pieces:
        scrubber.take(piece)
    scrubber.finish()
    made = [parse_line(line) for line in lines]
    assert all(piece is not None for piece in made)
    return [piece for piece in made if piece is not None]


def shape(pieces: list[CapturedBytes]) -> list[tuple[int, bool, int]]:
    return [(piece.time_ns, piece.is_received, len(piece.data)) for piece in pieces]


def messages_in(name: str, pieces: list[CapturedBytes]) -> int:
    framer = PROTOCOLS[name].make_framer()
    for piece in pieces:
        framer.feed(piece.data, 1, FrameBatch(max(1, framer.room_needed(len(piece.data)))))
    framer.finish(FrameBatch(max(1, framer.room_needed(0))))
    return framer.counts()["messages"]


@pytest.mark.parametrize("name", sorted({board.name for board in BOARDS.values()}))
@settings(max_examples=examples(25))
@given(data=st.data(), cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_all_lines_come_out_and_good_messages_stay_good(
    name: str, data: st.DataObject, cuts: list[int]
) -> None:
    stream = data.draw(streams(name))
    pieces = [
        CapturedBytes(1000 * n, "p", True, part) for n, part in enumerate(pieces_of(stream, cuts)) if part
    ]
    made = scrubbed(pieces, name)
    assert shape(made) == shape(pieces)
    assert messages_in(name, made) == messages_in(name, pieces)


@pytest.mark.parametrize("name", IDENTIFYING)
@settings(max_examples=examples(25))
@given(
    garbage=st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 1500), max_size=12),
)
@example(garbage=[b"Checksum\t"], cuts=[])  # whose check would be the byte with which a block begins
def test_whatever_lies_around_it_a_number_is_gone_and_messages_are_good(
    name: str, garbage: list[bytes], cuts: list[int]
) -> None:
    say, _, number, _ = IDENTIFYING[name]
    said = b"".join(data for is_received, data in say() if is_received)
    stream = said.join([b"", *garbage]) + said
    pieces = [
        CapturedBytes(1000 * n, "p", True, part) for n, part in enumerate(pieces_of(stream, cuts)) if part
    ]
    made = scrubbed(pieces, name)
    assert shape(made) == shape(pieces)
    whole = b"".join(piece.data for piece in made)
    for form in FORMS[name](number):
        assert form in stream
        assert form not in whole
    assert good(name, made) == good(name, pieces)


def good(name: str, pieces: list[CapturedBytes]) -> int:
    framer = PROTOCOLS[name].make_framer()
    for piece in pieces:
        framer.feed(piece.data, 1, FrameBatch(max(1, framer.room_needed(len(piece.data)))))
    framer.finish(FrameBatch(max(1, framer.room_needed(0))))
    return good_messages([framer])


@pytest.mark.parametrize("names", [(), ("vedirect",), ("vedirect", "vedirect_hex"), tuple(PROTOCOLS)])
@settings(max_examples=examples(60))
@given(
    parts=st.lists(
        st.tuples(
            st.booleans(),
            st.one_of(
                st.binary(min_size=1, max_size=40),
                st.sampled_from(
                    [
                        b"\r\nSER#\tHQ2209NEV01",
                        b"\r\nChecksum\t",
                        b":7ED0A00",
                        b"\n",
                        b"Checksum\t:",
                        b"SER#\t",
                    ]
                ),
            ),
        ),
        max_size=30,
    )
)
def test_any_bytes_of_any_protocols_come_out_as_many(
    names: tuple[str, ...], parts: list[tuple[bool, bytes]]
) -> None:
    pieces = [CapturedBytes(1000 * n, "p", way, part) for n, (way, part) in enumerate(parts)]
    made = scrubbed(pieces, *names)
    assert shape(made) == shape(pieces)
    if names:
        received = b"".join(piece.data for piece in made if piece.is_received)
        assert b"SER#\tHQ2209NEV01\r" not in received


CONTROL = st.builds(
    lambda kind, size, packets, pgn: (
        bytes((kind,)) + size.to_bytes(2, "little") + bytes((packets, 0xFF)) + pgn
    ),
    st.sampled_from([0x10, 0x20, 0x11, 0x13, 0xFF]),
    st.integers(0, 60),
    st.integers(0, 9),
    st.sampled_from([b"\xec\xfe\x00", b"\xeb\xfe\x00", b"\x00\x02\x00", b"\x34\x12\x00"]),
)
PACKET = st.builds(
    lambda number, data: bytes((number,)) + data,
    st.integers(0, 9),
    st.one_of(
        st.binary(min_size=7, max_size=7), st.sampled_from([b"WVWZZZ1", b"JZXW000", b"001*\xff\xff\xff"])
    ),
)
DIAGNOSTIC = st.one_of(
    st.sampled_from(
        [b"\x10\x14\x49\x02\x01WVW", b"\x21ZZZ1JZX", b"\x22W000001", b"\xf1\x10\x14\x62\xf1\x90WV"]
    ),
    st.binary(max_size=8),
)
FRAME = st.one_of(
    st.tuples(st.sampled_from([0x1CEC56F4, 0x1CECFF00]), CONTROL),
    st.tuples(st.sampled_from([0x1CEB56F4, 0x1CEBFF00]), PACKET),
    st.tuples(st.sampled_from([0x7E8, 0x607, 0x18DAF110]), DIAGNOSTIC),
    st.tuples(st.sampled_from([0x18FEF31C, 0x1801F456, 0x181DF456, 0x0DF8051C]), st.binary(max_size=8)),
    st.tuples(st.integers(0, 0x7FF), st.binary(max_size=8)),
)


@settings(max_examples=examples(80))
@given(frames=st.lists(FRAME, max_size=60))
def test_any_frames_come_out_as_many_and_transports_carry_as_much(frames: list[tuple[int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, output = Path(folder) / "in.log", Path(folder) / "out.log"
        file.write_text(
            "".join(
                f"({n}.000000) can0 {f'{id:08X}' if id > 0x7FF else f'{id:03X}'}#{data.hex()}\n"
                for n, (id, data) in enumerate(frames)
            )
        )
        with output.open("wb") as stream:
            done = scrub_log(file, {}, Replacements(), stream.write, as_asc=False)
        assert done.items == len(frames)
        before, after = read(file), read(output)
    assert [(*frame[:2], len(frame[2])) for frame in before] == [
        (*frame[:2], len(frame[2])) for frame in after
    ]
    assert transported(before) == transported(after)
    assert all(b"\x49\x02\x01WVW" not in data for _, id, data in after if id in (0x7E8, 0x18DAF110))


def read(file: Path) -> list[tuple[int, int, bytes]]:
    batch = FrameBatch(1000)
    with OpenLog(file, lambda _: 0) as log:
        while not log.at_end:
            log.read(batch)
    return [(frame.time_ns, frame.id & 0x1FFFFFFF, frame.data) for frame in batch]


def transported(frames: list[tuple[int, int, bytes]]) -> list[tuple[str, int]]:
    """Return each message that J1939's transport carries: id and length, by the service's own code."""
    wire = Wire(j1939=True)
    heard = wire.hear(*(f"{id:08X}#{data.hex()}" for _, id, data in frames if id > 0x7FF))
    return [(id, len(data)) for id, data in heard]
