"""The compiled reader of BLF logs, on files made byte by byte."""

import struct
import zlib

import pytest
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.logs import blf_content
from telemetry_core.logs.blf import BlfReader

from tests.support.can_frames import BRS, ERROR, ESI, EXTENDED, FD, REMOTE
from tests.support.logs import (
    BLF_START_NS,
    Reader,
    blf_container,
    blf_file,
    blf_message,
    blf_object,
    read_all,
)


def read(file: bytes) -> tuple[list[FrameTuple], Reader, list[str]]:
    return read_all(BlfReader, file)


def frames_of(*objects: bytes) -> list[FrameTuple]:
    frames, reader, _ = read(blf_file(blf_container(b"".join(objects))))
    assert (reader.damaged, reader.first_damage) == (0, "")
    return frames


def only(*objects: bytes) -> tuple[int, bytes, int]:
    (frame,) = frames_of(*objects)
    return frame.id, frame.data, frame.flags


def fd_64(
    data: bytes,
    valid: int,
    flags: int,
    *,
    ext: int = 0,
    tail: bytes = b"",
    dlc: int = 9,
    direction: int = 0,
) -> bytes:
    body = struct.pack(
        "<BBBBLLLLLLLHBBL", 2, dlc, valid, 0, 0x123, 0, flags, 0, 0, 0, 0, 0, direction, ext, 0
    )
    return blf_object(101, body + data + tail)


def fd(data: bytes, fd_flags: int, *, flags: int = 0, dlc: int = 9) -> bytes:
    return blf_object(
        100, struct.pack("<HBBLLBBB5x64s", 1, flags, dlc, 0x80000123, 0, 0, fd_flags, len(data), data)
    )


def test_a_message_has_its_files_start_and_its_own_nanoseconds() -> None:
    (frame,) = frames_of(blf_message(0x123, b"\x01\x02", stamp=1_234_567_891))
    assert frame == FrameTuple(BLF_START_NS + 1_234_567_891, 0x123, b"\x01\x02", 0, 0, 0)


def test_a_stamp_may_count_ten_microseconds() -> None:
    message = blf_object(1, struct.pack("<HBBL8s", 1, 0, 0, 1, b""), stamp=123_456, unit=1)
    assert frames_of(message)[0].time_ns == BLF_START_NS + 1_234_560_000


@pytest.mark.parametrize(
    "start",
    [(0,) * 8, (2023, 13, 0, 1, 0, 0, 0, 0), (1969, 1, 0, 1, 0, 0, 0, 0), (9999, 1, 0, 1, 0, 0, 0, 0)],
)
def test_without_a_start_stamps_count_from_1970(start: tuple[int, ...]) -> None:
    frames, _, _ = read(blf_file(blf_container(blf_message(1, b"", stamp=5)), start=start))
    assert frames[0].time_ns == 5


@pytest.mark.parametrize("kind", [1, 86])
def test_classic_frames_are_read(kind: int) -> None:
    def body(id: int, data: bytes, flags: int = 0, dlc: int = 8) -> bytes:
        tail = bytes(8) if kind == 86 else b""  # length of the frame, count of bits
        return blf_object(kind, struct.pack("<HBBL8s", 1, flags, dlc, id, data) + tail)

    data = bytes(range(1, 9))
    assert only(body(0x7FF, data)) == (0x7FF, data, 0)
    assert only(body(0x9FFFFFFF, data, dlc=3)) == (0x1FFFFFFF | EXTENDED, data[:3], 0)
    assert only(body(1, data, dlc=15)) == (1, data, 0)
    assert only(body(1, data, flags=0x80, dlc=4)) == (1 | REMOTE, bytes(4), 0)
    assert only(body(1, data, flags=0x01)) == (1, data, 0)  # sent


def test_the_second_version_of_the_header_is_read() -> None:
    message = blf_object(1, struct.pack("<HBBL8s", 2, 0, 1, 7, b"\xaa"), stamp=9, version=2)
    frames, _, names = read(blf_file(blf_container(message)))
    assert frames == [FrameTuple(BLF_START_NS + 9, 7, b"\xaa", 0, 0, 0)]
    assert names == ["can1"]


def test_fd_frames_are_read() -> None:
    data = bytes(range(12))
    assert only(fd(data, 0x1)) == (0x123 | EXTENDED, data, FD)
    assert only(fd(data, 0x7)) == (0x123 | EXTENDED, data, FD | BRS | ESI)
    assert only(fd(bytes(64), 0x3, dlc=15)) == (0x123 | EXTENDED, bytes(64), FD | BRS)
    assert only(fd(data[:8], 0, dlc=8)) == (0x123 | EXTENDED, data[:8], 0)  # classic, as such an object
    assert only(fd(b"", 0, flags=0x80, dlc=2)) == (0x123 | EXTENDED | REMOTE, bytes(2), 0)


def test_fd_64_frames_are_read() -> None:
    data = bytes(range(12))
    assert only(fd_64(data, 12, 0x1000)) == (0x123, data, FD)
    assert only(fd_64(data, 12, 0x7000)) == (0x123, data, FD | BRS | ESI)
    assert only(fd_64(data[:8], 8, 0, dlc=8)) == (0x123, data[:8], 0)
    assert only(fd_64(b"", 0, 0x10, dlc=3)) == (0x123 | REMOTE, bytes(3), 0)


def test_what_a_node_was_asked_to_send_is_no_frame() -> None:
    requested = (
        blf_message(0x10, b"\x01", flags=2),
        blf_object(86, struct.pack("<HBBL8sLBBH", 1, 2, 1, 0x11, b"", 0, 0, 0, 0)),
        fd(bytes(12), 1, flags=2),
        fd_64(bytes(12), 12, 0x1000, direction=2),
    )
    sent = (
        blf_message(0x20, b"\x01", flags=1),
        fd(bytes(12), 1, flags=1),
        fd_64(bytes(12), 12, 0x1000, direction=1),
    )
    assert [frame.id for frame in frames_of(*requested, *sent)] == [0x20, 0x123 | EXTENDED, 0x123]


def test_an_fd_64_frame_may_have_fewer_bytes_than_it_says_and_more_after_them() -> None:
    data = bytes(range(1, 13))
    assert only(fd_64(data, 16, 0x1000, dlc=10)) == (0x123, data + bytes(4), FD)
    assert only(fd_64(data, 16, 0x1000, dlc=10, ext=32 + 40 + 12, tail=b"\xff" * 20)) == (
        0x123,
        data + bytes(4),
        FD,
    )


def test_error_frames_are_read() -> None:
    assert only(blf_object(2, struct.pack("<HHL", 1, 6, 0))) == (ERROR, b"", 0)
    ext = struct.pack("<HHLBBBxLLH2x8s", 1, 0, 0, 0, 0, 2, 0, 0x80000123, 0, b"\x01\x02\x03")
    assert only(blf_object(73, ext)) == (0x123 | ERROR, b"\x01\x02", 0)


def fd_error(data: bytes, valid: int, *, version: int, ext: int = 0, dlc: int = 9) -> bytes:
    head = struct.pack("<BBBBHHHBBL", 2, dlc, valid, 0, 0, 0, 0, ext, 0, 0x80000123)
    return blf_object(104, head + bytes(28) + data, stamp=9, version=version)


@pytest.mark.parametrize("version", [1, 2])
def test_fd_error_frames_are_read_in_both_versions_of_the_header(version: int) -> None:
    data = bytes(range(1, 13))
    frames, reader, names = read(blf_file(blf_container(fd_error(data, 12, version=version))))
    assert frames == [FrameTuple(BLF_START_NS + 9, 0x123 | ERROR, data, 0, FD, 0)]
    assert (reader.damaged, names) == (0, ["can1"])
    header = 32 if version == 1 else 40
    ends_early = fd_error(data + b"\xff" * 8, 16, version=version, ext=header + 44 + 12, dlc=10)
    assert only(ends_early) == (0x123 | ERROR, data + bytes(4), FD)


def test_an_fd_error_frame_that_cannot_be_is_damaged() -> None:
    for torn in (blf_object(104, bytes(43)), fd_error(b"", 65, version=1)):
        frames, reader, _ = read(blf_file(blf_container(torn + blf_message(1, b""))))
        assert ([frame.id for frame in frames], reader.damaged) == ([1], 1)


def test_channels_are_counted_from_1_in_the_file_and_0_is_the_first_too() -> None:
    frames, _, names = read(
        blf_file(blf_container(b"".join(blf_message(1, b"", channel=channel) for channel in (3, 1, 0, 256))))
    )
    assert names == ["can2", "can0", "can255"]
    assert [frame.channel for frame in frames] == [0, 1, 1, 2]


def test_other_objects_are_passed_over_whatever_their_size() -> None:
    other = blf_object(65, b"LOB" * 1000)
    huge = blf_object(65, bytes(300_001))
    frames = frames_of(blf_message(1, b""), other, blf_message(2, b""), huge, huge, blf_message(3, b""))
    assert [frame.id for frame in frames] == [1, 2, 3]


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("cut", range(1, 96, 5))
def test_an_object_may_begin_in_one_container_and_end_in_the_next(stored: bool, cut: int) -> None:
    content = blf_message(1, b"\x01", stamp=1) + blf_message(2, b"\x02", stamp=2)
    file = blf_file(*(blf_container(part, stored=stored) for part in (content[:cut], content[cut:])))
    frames, reader, _ = read(file)
    assert [frame.data for frame in frames] == [b"\x01", b"\x02"]
    assert reader.damaged == 0


def test_an_object_may_span_many_containers() -> None:
    content = blf_message(1, b"\x01") + blf_message(2, b"\x02")
    frames, reader, _ = read(blf_file(*(blf_container(bytes([byte])) for byte in content)))
    assert [frame.id for frame in frames] == [1, 2]
    assert reader.damaged == 0


def test_objects_may_stand_outside_containers() -> None:
    frames, reader, _ = read(
        blf_file(blf_message(1, b""), blf_container(blf_message(2, b"")), blf_message(3, b""))
    )
    assert [frame.id for frame in frames] == [1, 2, 3]
    assert reader.damaged == 0


@pytest.mark.parametrize("padding", range(4))
def test_padding_is_passed_over_whatever_its_rule(padding: int) -> None:
    message = blf_message(1, b"\x01")
    frames, reader, _ = read(
        blf_file(blf_container((message + bytes(padding)) * 3) + bytes(padding), blf_container(message))
    )
    assert len(frames) == 4
    assert reader.damaged == 0


def test_a_container_that_inflates_beyond_measure_is_read_in_pieces() -> None:
    frames = frames_of(blf_object(65, bytes(10_000_000)), blf_message(1, b""))
    assert len(frames) == 1


def damaged(file: bytes) -> tuple[list[int], int, str]:
    frames, reader, _ = read(file)
    return [frame.id for frame in frames], reader.damaged, reader.first_damage


def test_a_damaged_signature_costs_one_object_and_its_byte_is_reported() -> None:
    content = bytearray(b"".join(blf_message(id, b"") for id in (1, 2, 3, 4)))
    content[48] ^= 1
    assert damaged(blf_file(blf_container(bytes(content), stored=True))) == ([1, 3, 4], 1, "byte 224")
    assert damaged(blf_file(blf_container(bytes(content)))) == (
        [1, 3, 4],
        1,
        "byte 144 (byte 48 of the container's content)",
    )


@pytest.mark.parametrize("size", [0, 15, 47, 49, 80, 1000, 5000, 2**32 - 1])
def test_a_damaged_size_costs_no_object_after_it(size: int) -> None:
    content = bytearray(b"".join(blf_message(id, b"") for id in range(40)))
    content[48 + 8 : 48 + 12] = size.to_bytes(4, "little")
    ids, count, first = damaged(blf_file(blf_container(bytes(content), stored=True)))
    assert ids in ([0, *range(2, 40)], list(range(40)))  # where what it needs is there, it is a frame
    assert count == (size != 47)  # a byte that may be padding
    assert first.startswith("byte ") == (size != 47)


def test_an_impossible_frame_is_damage() -> None:
    good = blf_message(1, b"")
    impossible = [
        blf_message(2, b"", dlc=16),
        blf_message(0x40000002, b""),
        blf_message(2, b"", channel=257),
        blf_message(2, b"", stamp=2**63),
        blf_object(1, struct.pack("<HBBL8s", 1, 0, 0, 2, b""), stamp=2**62, unit=1),
        blf_object(1, struct.pack("<HBBL8s", 1, 0, 0, 2, b""), version=2)[:6] + b"\x03\x00" + good[8:],
        blf_object(1, b"\x01"),
        blf_object(1, struct.pack("<HBBL4s", 1, 0, 8, 2, b"")),
        blf_object(73, bytes(20)),
        blf_object(100, bytes(16)),
        blf_object(101, bytes(36)),
        fd(bytes(64), 0),
        fd_64(bytes(65), 65, 0x1000),
    ]
    for bad in impossible:
        ids, count, _ = damaged(blf_file(blf_container(good + bad + good)))
        assert (ids, count) == ([1, 1], 1), bad


def test_a_container_that_fails_gives_what_is_before_that_byte_and_the_next_one_is_read() -> None:
    noise = [blf_message(id, bytes((id * 37 + byte * 101) % 256 for byte in range(8))) for id in range(200)]
    container = blf_container(b"".join(noise))
    behind = blf_container(blf_message(0x500, b""))
    whole = read(blf_file(container, behind))[0]
    broken = bytearray(container)
    broken[len(broken) // 2] ^= 0x55
    frames, reader, _ = read(blf_file(behind, bytes(broken), behind))
    assert frames[0].id == frames[-1].id == 0x500
    assert 50 < len(frames) - 2 <= 200
    assert frames[1:20] == whole[:19]
    inner = 48 * (len(frames) - 2)  # of the object that was not whole
    place = int(reader.first_damage.split()[3])
    assert inner <= place < inner + 48
    assert reader.first_damage == f"byte {144 + len(behind)} (byte {place} of the container's content)"
    assert reader.damaged == 1


def test_a_compression_that_is_not_known_costs_its_container() -> None:
    container = bytearray(blf_container(blf_message(1, b"")))
    container[16] = 7
    file = blf_file(bytes(container), blf_container(blf_message(2, b"")))
    assert damaged(file) == ([2], 1, "byte 144")


@pytest.mark.parametrize("size", [0, 31, 40, 2**20, 2**31])
def test_a_container_whose_size_is_damaged_does_not_hide_the_next_one(size: int) -> None:
    container = bytearray(blf_container(b"".join(blf_message(id, b"") for id in range(9))))
    container[8:12] = size.to_bytes(4, "little")
    ids, count, first = damaged(blf_file(bytes(container), *[blf_container(blf_message(99, b""))] * 3))
    assert ids[-3:] == [99, 99, 99]
    assert (count, first.split(" (")[0]) == (1, "byte 144")


def test_a_stored_container_whose_size_is_damaged_does_not_hide_the_next_one() -> None:
    container = bytearray(blf_container(b"".join(blf_message(id, b"") for id in range(9)), stored=True))
    for size in (0, 31, 33, 100, 600, 2**20, 2**31):
        container[8:12] = size.to_bytes(4, "little")
        ids, count, first = damaged(
            blf_file(bytes(container), blf_container(blf_message(99, b""), stored=True))
        )
        assert ids == [*range(9), 99], size
        assert (count, first) == (1, "byte 144")


def test_a_file_that_was_cut_off_is_reported_with_its_place() -> None:
    container = blf_container(blf_message(1, b""))
    file = blf_file(container, blf_container(blf_message(2, bytes(8)), stored=True))
    assert damaged(file[:-20]) == ([1], 1, f"byte {len(file) - 20}")
    file = blf_file(container, container)
    ids, count, first = damaged(file[: -len(container) // 2])
    assert (ids, count) == ([1], 1)
    assert first.startswith(f"byte {144 + len(container)} (byte ")


@pytest.mark.parametrize("file", [b"LOBJ", b"LO J", b"something else" * 100, b"LOBJ" * 100])
def test_what_is_no_blf_log_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match="LOGG"):
        read(file)


def test_a_file_that_ends_inside_its_header_is_one_that_was_cut_off() -> None:
    file = blf_file()
    for size in (0, 3, 4, 100, 143):
        with pytest.raises(EOFError, match=f"inside its header, at byte {size}"):
            read(file[:size])
    assert damaged(file) == ([], 0, "")


def test_a_file_header_with_an_impossible_size_is_taken_for_the_usual_one() -> None:
    file = bytearray(blf_file(blf_container(blf_message(1, b""))))
    file[4:8] = b"\xff\xff\xff\xff"
    assert damaged(bytes(file)) == ([1], 0, "")


MESSAGES = [blf_message(0x100 + number, bytes([number] * 8), stamp=number * 1000) for number in range(12)]


@pytest.mark.parametrize("stored", [True, False])
def test_every_byte_flipped_leaves_what_is_before_it_and_goes_on_after(stored: bool) -> None:
    file, ends = three_containers(stored)
    whole = read(file)[0]
    for at in range(144, len(file)):
        before, intact = frames_before(at, ends, stored)
        behind = 4 * (2 - intact)
        for bit in (0x01, 0x80):
            flipped = bytearray(file)
            flipped[at] ^= bit
            frames, reader, _ = read_all(lambda stream, _: BlfReader(stream, lambda _: 0), bytes(flipped))
            assert frames[:before] == whole[:before], at
            assert frames[len(frames) - behind :] == whole[12 - behind :], at
            assert len(frames) <= 12
            # Of another type an object is passed over, and what is stored has no checksum.
            is_type = at - [144, *ends][intact] in (12, 13, 14, 15)
            assert frames == whole or reader.damaged or is_type or stored, at


@pytest.mark.parametrize("stored", [True, False])
def test_cut_off_anywhere_it_gives_what_is_before_and_says_so(stored: bool) -> None:
    file, ends = three_containers(stored)
    whole = read(file)[0]
    for at in range(144, len(file)):
        frames, reader, _ = read(file[:at])
        before, _ = frames_before(at, ends, stored)
        assert frames[:before] == whole[:before] == whole[: len(frames)][:before], at
        if at in (144, *ends):
            assert reader.damaged == 0
        elif any(file[at : min(end for end in ends if end > at)]):  # and not just padding
            assert reader.damaged == 1, at


def three_containers(stored: bool) -> tuple[bytes, list[int]]:
    parts = [b"".join(MESSAGES[start : start + 4]) for start in (0, 4, 8)]
    containers = [blf_container(part, stored=stored) for part in parts]
    return blf_file(*containers), [144 + sum(map(len, containers[: count + 1])) for count in range(3)]


def frames_before(at: int, ends: list[int], stored: bool) -> tuple[int, int]:
    """Return how many frames are whole before the byte `at`, and how many containers."""
    intact = sum(end <= at for end in ends)
    inside = max(at - ([144, *ends][intact] + 32), 0) // 48 if stored else 0
    return 4 * intact + inside, intact


def test_it_reads_the_same_where_isal_has_no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    container = bytearray(blf_container(b"".join(MESSAGES)))
    whole = read(blf_file(bytes(container)))[0]
    container[-10] ^= 0xFF
    broken = read(blf_file(bytes(container)))[0]
    monkeypatch.setattr(blf_content, "decompressobj", zlib.decompressobj)
    assert read(blf_file(blf_container(b"".join(MESSAGES))))[0] == whole
    assert len(whole) == 12
    assert read(blf_file(bytes(container)))[0] == broken
