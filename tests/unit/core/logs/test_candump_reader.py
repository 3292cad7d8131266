"""The compiled reader of candump logs."""

import gzip
import io

import can
import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.logs.candump import CandumpReader

from telemetry.logs.formats import LogFormat, recognised
from tests.support import logs
from tests.support.can_frames import BRS, ERROR, ESI, EXTENDED, FD, REMOTE
from tests.support.logs import Numbering, Reader


def read_all(log: bytes, sizes: list[int] | None = None) -> tuple[list[FrameTuple], Reader, list[str]]:
    return logs.read_all(CandumpReader, log, sizes, batch_frames=3)


def frames_of(log: bytes) -> list[FrameTuple]:
    frames, reader, _ = read_all(log)
    assert reader.damaged == 0
    return frames


def only_frame(line: bytes) -> FrameTuple:
    (frame,) = frames_of(line + b"\n")
    return frame


def test_a_line_is_a_frame() -> None:
    frame = only_frame(b"(1700001953.613500) can0 109#000100FFFFFF0F3D")
    assert frame == FrameTuple(1_700_001_953_613_500_000, 0x109, bytes.fromhex("000100FFFFFF0F3D"), 0, 0, 0)


@pytest.mark.parametrize(
    ("line", "id", "data", "flags"),
    [
        (b"(0.0) can0 7FF#", 0x7FF, b"", 0),
        (b"(0.0) can0 00000001#aB", 1 | EXTENDED, b"\xab", 0),
        (b"(0.0) can0 1FFFFFFF#01", 0x1FFFFFFF | EXTENDED, b"\x01", 0),
        (b"(0.0) can0 123#R", 0x123 | REMOTE, b"", 0),
        (b"(0.0) can0 123#R4", 0x123 | REMOTE, bytes(4), 0),
        (b"(0.0) can0 123#1122334455667788_F", 0x123, bytes.fromhex("1122334455667788"), 0),
        (b"(0.0) can0 123##0", 0x123, b"", FD),
        (b"(0.0) can0 123##111", 0x123, b"\x11", FD | BRS),
        (b"(0.0) can0 123##2" + b"5a" * 64, 0x123, b"\x5a" * 64, FD | ESI),
        (b"(0.0) can0 20000080#0000000000000000", 0x80 | ERROR, bytes(8), 0),
        (b"(0.0) can0 123#11 R", 0x123, b"\x11", 0),
        (b"(0.0) can0 123#11 T\r", 0x123, b"\x11", 0),
        (b"  can0  123   [2]  11 22", 0x123, b"\x11\x22", 0),
        (b"  can0  123   [0] ", 0x123, b"", 0),
        (b" (1.5)  can0  1F334455   [1]  AB   '.'", 0x1F334455 | EXTENDED, b"\xab", 0),
        (b"  can0  123  [04]  00 01 02 03", 0x123, b"\0\1\2\3", FD),
        (b"  can0  123   [2]  remote request", 0x123 | REMOTE, bytes(2), 0),
        (b"  can0  20000004   [8]  00 08 00 00 00 00 00 00   ERRORFRAME", 4 | ERROR, b"\0\x08" + bytes(6), 0),
        (b"  can0  RX - -  123   [1]  11", 0x123, b"\x11", 0),
        (b"  can0  TX B E  123  [01]  11", 0x123, b"\x11", FD),
        (b"  can0  123   {2}  11 22", 0x123, b"\x11\x22", 0),
        (b"  can0  123   {E}  11 22 33 44 55 66 77 88", 0x123, bytes.fromhex("1122334455667788"), 0),
    ],
)
def test_each_form_of_a_frame_is_read(line: bytes, id: int, data: bytes, flags: int) -> None:
    frame = only_frame(line)
    assert (frame.id, frame.data, frame.flags) == (id, data, flags)


@pytest.mark.parametrize(
    ("stamp", "time_ns"),
    [
        (b"0.0", 0),
        (b"1.5", 1_500_000_000),
        (b"1.000001", 1_000_001_000),
        (b"1.000000001", 1_000_000_001),
        (b"1.0000000019", 1_000_000_001),
        (b"9223372035.999999999", 9_223_372_035_999_999_999),
        (b"2023-11-14 22:13:20.000001", 1_700_000_000_000_001_000),
        (b"1970-01-01 00:00:00.0", 0),
        (b"2000-02-29 00:00:00.5", 951_782_400_500_000_000),
        (b"2100-03-01 23:59:59.999999", 4_107_628_799_999_999_000),
        (b"2261-12-31 00:00:00.0", 9_214_560_000_000_000_000),
    ],
)
def test_a_stamp_keeps_its_nanoseconds(stamp: bytes, time_ns: int) -> None:
    assert only_frame(b"(" + stamp + b") can0 1#").time_ns == time_ns


@pytest.mark.parametrize(
    "line",
    [
        b"(1700001953.613500)",
        b"(1700001953) can0 123#",
        b"(.5) can0 123#",
        b"(1.) can0 123#",
        b"(9223372036.0) can0 123#",
        b"(99999999999999999999.0) can0 123#",
        b"(2023-13-14 22:13:20.0) can0 123#",
        b"(2023-11-00 22:13:20.0) can0 123#",
        b"(2023-11-14 22:13:60.0) can0 123#",
        b"(1969-11-14 22:13:20.0) can0 123#",
        b"(2023-11-14 22:13) can0 123#",
        b"(1.0 can0 123#",
        b"(1.0) can0",
        b"(1.0) can0 #11",
        b"(1.0) can0 800#11",
        b"(1.0) can0 123456789#11",
        b"(1.0) can0 40000000#11",
        b"(1.0) can0 123#1",
        b"(1.0) can0 123#1G",
        b"(1.0) can0 123#112233445566778899",
        b"(1.0) can0 123##",
        b"(1.0) can0 123##0" + b"11" * 65,
        b"(1.0) can0 123#R9",
        b"(1.0) can0 123#11 more",
        b"(1.0) can0 123",
        b"(1.0) " + b"x" * 33 + b" 123#11",
        b"  can0  123   [2]  11",
        b"  can0  123   [9]  11 22 33 44 55 66 77 88 99",
        b"  can0  123   [2]  112233",
        b"  can0  123   [65]  11",
        b"  can0  123   []  11",
        b"  can0  123   {}  11",
        b"  can0  123   {G}  11",
        b"  can0  123   {2}  11",
        b"something else",
        b"\x00\xff\x00",
        b"(1.0) can0 123#11" + b" " * 5000,
    ],
)
def test_a_damaged_line_costs_only_itself(line: bytes) -> None:
    frames, reader, names = read_all(b"(1.0) a 001#01\n" + line + b"\n(2.0) a 002#02\n")
    assert [(frame.id, frame.data) for frame in frames] == [(1, b"\x01"), (2, b"\x02")]
    assert (reader.damaged, reader.first_damage) == (1, "2 (byte 15)")
    assert names == ["a"]


def test_a_torn_line_does_not_hide_the_frame_after_it() -> None:
    frames, reader, _ = read_all(b"(1.0) can0 12(2.0) can0 123#11\n(3.0) can0 123#22\n")
    assert [frame.data for frame in frames] == [b"\x11", b"\x22"]
    assert (reader.damaged, reader.first_damage) == (1, "1 (byte 0)")


def test_blank_lines_are_nothing() -> None:
    assert len(frames_of(b"\n  \r\n\t\n(1.0) can0 1#\n\n")) == 1


def test_a_byte_order_mark_is_nothing() -> None:
    assert len(frames_of(b"\xef\xbb\xbf(1.0) can0 1#\n(2.0) can0 1#\n")) == 2


def test_what_candump_says_of_an_error_frame_is_skipped() -> None:
    log = (
        b"  can0  20000088   [8]  00 00 80 19 00 00 00 00   ERRORFRAME\n"
        b"\tprotocol-violation{{tx-recessive-bit-error}{acknowledge-slot}}\n"
        b"\tbus-error\n"
        b"  can0  123   [1]  11\n"
    )
    assert [frame.id for frame in frames_of(log)] == [0x88 | ERROR, 0x123]
    frames, _, _ = read_all(b"\tcan0  123   [1]  11\n\tbus-error (1.0) can0 1#\n")
    assert [frame.id for frame in frames] == [0x123, 1]


BLUE, OFF = b"\x1b[1m\x1b[34m", b"\x1b[0m"  # as candump.c and terminal.h of can-utils have them


@pytest.mark.parametrize(
    "line",
    [
        b" (1.5) " + BLUE + b" can0" + OFF + b"  123   [3]  11 22 33",  # -c -t a
        b" (1.5) " + BLUE + b" can0  123   [3]  11 22 33" + OFF,  # -c -c
        b" " + BLUE + b"(1.5)  can0  123   [3]  11 22 33" + OFF,  # -c -c -c
        BLUE + b"  (1.5)  can0  123   [3]  11 22 33" + OFF,
        b" (1.5) \x1b[1m can0\x1b[0m  RX - -  123   [3]  11 22 33",  # bold; with -x
        b" (1.5) " + BLUE + b" can0  123   [3]  11 22 33   '.\"3'" + OFF,  # with -a
    ],
)
def test_colours_of_candump_are_left_out(line: bytes) -> None:
    frames, reader, names = read_all(line + b"\n(2.0) can0 456#\n" + line + b"\n")
    coloured = FrameTuple(1_500_000_000, 0x123, bytes.fromhex("112233"), 0, 0, 0)
    assert frames == [coloured, FrameTuple(2_000_000_000, 0x456, b"", 0, 0, 0), coloured]
    assert (reader.damaged, names) == (0, ["can0"])
    assert recognised(line + b"\n") is LogFormat.CANDUMP


@pytest.mark.parametrize(
    "line", [b"\x1b[", b"\x1b[34m", b"\x1b[34m\x1b[0m", b"\x1b[31mno frame\x1b[0m", b"a\x1b"]
)
def test_colours_without_a_frame_cost_only_themselves(line: bytes) -> None:
    assert len(read_all(b"(1.0) can0 1AA#\n" + line + b"\n(2.0) can0 1AB#\n")[0]) == 2


def test_a_coloured_line_that_is_too_long_is_damaged() -> None:
    frames, reader, _ = read_all(BLUE + b"x" * 5000 + OFF + b"\n(2.0) can0 1AB#\n")
    assert (len(frames), reader.damaged) == (1, 1)


def test_the_last_line_needs_no_line_break() -> None:
    assert len(frames_of(b"(1.0) can0 1#\n(1.0) can0 2#")) == 2


def test_a_megabyte_without_a_line_break_is_one_damaged_line() -> None:
    frames, reader, _ = read_all(b"(1.0) can0 1#\n" + b"x" * 1_000_000 + b"\n(1.0) can0 2#\n")
    assert [frame.id for frame in frames] == [1, 2]
    assert (reader.damaged, reader.first_damage) == (1, "2 (byte 14)")


def test_channels_are_numbered_by_the_caller_in_their_order() -> None:
    frames, _, names = read_all(b"(1.0) vcan1 1#\n(1.0) can0 1#\n(1.0) vcan1 1#\n(1.0) 7 1#\n")
    assert names == ["vcan1", "can0", "7"]
    assert [frame.channel for frame in frames] == [0, 1, 0, 2]


def test_a_log_that_names_ever_new_channels_is_damaged() -> None:
    frames, reader, names = read_all(b"".join(b"(1.0) c%d 1#\n" % number for number in range(300)))
    assert (len(frames), len(names), reader.damaged) == (256, 256, 44)


def test_reading_goes_on_after_what_the_batch_holds() -> None:
    reader = CandumpReader(
        io.BytesIO(b"(1.0) can0 1#\n(2.0) can0 2#\n(3.0) can0 3#\n"), Numbering().__getitem__
    )
    batch = FrameBatch(2)
    batch.append(0, 7, b"")
    assert reader.read(batch) == 1
    assert [frame.id for frame in batch] == [7, 1]
    batch.clear()
    assert reader.read(batch) == 2
    assert batch.position == 1


def test_what_the_stream_raises_passes_through_and_nothing_read_is_lost() -> None:
    class Failing(io.BytesIO):
        def readinto(self, buffer: object, /) -> int:
            got = super().readinto(buffer)  # type: ignore[arg-type]  # the stub wants a buffer by name
            if not got:
                raise OSError("unplugged")
            return got

    reader = CandumpReader(Failing(b"(1.0) can0 1#\n"), Numbering().__getitem__)
    batch = FrameBatch(4)
    with pytest.raises(OSError, match="unplugged"):
        reader.read(batch)
    assert len(batch) == reader.frames_read == 1


def test_a_compressed_log_is_read_through_its_stream() -> None:
    packed = io.BytesIO(gzip.compress(b"(1.0) can0 1#\n" * 10))
    with gzip.open(packed) as stream:
        assert CandumpReader(stream, Numbering().__getitem__).read(FrameBatch(100)) == 10


def test_a_stream_that_lies_about_what_it_read_is_refused() -> None:
    class Lying:
        def readinto(self, buffer: memoryview, /) -> int:
            return len(buffer) + 1

    with pytest.raises(ValueError, match="readinto"):
        CandumpReader(Lying(), Numbering().__getitem__).read(FrameBatch(1))


def test_it_agrees_with_python_can() -> None:
    log = io.StringIO()
    writer = can.CanutilsLogWriter(log, channel="can3")
    messages = [
        can.Message(timestamp=1.5, arbitration_id=0x1ABCDEF0, data=b"\x01\x02"),
        can.Message(timestamp=2.25, arbitration_id=0x123, is_extended_id=False, is_remote_frame=True, dlc=3),
        can.Message(timestamp=3.125, arbitration_id=0x7, is_extended_id=False, is_fd=True, data=bytes(12)),
        can.Message(timestamp=4.0, is_error_frame=True),
    ]
    for message in messages:
        writer.on_message_received(message)
    frames = frames_of(log.getvalue().encode())
    assert [frame.time_ns for frame in frames] == [1_500_000_000, 2_250_000_000, 3_125_000_000, 4_000_000_000]
    assert [frame.id for frame in frames] == [0x1ABCDEF0 | EXTENDED, 0x123 | REMOTE, 7, 0x80 | ERROR]
    assert [len(frame.data) for frame in frames] == [2, 0, 12, 0]  # it writes no DLC of a remote frame


PUTTY = b"=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2025.12.06 14:57:21 =~=~=~=~=~=~=~=~=~=~=~=\r\n"


@pytest.mark.parametrize("cut", [b"X0 0 [8] 80 00 FA C0 00 00 00 00", b"0 [8] 80 00", b"X0 31 [2] 00 A4"])
@pytest.mark.parametrize("before", [PUTTY, b"", PUTTY + b"(360.25) RX0 226 [2] 01 02\r\n"])
@pytest.mark.parametrize("sizes", [[], [3] * 99])
def test_a_line_that_lost_its_beginning_is_no_frame_of_1970(
    cut: bytes, before: bytes, sizes: list[int]
) -> None:
    """As a serial port gave them to PuTTY: EV-CANlogs, Volvo EX30, lines 2 and 30512."""
    log = before + cut + b"\r\n\r\n(360.26) RX0 226 [8] 00 30 00 00 00 00 00 00\r\n"
    frames, reader, names = read_all(log, sizes)
    assert {(frame.id, frame.time_ns // 10**9) for frame in frames} == {(0x226, 360)}
    assert (reader.damaged, reader.unstamped, names) == (1 + before.startswith(PUTTY), 0, ["RX0"])


@pytest.mark.parametrize("sizes", [[], [3] * 99])
def test_a_log_without_stamps_has_all_its_frames(sizes: list[int]) -> None:
    log = PUTTY + b"RX0 0 [1] 80\r\n" + b"\n" * 5000 + b"RX0 226 [0]\r\nRX0 31 [0]"
    frames, reader, _ = read_all(log, sizes)
    assert [frame.id for frame in frames] == [0, 0x226, 0x31]
    assert (reader.damaged, reader.unstamped) == (1, 3)
