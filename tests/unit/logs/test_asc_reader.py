"""The compiled reader of ASC logs."""

import io
from pathlib import Path

import can
import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.logs.asc import AscReader

from telemetry.logs.log import OpenLog
from tests.support.can_frames import BRS, ERROR, ESI, EXTENDED, FD, REMOTE
from tests.support.logs import Numbering, Reader, read_all

START_NS = 1_700_000_000_500_000_000
HEADER = b"""date Tue Nov 14 10:13:20.500 pm 2023
base hex  timestamps absolute
no internal events logged
// version 9.0.0
"""


def read(log: bytes) -> tuple[list[FrameTuple], Reader, list[str]]:
    return read_all(AscReader, log)


def frames_of(*lines: str, header: bytes = HEADER) -> list[FrameTuple]:
    frames, reader, _ = read(header + "\n".join(lines).encode() + b"\n")
    assert (reader.damaged, reader.first_damage) == (0, "")
    return frames


def only(line: str, header: bytes = HEADER) -> tuple[int, bytes, int]:
    (frame,) = frames_of(line, header=header)
    return frame.id, frame.data, frame.flags


DATA = bytes(range(8))
BYTES = "00 01 02 03 04 05 06 07"


@pytest.mark.parametrize(
    ("line", "id", "data", "flags"),
    [
        (f"   0.250000 1  123             Rx   d 8 {BYTES}", 0x123, DATA, 0),
        (f"0.25 1 123 Tx d 8 {BYTES} Length = 244000 BitCount = 126 ID = 291", 0x123, DATA, 0),
        (f"0.25 1 123 rx D 3 {BYTES}", 0x123, DATA[:3], 0),
        ("0.25\t1\t1ABCDEF0x\tRx\td\t0\r", 0x1ABCDEF0 | EXTENDED, b"", 0),
        ("0.25 1 1abcdef0X Rx d 2 a BC", 0x1ABCDEF0 | EXTENDED, b"\x0a\xbc", 0),
        (f"0.25 1 7FF Rx d f {BYTES}", 0x7FF, DATA, 0),
        ("0.25 1 7 Rx r 4", 7 | REMOTE, bytes(4), 0),
        ("0.25 1 7 Rx r f", 7 | REMOTE, bytes(8), 0),
        ("0.25 1 7x Rx r", 7 | EXTENDED | REMOTE, b"", 0),
        ("0.25 1 7 Rx r Length = 0", 7 | REMOTE, b"", 0),
        ("0.25 1 ErrorFrame", ERROR, b"", 0),
        ("0.25 1  errorframe  ECC: 10100010", ERROR, b"", 0),
        (f"0.25 CANFD   1 Rx        123  Name of 1 0 8  8 {BYTES}", None, b"", 0),
        (f"0.25 CANFD   1 Rx        123                 1 0 8  8 {BYTES}", 0x123, DATA, FD | BRS),
        (
            f"0.25 CANFD   1 Tx        123x  2ndName       1 1 8  8 {BYTES}",
            0x123 | EXTENDED,
            DATA,
            FD | BRS | ESI,
        ),
        (f"0.25 CANFD   1 Rx 123 0 0 8 8 {BYTES} 130000 130 1000 0 0 0 0 0", 0x123, DATA, FD),
        (f"0.25 CANFD   1 Rx 123 0 0 8 8 {BYTES} 130000 130 0 0 0 0 0 0", 0x123, DATA, 0),
        ("0.25 CANFD   1 Rx 123 0 0 3 0 130000 130 10 0 0 0 0 0", 0x123 | REMOTE, bytes(3), 0),
        ("0.25 CANFD   1 Rx 123 0 0 0 0", 0x123, b"", FD),
        ("0.25 CANFD   1 Rx 123 0 0 9 12 " + "0A " * 12, 0x123, b"\x0a" * 12, FD),
        ("0.25 CANFD   1 Rx 123 1 0 f 64 " + "ff " * 64 + "0 0 303000", 0x123, b"\xff" * 64, FD | BRS),
        ("0.25 CANFD   1 Rx 123 1 0 a 12 " + "0A " * 12, 0x123, b"\x0a" * 12, FD | BRS),  # length against DLC
        ("0.25 CANFD   1 Rx ErrorFrame 0 0", ERROR, b"", FD),
    ],
)
def test_each_form_of_a_frame_is_read(line: str, id: int | None, data: bytes, flags: int) -> None:
    if id is None:  # a name is one word
        _, reader, _ = read(HEADER + line.encode())
        assert reader.damaged == 1
    else:
        assert only(line) == (id, data, flags)


def test_numbers_may_be_decimal() -> None:
    header = HEADER.replace(b"hex", b"dec")
    assert only("0.25 1 291 Rx d 3 10 255 0", header) == (0x123, b"\x0a\xff\0", 0)
    assert only("0.25 1 536870911x Rx d 0", header) == (0x1FFFFFFF | EXTENDED, b"", 0)
    assert only("0.25 CANFD 1 Rx 291 0 0 9 12 " + "10 " * 12, header) == (0x123, b"\x0a" * 12, FD)
    _, reader, _ = read(header + b"0.25 1 291 Rx d 1 256\n0.25 1 2F Rx d 1 1\n")
    assert reader.damaged == 2


@pytest.mark.parametrize(
    ("stamp", "time_ns"),
    [("0.0", 0), ("1.5", 1_500_000_000), ("0.123456789", 123_456_789), ("12.0000000019", 12_000_000_001)],
)
def test_a_stamp_keeps_its_nanoseconds(stamp: str, time_ns: int) -> None:
    assert frames_of(f"{stamp} 1 1 Rx d 0")[0].time_ns == START_NS + time_ns


@pytest.mark.parametrize(
    ("date", "time_ns"),
    [
        ("Tue Nov 14 10:13:20.500 pm 2023", START_NS),
        ("Tue Nov 14 10:13:20 pm 2023", START_NS - 500_000_000),
        ("Tue Nov 14 22:13:20.000001 2023", START_NS - 499_999_000),
        ("Die Dez 12 22:13:20 2023", 1_702_419_200 * 10**9),
        ("Die Mär 14 22:13:20 2023", 1_678_832_000 * 10**9),
        ("Sam Okt 14 12:00:00 am 2023", 1_697_241_600 * 10**9),
        ("Sam Mai 13 12:00:00 pm 2023", 1_683_979_200 * 10**9),
        ("at some time", 0),
        ("Tue Nov 31 22:13:20 2023", 0),
        ("Tue Nov 14 13:13:20 pm 2023", 0),
        ("Tue Nov 14 22:13:20 9999", 0),
        ("Tue Nov 14 22:13:20 1969", 0),
    ],
)
def test_the_date_is_read_in_all_its_forms(date: str, time_ns: int) -> None:
    log = f"date {date}\nbase hex timestamps absolute\nno internal events logged\n0.0 1 1 Rx d 0\n"
    for encoding in ("utf-8", "cp1252", "utf-8-sig"):
        frames, reader, _ = read(log.encode(encoding))
        assert frames[0].time_ns == time_ns
        assert reader.damaged == 0


@pytest.mark.parametrize(
    ("header", "warned"),
    [
        ("date at some time\nbase hex\n", 1),
        ("base hex\ndate 2023-11-14 22:13:20\n", 2),
        ("date at some time\nBegin Triggerblock Tue Nov 14 10:13:20 pm 2023\n", 0),
        ("date Thu Jan 1 00:00:00 1970\n", 0),
        ("base hex\n", 0),
    ],
)
def test_a_date_of_unknown_form_is_reported_once_with_its_line(
    header: str, warned: int, tmp_path: Path
) -> None:
    path = tmp_path / "drive.asc"
    path.write_text(header + "0.0 1 1 Rx d 0\n" * 3)
    batch = FrameBatch(10)
    with OpenLog(path, Numbering().__getitem__) as log:
        assert log.read(batch) == 3
        reported = log.warnings()
    place = f"{path}:{warned}: no known form of a date, stamps count from 1970 (write it like: "
    assert [line.startswith(place) for line in reported] == [True] * bool(warned)


@pytest.mark.parametrize("line", ["date 2023-11-15 22:13:20", "Begin Triggerblock Tue Nov 31 22:13:20 2023"])
@pytest.mark.parametrize("stamps", ["absolute", "relative"])
def test_a_date_of_unknown_form_after_a_known_one_is_reported_and_changes_nothing(
    line: str, stamps: str, tmp_path: Path
) -> None:
    path = tmp_path / "drive.asc"
    header = HEADER.decode().replace("absolute", stamps)
    path.write_text(f"{header}0.25 1 1 Rx d 0\n{line}\n0.5 1 1 Rx d 0\n")
    batch = FrameBatch(10)
    with OpenLog(path, Numbering().__getitem__) as log:
        log.read(batch)
        (reported,) = log.warnings()
        assert log.damaged == 0
    later_ns = 500_000_000 if stamps == "absolute" else 750_000_000
    assert [frame.time_ns for frame in batch] == [START_NS + 250_000_000, START_NS + later_ns]
    place = f"{path}:{header.count(chr(10)) + 2}"
    assert reported.startswith(
        f"{place}: no known form of a date, stamps count from the date before (write it "
    )


def test_a_trigger_block_starts_again() -> None:
    frames = frames_of(
        "1.0 1 1 Rx d 0",
        "Begin Triggerblock Tue Nov 14 10:13:30.000 pm 2023",
        "1.0 1 1 Rx d 0",
        "End TriggerBlock",
        "begin triggerblock",
        "2.0 1 1 Rx d 0",
    )
    start_ns = START_NS + 9_500_000_000
    assert [frame.time_ns for frame in frames] == [
        START_NS + 10**9,
        start_ns + 10**9,
        start_ns + 2 * 10**9,
    ]


RELATIVE = HEADER.replace(b"absolute", b"relative")


def test_relative_stamps_each_count_from_the_line_before_whatever_it_holds() -> None:
    before = (
        RELATIVE + b"0.1 1 1 Rx d 0\n" + b"0.2 Statistic: D 1 R 0\n" + b"// a comment\n" + b"0.3 1 2 Rx d 0\n"
    )
    frames, reader, _ = read(
        before
        + b"0.4 1 3 Rx d 8 00\n"  # damaged, but for its stamp
        + b"0.5 7 4 Rx d 0\n"
        + b"Begin Triggerblock Tue Nov 14 10:13:30.500 pm 2023\n"
        + b"0.6 1 5 Rx d 0\n"
    )
    since_ms = [(frame.time_ns - START_NS) // 1_000_000 for frame in frames]
    assert since_ms == [100, 600, 1500, 10_600]
    assert (reader.damaged, reader.first_damage) == (1, f"9 (byte {len(before)})")


def test_relative_stamps_are_the_same_whatever_the_batch_and_the_due_time() -> None:
    log = RELATIVE + b"".join(b"0.1 %d 1 Rx d 0\n" % (row % 5 + 1) for row in range(20))
    expected = [START_NS + (row + 1) * 100_000_000 for row in range(20)]
    for size in (1, 2, 3, 50):
        frames, _, _ = read_all(AscReader, log, batch_frames=size)
        assert [frame.time_ns for frame in frames] == expected
    reader = AscReader(io.BytesIO(log), Numbering().__getitem__)
    batch = FrameBatch(50)
    for due in range(25):
        reader.read(batch, -1, START_NS + due * 100_000_000)
    assert [frame.time_ns for frame in batch] == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "// anything",
        "internal events logged",
        "End TriggerBlock",
        "previous log file: a.asc",
        "0.5 Statistic: D 1 R 0",
        "0.5 Start of measurement",
        "0.5 1 Statistic: D 1 R 0 XD 0 XR 0 E 0 O 0 B 0.0%",
        "0.5 CAN 1 Status:chip status error active",
        "0.5 1 OverloadFrame",
        "0.5 1 J1939TP FEE3p 6 0 0 - Rx d 23 A0 0F",
        "0.5 L1 3C Rx 8 01 02 03 04 05 06 07 08 checksum = 12",
        "0.5 Fr RMSG 0 0 1 1 a 0 Rx 0 4 5 6",
        "0.5 1 123 TxRq d 2 01 02",
        "0.5 CANFD 1 TxRq 123 1 0 8 8 00 00 00 00 00 00 00 00",
        "0.5 SV: 1 0 1 ::Name = 1",
    ],
)
def test_what_is_about_something_else_is_passed_over(line: str) -> None:
    frames, reader, _ = read(HEADER + b"0.1 1 1 Rx d 0\n" + line.encode() + b"\n0.9 1 2 Rx d 0\n")
    assert [frame.id for frame in frames] == [1, 2]
    assert reader.damaged == 0


@pytest.mark.parametrize(
    "line",
    [
        "anything else",
        "x 1 123 Rx d 2 01 02",
        "-0.5 1 123 Rx d 0",
        "1 1 123 Rx d 0",
        ".5 1 123 Rx d 0",
        "0.5x 1 123 Rx d 0",
        "99999999999.0 1 123 Rx d 0",
        "7600000000.0 1 123 Rx d 0",
        "0.5 1 123 Rx d 2 01",
        "0.5 1 123 Rx d 2 01 0G",
        "0.5 1 123 Rx d 2 01 002",
        "0.5 1 123 Rx d 10 " + "01 " * 16,
        "0.5 1 123 Rx d",
        "0.5 1 123 Rx q 1 01",
        "0.5 1 123 Rz d 1 01",
        "0.5 1 123 Rx",
        "0.5 1 123",
        "0.5 1 12Q Rx d 1 01",
        "0.5 1 800 Rx d 1 01",
        "0.5 1 20000000x Rx d 1 01",
        "0.5 1 123456789x Rx d 1 01",
        "0.5 1 x Rx d 1 01",
        "0.5 257 123 Rx d 1 01",
        "0.5 1a 123 Rx d 1 01",
        "0.5 Q 123 Rx d 1 01",
        "0.5",
        "0.5 CANFD",
        "0.5 CANFD x Rx 123 1 0 8 8 " + BYTES,
        "0.5 CANFD 1 Rx",
        "0.5 CANFD 1 Rx 123",
        "0.5 CANFD 1 Rx 123 1 2 8 8 " + BYTES,
        "0.5 CANFD 1 Rx 123 1 0 g 8 " + BYTES,
        "0.5 CANFD 1 Rx 123 1 0 f 65 " + "00 " * 65,
        "0.5 CANFD 1 Rx 123 1 0 9 12 " + "00 " * 11,
        "0.5 CANFD 1 Rq 123 1 0 8 8 " + BYTES,
        "beginning of nothing",
        "dateless",
        "0.5 1 123 Rx d 1 01" + " " * 5000,
        "\x00\xff",
    ],
)
def test_a_damaged_line_costs_only_itself(line: str) -> None:
    frames, reader, _ = read(HEADER + b"0.1 1 1 Rx d 0\n" + line.encode("latin-1") + b"\n0.9 1 2 Rx d 0\n")
    assert [frame.id for frame in frames] == [1, 2]
    assert (reader.damaged, reader.first_damage) == (1, f"6 (byte {len(HEADER) + 15})")


def test_channels_are_counted_from_1_in_the_log() -> None:
    frames, _, names = read(HEADER + b"0.1 3 1 Rx d 0\n0.1 1 1 Rx d 0\n0.1 CANFD 3 Rx 1 0 0 0 0\n")
    assert names == ["can2", "can0"]
    assert [frame.channel for frame in frames] == [0, 1, 0]


def test_every_character_flipped_or_cut_off_leaves_the_lines_before_and_after() -> None:
    lines = [b"%f 1  %X             Rx   d 2 %02X 02\n" % (row / 10, 0x100 + row, row) for row in range(8)]
    log = HEADER + b"".join(lines)

    def frames_in(content: bytes) -> tuple[list[FrameTuple], int]:
        frames, reader, _ = read_all(lambda stream, _: AscReader(stream, lambda _: 0), content)
        return frames, reader.damaged

    whole, _ = frames_in(log)
    place = len(HEADER)
    for row, line in enumerate(lines):
        for at in range(place, place + len(line)):
            for bit in (0x01, 0x10, 0x80):
                flipped = bytearray(log)
                flipped[at] ^= bit
                frames, damaged = frames_in(bytes(flipped))
                assert frames[:row] == whole[:row]
                lost = 2 if log[at] == 0x0A or row == 0 else 1  # two lines that became one
                assert frames[len(frames) - 7 + row + (lost - 1) :] == whole[row + lost :]
                assert len(frames) == 8 or damaged
            frames, damaged = frames_in(log[:at])
            assert frames[:row] == whole[:row]
            assert len(frames) == row + 1 or damaged == (at > place)
        place += len(line)


def test_it_reads_what_python_can_writes() -> None:
    text = io.StringIO()
    writer = can.ASCWriter(text)
    for message in (
        can.Message(1.5, 0x1ABCDEF0, data=b"\x01\x02", channel=0),
        can.Message(2.25, 0x123, is_extended_id=False, is_remote_frame=True, dlc=3, channel=1),
        can.Message(3.125, 7, is_extended_id=False, is_fd=True, bitrate_switch=True, data=bytes(12)),
        can.Message(4.0, is_error_frame=True),
    ):
        writer.on_message_received(message)
    frames, reader, _ = read(text.getvalue().encode())
    assert [frame.time_ns - frames[0].time_ns for frame in frames] == [
        0,
        750_000_000,
        1_625_000_000,
        2_500_000_000,
    ]
    assert [frame.id for frame in frames] == [0x1ABCDEF0 | EXTENDED, 0x123 | REMOTE, 7, ERROR]
    assert [frame.data for frame in frames] == [b"\x01\x02", bytes(3), bytes(12), b""]
    assert reader.damaged == 0


def test_a_line_after_one_that_is_too_long_has_its_own_number() -> None:
    frames, reader, _ = read(
        HEADER + b"x" * 600_000 + b"\n0.5 1 123 Rx d 0\ndate Tuesday\n0.5 1 123 Rx d 0\n"
    )
    assert (len(frames), reader.first_damage) == (2, f"5 (byte {len(HEADER)})")
    assert isinstance(reader, AscReader)
    assert reader.undated_line == 7
