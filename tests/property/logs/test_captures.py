"""Captures: what is written is read back, and any bytes at all are read without an error."""

import contextlib
import itertools
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.errors import DataError
from telemetry.logs.captures import Capture, CapturedBytes, format_piece, parse_line
from telemetry.protocols.known import PROTOCOLS
from telemetry.stages.formats import OutputFormat
from tests.support.examples import examples
from tests.support.framing import jbd_message, vedirect_block
from tests.support.log_decoders import capture_decoder

pieces = st.builds(
    CapturedBytes,
    time_ns=st.integers(0, 2**62 // 1000).map(lambda microseconds: microseconds * 1000),
    port=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20),
    is_received=st.booleans(),
    data=st.binary(min_size=1, max_size=100),
)
contents = st.one_of(
    st.binary(max_size=500),
    st.lists(st.one_of(pieces.map(format_piece), st.binary(max_size=20)), max_size=8).map(b"".join),
)


@given(piece=pieces)
def test_a_piece_is_read_back_as_it_was_written(piece: CapturedBytes) -> None:
    assert parse_line(format_piece(piece)) == piece


@settings(deadline=None)
@given(content=contents)
def test_any_file_is_read_to_its_end(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.txt"
        path.write_bytes(content)
        with Capture(path) as capture:
            assert all(piece.data for piece in capture)
            of_lines = [each for each in capture.warnings() if "no line of a capture" in each]
            assert bool(capture.damaged) == bool(of_lines)  # others are of a file that seems compressed


def decoded(protocol: str, output_format: OutputFormat, content: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.txt"
        path.write_bytes(content)
        with capture_decoder(protocol, output_format).pieces([path]) as pieces:
            return b"".join(piece.text for piece in pieces)


@settings(deadline=None, max_examples=examples(50))
@given(
    data=st.binary(max_size=300),
    protocol=st.sampled_from(sorted(PROTOCOLS)),
    output_format=st.sampled_from(OutputFormat),
)
def test_any_bytes_of_a_port_are_decoded_or_hold_no_message(
    data: bytes, protocol: str, output_format: OutputFormat
) -> None:
    message = jbd_message(3, data[:200]) if protocol == "jbd" else vedirect_block({"V": data[:8].hex()})
    piece = CapturedBytes(10**18, "p", True, message + data)
    with contextlib.suppress(DataError):  # that it holds no message of the protocol
        assert b"nan" not in decoded(protocol, output_format, format_piece(piece)).lower()


@settings(deadline=None, max_examples=examples(50))
@given(cuts=st.lists(st.integers(1, 60), max_size=10))
def test_it_does_not_matter_how_messages_lie_in_lines(cuts: list[int]) -> None:
    stream = jbd_message(4, bytes.fromhex("0CE40CE5")) * 5 + b"\xdd" + jbd_message(4, bytes(2)) * 2
    whole = decoded("jbd", OutputFormat.CSV, format_piece(CapturedBytes(10**18, "p", True, stream)))
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    lines = [
        format_piece(CapturedBytes(10**18, "p", True, stream[begin:end]))
        for begin, end in itertools.pairwise(places)
    ]
    assert decoded("jbd", OutputFormat.CSV, b"".join(lines)) == whole
