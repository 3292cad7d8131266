"""The compiled reader of captures: pcap and pcapng as tcpdump and Wireshark write them of CAN.

tests/data/two_buses.pcapng is by text2pcap and mergecap, and two_buses.tsv is what tshark 4.0 reads there.
"""

import csv
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.logs.pcap import PcapReader

from telemetry.errors import DataError
from tests.support.can_frames import BRS, ERROR, ESI, EXTENDED, FD, REMOTE
from tests.support.captures import (
    ETHERNET,
    NS,
    SLL,
    SLL2,
    SOCKETCAN,
    US,
    block,
    capture,
    cooked,
    interface,
    packet_block,
    section,
    socketcan,
)
from tests.support.logs import PACKERS, read_all, read_log

DATA = Path(__file__).parents[3] / "data"


def frames_of(content: bytes, damaged: int = 0) -> list[FrameTuple]:
    frames, reader, _ = read_all(PcapReader, content)
    assert reader.damaged == damaged
    return frames


def of_tshark(row: dict[str, str]) -> tuple[int, str, int, int, int, bytes]:
    """Return a row of tshark's fields as stamp, channel, id, flags, length and data."""
    seconds, _, part = row["frame.time_epoch"].partition(".")
    bits = {"can.flags.xtd": EXTENDED, "can.flags.rtr": REMOTE, "can.flags.err": ERROR}
    id = int(row["can.id"] or "0") | sum(bit for name, bit in bits.items() if row[name] == "1")
    flags = FD if row["canfd.flags.brs"] else 0
    flags += BRS * (row["canfd.flags.brs"] == "1") + ESI * (row["canfd.flags.esi"] == "1")
    name = f"if{row['sll.ifindex']}" if row["sll.ifindex"] else row["frame.interface_name"]
    return (
        int(seconds) * NS + int(part),
        name,
        id,
        flags,
        int(row["can.len"]),
        bytes.fromhex(row["data.data"]),
    )


def assert_as_tshark(path: Path, table: str) -> int:
    frames, log, names = read_log(path)
    rows = [of_tshark(row) for row in csv.DictReader(table.splitlines(), delimiter="\t")]
    assert log.damaged == 0
    assert len(frames) == len(rows)
    channels = list(names)
    for frame, (time_ns, name, id, flags, length, data) in zip(frames, rows, strict=True):
        assert (frame.time_ns, channels[frame.channel], frame.flags) == (time_ns, name, flags)
        assert len(frame.data) == length
        if id & ERROR:  # whose class and bytes tshark has in words
            assert frame.id & ERROR
        else:
            assert (frame.id, frame.data) == (id, bytes(length) if id & REMOTE else data)
    return len(rows)


def test_frames_of_three_interfaces_are_those_of_tshark() -> None:
    assert assert_as_tshark(DATA / "two_buses.pcapng", (DATA / "two_buses.tsv").read_text()) == 50


ORDERS = pytest.mark.parametrize("order", ["<", ">"])
UNITS = pytest.mark.parametrize("per_s", [US, NS])
LINKS = pytest.mark.parametrize("link", [SOCKETCAN, SLL, SLL2])


def of_link(link: int, order: str, id: int, data: bytes) -> bytes:
    return socketcan(id, data) if link == SOCKETCAN else cooked(id, data, order, version=1 + (link == SLL2))


@ORDERS
@UNITS
@LINKS
def test_pcap_is_read_in_both_orders_and_units(order: str, per_s: int, link: int) -> None:
    packet = of_link(link, order, 0x18FF50E5 | EXTENDED, b"\1\2\3")
    log = capture([(1_700_000_001_234_567_891, packet)], link, order, per_s)
    frames, reader, names = read_all(PcapReader, log)
    time_ns = 1_700_000_001_234_567_891 if per_s == NS else 1_700_000_001_234_567_000
    assert frames == [FrameTuple(time_ns, 0x18FF50E5 | EXTENDED, b"\1\2\3", 0, 0, 0)]
    assert (reader.damaged, names) == (0, ["if3" if link == SLL2 else "can0"])


@pytest.mark.optional
@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark here: apt-get install tshark")
@ORDERS
@UNITS
@LINKS
def test_pcap_is_read_as_tshark_does(tmp_path: Path, order: str, per_s: int, link: int) -> None:
    path = tmp_path / "log.pcap"
    ids = (0x123, 0x7FF | REMOTE, 0x18FF50E5 | EXTENDED, 0x44 | ERROR)
    packets = [(NS + 1_001 * id, of_link(link, order, id, bytes(range(id % 9)))) for id in ids]
    path.write_bytes(capture(packets, link, order, per_s))
    fields = (DATA / "two_buses.tsv").read_text().splitlines()[0].split()
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "header=y", *(f"-e{name}" for name in fields)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    shown = "\n".join(re.sub("\t\t", "\tcan0\t", line, count=1) for line in shown.splitlines())
    assert assert_as_tshark(path, shown) == len(ids)


@pytest.mark.parametrize(
    ("packet", "id", "data", "flags"),
    [
        (socketcan(0x123, b""), 0x123, b"", 0),
        (socketcan(0x123, b"\1\2", size=2), 0x123, b"\1\2", 0),  # padding is left out
        (socketcan(0x123, b"\1\2", 5, size=64), 0x123, b"\1\2", FD | BRS),
        (socketcan(0x123, bytes(8), 2, size=64), 0x123, bytes(8), FD | ESI),  # of 72 bytes, without its mark
        (socketcan(0x123, bytes(12), 3, size=12), 0x123, bytes(12), FD | BRS | ESI),
        (socketcan(0x123 | REMOTE, bytes(5)), 0x123 | REMOTE, bytes(5), 0),
        (socketcan(0x123 | REMOTE, bytes(5))[:8], 0x123 | REMOTE, bytes(5), 0),
        (socketcan(4 | ERROR | EXTENDED, b"\0\x10" + bytes(6)), 4 | ERROR, b"\0\x10" + bytes(6), 0),
    ],
)
def test_each_kind_of_frame_is_read(packet: bytes, id: int, data: bytes, flags: int) -> None:
    assert frames_of(capture([(NS, packet)])) == [FrameTuple(NS, id, data, 0, flags, 0)]


def test_cooked_can_fd_has_no_mark_and_other_protocols_are_skipped() -> None:
    packets = [cooked(1, b"\1", "<", protocol=protocol) for protocol in (0x0D, 0x0800, 0x0E, 0x0C)]
    frames = frames_of(capture([(NS, packet) for packet in packets], SLL))
    assert [frame.flags for frame in frames] == [FD, 0]


@pytest.mark.parametrize(
    "packet",
    [
        socketcan(0x123, b"\1\2\3")[:10],  # as `tcpdump -s 10` cuts it
        socketcan(0x123, b"")[:7],
        socketcan(0x800, b""),
        socketcan(0x123, bytes(64), 4, size=64).replace(b"\x40", b"\x41", 1),
        b"",
    ],
)
def test_a_packet_that_is_no_frame_costs_only_itself(packet: bytes) -> None:
    good = socketcan(1, b"\1")
    assert len(frames_of(capture([(NS, good), (NS, packet), (NS, good)]), damaged=1)) == 2
    blocks = [packet_block(0, NS, each) for each in (good, packet, good)]
    assert len(frames_of(section() + interface() + b"".join(blocks), damaged=1)) == 2


def test_can_xl_and_what_is_too_long_for_a_frame_is_skipped() -> None:
    xl = struct.pack("<LBBHL", 1, 0x80, 0, 100, 0) + bytes(100)
    assert len(frames_of(capture([(NS, xl), (NS, socketcan(1, b""))]))) == 1
    assert len(frames_of(capture([(NS, bytes(200_000)), (NS, cooked(1, b"", "<"))], SLL))) == 1


@ORDERS
@pytest.mark.parametrize(
    ("unit", "stamp", "time_ns"),
    [
        (6, 1_700_000_000_000_001, 1_700_000_000_000_001_000),
        (9, 1_700_000_000_000_000_001, 1_700_000_000_000_000_001),
        (12, 3_000, 3),
        (3, 1_500, 1_500_000_000),
        (0, 7, 7_000_000_000),
        (0x80 | 20, 3 << 19, 1_500_000_000),
        (0x80 | 33, (5 << 33) + (1 << 31), 5_250_000_000),
    ],
)
def test_pcapng_has_stamps_in_any_unit(order: str, unit: int, stamp: int, time_ns: int) -> None:
    log = section(order) + interface(order, unit=unit) + interface(order, unit=unit, offset_s=100)
    log += b"".join(packet_block(number, stamp, socketcan(1, b"\1"), order) for number in (0, 1))
    assert [frame.time_ns for frame in frames_of(log)] == [time_ns, time_ns + 100 * NS]


def test_channels_are_interfaces_by_name_in_each_section() -> None:
    log = section() + interface(name="can5") + interface() + interface(link=ETHERNET, name="eth0")
    log += b"".join(packet_block(number, NS, socketcan(number, b"")) for number in (1, 0, 2, 1))
    log += section(">") + interface(">") + interface(">", name="can5")
    log += b"".join(packet_block(number, NS, socketcan(number, b""), ">") for number in (0, 1))
    frames, reader, names = read_all(PcapReader, log)
    assert (reader.damaged, names) == (0, ["can1", "can5", "can0"])
    assert [(frame.id, frame.channel) for frame in frames] == [(1, 0), (0, 1), (1, 0), (0, 2), (1, 1)]


def test_other_blocks_are_skipped_and_simple_ones_have_no_stamp() -> None:
    good = socketcan(7, b"\1\2")
    old = struct.pack("<HHLLLL", 0, 0, 0, 1_500_000, len(good), len(good)) + good
    others = [block("<", kind, bytes(12)) for kind in (4, 5, 0x0BAD, 0x40000BAD)] + [
        block("<", 4, bytes(100_000))
    ]
    simple = block("<", 3, struct.pack("<L", len(good)) + good)
    frames, reader, _ = read_all(
        PcapReader, section() + interface() + b"".join(others) + simple + block("<", 2, old)
    )
    assert [(frame.time_ns, frame.data) for frame in frames] == [(0, b"\1\2"), (1_500_000_000, b"\1\2")]
    assert (reader.damaged, reader.unstamped) == (0, 1)


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("garbage", [b"\0\n", bytes(30), b"\xff" * 301, b"PuTTY" * 9])
def test_after_bytes_that_are_no_packet_the_next_one_is_found(form: str, garbage: bytes) -> None:
    """As a compressed capture has them where a part of it was lost."""
    if form == "pcap":
        whole = [
            capture([((1_700_000_000 + id) * NS, socketcan(id, b"\1"))])[24 if id > 1 else 0 :]
            for id in range(1, 5)
        ]
    else:
        whole = [packet_block(0, id * US, socketcan(id, b"\1")) for id in range(1, 5)]
        whole[0] = section() + interface() + whole[0]
    frames, reader, _ = read_all(PcapReader, whole[0] + garbage + b"".join(whole[1:]))
    assert [frame.id for frame in frames][-2:] == [3, 4]
    assert reader.damaged == (1 if any(garbage) or form == "pcapng" else 3)  # zeros are empty packets


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (ETHERNET, "Ethernet (link type 1)"),
        (280, "VPP (link type 280)"),
        (190, "something (link type 190)"),
    ],
)
def test_a_capture_of_something_else_is_refused_by_name(tmp_path: Path, link: int, words: str) -> None:
    path = tmp_path / "net.pcap"
    packet = socketcan(1, b"\1")
    for log in (capture([(NS, packet)], link), section() + interface(link=link) + packet_block(0, 1, packet)):
        path.write_bytes(PACKERS[".zst"](log))
        with pytest.raises(DataError) as caught:
            read_log(path)
        hint = "capture the bus: tcpdump -i can0 -w drive.pcap"
        assert str(caught.value) == f"{path}: is a capture of {words}, and not of CAN ({hint})"


@pytest.mark.parametrize("size", [4, 23, 30, 60])
def test_a_capture_that_was_cut_off_is_read_up_to_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(capture([(NS, socketcan(1, b"\1")), (NS, socketcan(2, b"\1"))])[:size])
    frames, log, _ = read_log(path)
    assert (len(frames), log.damaged) == (size // 56, 1)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**32 * NS - 1),
        st.one_of(st.integers(0, 0x7FF), st.integers(0, 0x1FFFFFFF).map(lambda id: id | EXTENDED)),
        st.binary(max_size=64),
        st.booleans(),
    ),
    max_size=12,
)
SIZES = st.lists(st.integers(1, 60), max_size=40)


@given(ROWS, SIZES, st.sampled_from("<>"), st.booleans())
def test_what_is_written_is_read_back(
    rows: list[tuple[int, int, bytes, bool]], sizes: list[int], order: str, is_ng: bool
) -> None:
    packets, expected = [], []
    for time_ns, id, data, is_fd in rows:
        payload = data if is_fd else data[:8]
        packets.append((time_ns, socketcan(id, payload, 4 * is_fd, size=64 if is_fd else 8)))
        expected.append(FrameTuple(time_ns, id, payload, 0, FD * is_fd, 0))
    log = capture(packets, order=order, per_s=NS)
    if is_ng:
        blocks = [packet_block(0, *packet, order) for packet in packets]
        log = section(order) + interface(order, unit=9) + b"".join(blocks)
    frames, reader, _ = read_all(PcapReader, log, sizes, 7)
    assert (frames, reader.damaged) == (expected, 0)


HEADS = st.sampled_from([b"", capture([]), capture([], SLL2, ">", NS), section() + interface()])
PARTS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [capture([(NS, socketcan(1, b"\1"))])[24:], packet_block(0, NS, socketcan(1, b"\1")), section(">")]
    ),
)


@given(HEADS, st.lists(PARTS, max_size=8).map(b"".join), SIZES, st.integers(1, 5))
def test_neither_the_pieces_nor_the_batch_size_matter(
    head: bytes, content: bytes, sizes: list[int], capacity: int
) -> None:
    frames, reader, _ = read_all(PcapReader, head + content, sizes, capacity)
    whole, other, _ = read_all(PcapReader, head + content, [], 1000)
    assert (frames, reader.damaged, reader.first_damage) == (whole, other.damaged, other.first_damage)
    assert all(len(frame.data) <= 64 and frame.time_ns >= 0 for frame in frames)
