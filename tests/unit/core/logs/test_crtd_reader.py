"""The compiled reader of CRTD logs, those of the Open Vehicle Monitoring System."""

import pytest
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.logs.crtd import CrtdReader

from tests.support.can_frames import EXTENDED
from tests.support.logs import read_all

HEADER = b"1632426775.935928 CXX OVMS CRTD\n1632426775.935928 CVR 3.0\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"1632426782.045940 1R11 679 00", FrameTuple(1_632_426_782_045_940_000, 0x679, b"\0", 0, 0, 0)),
        (
            b"1320745424.002 R11 402 FA 01 c3",
            FrameTuple(1_320_745_424_002_000_000, 0x402, b"\xfa\1\xc3", 0, 0, 0),
        ),
        (b"1.5 1T11 00000100 7 64 \r", FrameTuple(1_500_000_000, 0x100, b"\x07\x64", 0, 0, 0)),
        (b"1.5 R29 18FF50E5", FrameTuple(1_500_000_000, 0x18FF50E5 | EXTENDED, b"", 0, 0, 0)),
        (b"1.5 T29 1 0 1 2 3 4 5 6 7", FrameTuple(1_500_000_000, 1 | EXTENDED, bytes(range(8)), 0, 0, 0)),
    ],
)
def test_each_form_of_a_frame_is_read(line: bytes, expected: FrameTuple) -> None:
    frames, reader, names = read_all(CrtdReader, HEADER + line + b"\n")
    assert frames == [expected]
    assert (reader.damaged, names) == (0, ["can0"])


def test_buses_are_counted_from_1_and_the_first_needs_no_number() -> None:
    frames, _, names = read_all(CrtdReader, b"1.0 3R11 1\n2.0 R11 1\n3.0 1R11 1\n4.0 12R11 1\n")
    assert names == ["can2", "can0", "can11"]
    assert [frame.channel for frame in frames] == [0, 1, 1, 2]


def test_all_other_records_are_nothing() -> None:
    """Their types are those of OVMS' documentation, and any that may come."""
    types = b"CXX CER CST CEV CMT CVR CBC CDP CDR CFC CFA X99".split()
    log = b"".join(b"1.0 %d%s 1R11 100 01\n" % (number, kind) for number, kind in enumerate(types))
    frames, reader, _ = read_all(CrtdReader, b"# words\n\n" + log + b"2.0 CEV\n")
    assert (frames, reader.damaged) == ([], 0)


@pytest.mark.parametrize(
    "line",
    [
        b"x",
        b"1 R11 100",
        b"1. R11 100",
        b".5 R11 100",
        b"1.0R11 100",
        b"1.0 ",
        b"1.0 r11 100",
        b"1.0 R1 100",
        b"1.0 -1R11 100",
        b"1.0 257R11 100",
        b"1.0 R11",
        b"1.0 R11 G",
        b"1.0 R11 800",
        b"1.0 R29 20000000",
        b"1.0 R11 100 G",
        b"1.0 R11 100 123",
        b"1.0 R11 100 01 02;",
        b"1.0 R11 100 1 2 3 4 5 6 7 8 9",
        b"9223372037.0 R11 100",
    ],
)
def test_a_damaged_line_costs_only_itself(line: bytes) -> None:
    frames, reader, _ = read_all(CrtdReader, b"1.0 R11 1\n" + line + b"\n2.0 R11 2\n")
    assert [frame.id for frame in frames] == [1, 2]
    assert (reader.damaged, reader.first_damage) == (1, "2 (byte 10)")
