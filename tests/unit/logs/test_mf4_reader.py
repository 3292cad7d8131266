"""MF4 as loggers write it and damaged in ways of its own; whole layouts are a property test."""

import io
import struct
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.logs import mf4_layout
from telemetry_core.logs.mf4 import Mf4Reader
from telemetry_core.logs.mf4_blocks import Blocks
from telemetry_core.logs.mf4_data import Data
from telemetry_core.logs.mf4_layout import UnknownLayoutError

from tests.support.can_frames import ERROR, EXTENDED, FD, REMOTE
from tests.support.logs import read_log
from tests.support.mf4 import COUNTS, LAST_LENGTH, OFFSETS, START_NS, Frame, Layout, mf4_file

MOST_PIECE_BYTES = 65_536
MOST_GROUPS = 256
LOGGER = Layout(payload="group", id_bytes=1, unit_s=1e-7, unfinished=COUNTS | LAST_LENGTH | OFFSETS)


def frame(number: int, data: bytes = b"ab", kind: int = 0, **fields: int) -> Frame:
    known = {"ID": number, "DLC": len(data), "DataLength": len(data), "BusChannel": 1}
    return Frame(number * 1000, kind, known | fields, data)


def read(content: bytes) -> tuple[list[FrameTuple], Mf4Reader]:
    reader = Mf4Reader(io.BytesIO(content), lambda name: int(name[3:]))
    batch = FrameBatch(1000)
    while reader.read(batch):
        pass
    return list(batch), reader


def test_a_log_of_canedge_is_read_from_its_card(tmp_path: Path) -> None:
    """Unsorted, not finished, payloads in a group beside that of the frames, fields of some bits."""
    path = tmp_path / "00000001.MF4"
    path.write_bytes(
        mf4_file(
            LOGGER,
            [
                frame(1, b"\x01\x02"),
                frame(2, bytes(range(64)), ID=0x1ABCDEF0, IDE=1, EDL=1, BusChannel=2),
                frame(3, kind=2, data=b"", DLC=4, DataLength=4),
                frame(4, b"", kind=1, BusChannel=2),
            ],
        )
        + b"\x01\x00"  # a record that the power cut
    )
    frames, log, names = read_log(path)
    assert frames == [
        FrameTuple(START_NS + 100_000, 1, b"\x01\x02", 0, 0, 0),
        FrameTuple(START_NS + 200_000, 0x1ABCDEF0 | EXTENDED, bytes(range(64)), 1, FD, 0),
        FrameTuple(START_NS + 300_000, 3 | REMOTE, bytes(4), 0, 0, 0),
        FrameTuple(START_NS + 400_000, 4 | ERROR, b"", 1, 0, 0),
    ]
    assert list(names) == ["can0", "can1"]
    assert log.warnings() == [
        f"{path}: was not finished by its logger: read up to its last whole record",
    ]


def test_fields_that_a_logger_leaves_out_follow_from_others() -> None:
    layout = Layout(fields=("ID", "DLC"), is_packed=False)
    made, _ = read(
        mf4_file(
            layout,
            [
                frame(1, bytes(8), ID=0x7FF),
                frame(2, bytes(8), ID=0x800),
                frame(3, b"abc", ID=0x80000001),
                frame(4, b"x" * 12, DLC=9),
            ],
        )
    )
    assert [(each.id, len(each.data), each.channel, each.flags) for each in made] == [
        (0x7FF, 8, 0, 0),
        (0x800 | EXTENDED, 8, 0, 0),
        (1 | EXTENDED, 3, 0, 0),
        (4, 12, 0, FD),
    ]


@pytest.mark.parametrize(("unit_s", "stamp", "since_ns"), [(1e-9, 1, 1), (2.5e-8, 3, 75), (0.0, 1499, 1000)])
def test_stamps_in_integers_are_exact_and_those_in_floats_are_microseconds(
    unit_s: float, stamp: int, since_ns: int
) -> None:
    made, _ = read(mf4_file(Layout(unit_s=unit_s), [Frame(stamp, 0, {"ID": 1, "BusChannel": 1}, b"")]))
    assert made[0].time_ns == START_NS + since_ns


def test_a_log_that_was_cut_says_how_many_of_its_records_are_there(tmp_path: Path) -> None:
    path = tmp_path / "drive.mf4"
    path.write_bytes(mf4_file(Layout(), [frame(number) for number in range(1500)])[: -500 * 84 - 3])
    frames, log, _ = read_log(path)
    count = len(frames)
    assert 900 < count < 1100
    assert [each.id for each in frames] == list(range(count))
    assert log.warnings() == [f"{path}: ends early: {count:,} of the 1,500 records that its groups count"]


@pytest.mark.parametrize("method", [0, 1])
def test_damage_of_a_block_keeps_what_comes_before_and_is_one_for_all_groups_that_share_it(
    method: int,
) -> None:
    layout = Layout(id_bytes=1, payload="group", block="DL", block_bytes=3000, method=method)
    content = bytearray(mf4_file(layout, [frame(number, kind=number % 2) for number in range(200)]))
    whole, _ = read(bytes(content))
    third = [at for at in range(len(content)) if content[at : at + 4] == b"##DZ"][2]
    content[third + 48 : third + 60] = b"\xff" * 12
    made, reader = read(bytes(content))
    assert 0 < len(made) < len(whole) == 200
    assert made == whole[: len(made)]
    assert (reader.damaged, reader.first_damage) == (1, f"byte {third}")


def test_a_record_of_an_unknown_group_ends_those_that_it_was_among() -> None:
    content = bytearray(mf4_file(Layout(id_bytes=1), [frame(number) for number in range(10)]))
    begin = content.rindex(b"##DT")
    record_bytes = (len(content) - begin - 24) // 10
    content[begin + 24 + 4 * record_bytes] = 77
    made, reader = read(bytes(content))
    assert [each.id for each in made] == [0, 1, 2, 3]
    assert (reader.damaged, reader.first_damage) == (1, f"byte {begin}")


def test_lists_that_name_a_block_again_and_again_end_with_as_many_bytes_as_the_file_has() -> None:
    content = bytearray(mf4_file(Layout(unfinished=COUNTS), [frame(number) for number in range(100)]))
    block = content.rindex(b"##DT")
    content += bytes(-len(content) % 8)
    at = len(content)
    content += struct.pack("<4s4xQQQ", b"##DL", 24 + 8 * 5001 + 8, 5001, 0) + struct.pack("<Q", block) * 5000
    content += struct.pack("<B3xI", 1, 5000)
    struct.pack_into("<Q", content, content.index(b"##DG") + 24 + 16, at)
    made, reader = read(bytes(content))
    assert 100 <= len(made) < len(content) / 80
    assert (reader.damaged, reader.first_damage) == (1, f"byte {block}")


def test_a_deflated_block_comes_in_pieces_whatever_it_unpacks_to() -> None:
    layout = Layout(block="DL", method=0)
    content = mf4_file(layout, [frame(number) for number in range(2000)])
    blocks = Blocks(io.BytesIO(content))
    blocks.check()
    pieces = list(Data(blocks).pieces(content.rindex(b"##DL")))
    assert len(pieces) > 1
    assert max(len(piece.data) for piece in pieces) == MOST_PIECE_BYTES


def test_more_groups_than_any_logger_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = mf4_file(Layout(), [frame(kind, kind=kind) for kind in range(3)])
    assert mf4_layout.MOST_GROUPS == MOST_GROUPS
    monkeypatch.setattr(mf4_layout, "MOST_GROUPS", 2)
    with pytest.raises(ValueError, match="it has 3 groups of frames, and not at most 2"):
        read(content)


def test_a_method_of_packing_that_is_not_known_is_said_before_any_frame() -> None:
    content = bytearray(mf4_file(Layout(method=0), [frame(1)]))
    content[content.rindex(b"##DZ") + 24 + 2] = 2
    with pytest.raises(UnknownLayoutError, match="packed by another method than deflate"):
        read(bytes(content))


@pytest.mark.parametrize(("at", "value"), [(24 + 64, 6), (24 + 64 + 2, 7)])
def test_a_layout_that_is_not_known_is_said_before_any_frame(at: int, value: int) -> None:
    content = bytearray(mf4_file(Layout(), [frame(1)]))
    name = content.index(b"CAN_DataFrame.ID\0") - 24
    channel = content.index(struct.pack("<Q", name)) - 24 - 16
    content[channel + at] = value
    with pytest.raises(UnknownLayoutError, match=r"CAN_DataFrame\.ID as a channel of type"):
        read(bytes(content))
