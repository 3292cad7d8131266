"""MF4 logs whose blocks are such that a reader would not come back, or would crash."""

import io
import struct
from pathlib import Path

import pytest
from telemetry_core.logs.mf4_blocks import Blocks

MOST_RECORD_BYTES = 65_536

FILE = (Path(__file__).parents[3] / "fuzz" / "drive.mf4").read_bytes()
GROUPS = [FILE.index(b"##DG") + 64 * number for number in range(3)]
CHANNEL_GROUP = FILE.index(b"##CG")
CHANNELS = [FILE.index(b"##CN"), FILE.index(b"##CN", FILE.index(b"##CN") + 1)]
HISTORY = FILE.index(b"##FH")
HEADER = 64
GROUP_FIELDS, CHANNEL_FIELDS = CHANNEL_GROUP + 24 + 6 * 8, CHANNELS[1] + 24 + 8 * 8  # after their links
FLAGS, RECORD_BYTES = GROUP_FIELDS + 16, GROUP_FIELDS + 24
KIND, BIT_OFFSET, BYTE_OFFSET, BIT_COUNT = (CHANNEL_FIELDS + number for number in (0, 3, 4, 8))
NEXT, CHILD, DATA = 24, 32, 40  # the first, second and third link of a block
CHANNEL_DATA = 64


def linked(*links: tuple[int, int], after: bytes = b"") -> bytes:
    """Return the log with other links (place and where to), and with blocks after it."""
    log = bytearray(FILE + after)
    for place, address in links:
        struct.pack_into("<Q", log, place, address)
    return bytes(log)


def changed(*fields: tuple[str, int, int]) -> bytes:
    """Return the log with other fields in its first group: each one's packing, place and value."""
    log = bytearray(FILE)
    for packed, place, value in fields:
        struct.pack_into(packed, log, place, value)
    return bytes(log)


def block(kind: bytes, *links: int) -> bytes:
    return struct.pack("<4s4xQQ", kind, 24 + 8 * 8, len(links)) + struct.pack(
        "<8Q", *links, *[0] * (8 - len(links))
    )


def refusal(log: bytes) -> str:
    """Why the log is refused; empty: it is not."""
    try:
        Blocks(io.BytesIO(log)).check()
    except ValueError as error:
        return str(error)
    return ""


def test_a_sound_log_has_nothing_wrong_with_its_links() -> None:
    assert refusal(FILE) == ""


@pytest.mark.parametrize(
    ("place", "address"),
    [
        (GROUPS[0] + NEXT, GROUPS[0]),
        (GROUPS[2] + NEXT, GROUPS[0]),
        (CHANNEL_GROUP + NEXT, CHANNEL_GROUP),
        (GROUPS[1] + CHILD, CHANNEL_GROUP),  # the first group's
        (CHANNELS[1] + NEXT, CHANNELS[0]),
        (CHANNELS[1] + CHILD, CHANNELS[0]),  # made of what it is a part of
        (CHANNELS[0] + CHILD, CHANNELS[1]),  # made of the next one: so many, it doubles with each
        (HISTORY + NEXT, HISTORY),
    ],
)
def test_a_ring_or_a_block_of_two_others_is_refused_with_its_byte(place: int, address: int) -> None:
    said = refusal(linked((place, address)))
    assert said == f"its blocks form a ring, or belong to two others, at byte {address}"


@pytest.mark.parametrize("link", [GROUPS[0] + DATA, CHANNELS[0] + CHANNEL_DATA])
def test_lists_of_data_that_form_a_ring_are_refused(link: int) -> None:
    end = len(FILE)
    lists = block(b"##HL", end + 88) + block(b"##DL", end + 176) + block(b"##DL", end + 88)
    assert refusal(linked((link, end), after=lists)) == f"its lists of data form a ring, at byte {end + 88}"


def test_arrays_that_form_a_ring_are_refused() -> None:
    end = len(FILE)
    log = linked((CHANNELS[0] + CHILD, end), after=block(b"##CA", end))
    assert refusal(log) == f"its blocks form a ring, or belong to two others, at byte {end}"


def test_lists_of_data_may_be_shared_and_end() -> None:
    end = len(FILE)
    lists = block(b"##DL", end + 88) + block(b"##DL", 0)
    assert refusal(linked((GROUPS[0] + DATA, end), (GROUPS[1] + DATA, end), after=lists)) == ""


def test_what_is_not_a_group_is_refused_and_one_after_the_end_was_cut_off() -> None:
    assert refusal(linked((GROUPS[0] + NEXT, HISTORY))) == f"it has no DG block at byte {HISTORY}"
    assert refusal(linked((GROUPS[0] + CHILD, HISTORY))) == f"it has no CG block at byte {HISTORY}"
    assert refusal(b"x" * 200) == "it has no header at byte 64"
    for address in (len(FILE) - 23, len(FILE), 2**62, 2**63, 2**64 - 1):
        for place in (GROUPS[2] + NEXT, GROUPS[1] + CHILD, GROUPS[0] + DATA):
            with pytest.raises(EOFError, match=f"without its block of byte {address}, at byte {len(FILE)}"):
                Blocks(io.BytesIO(linked((place, address)))).check()


@pytest.mark.parametrize("address", [2**62, 2**63 - 1])
def test_a_link_beyond_all_that_a_file_system_can_hold_is_one_after_the_end(
    address: int, tmp_path: Path
) -> None:
    (tmp_path / "drive.mf4").write_bytes(linked((GROUPS[2] + NEXT, address)))
    with (
        (tmp_path / "drive.mf4").open("rb") as file,
        pytest.raises(EOFError, match=f"without its block of byte {address}, at byte {len(FILE)}"),
    ):
        Blocks(file).check()


@pytest.mark.parametrize(
    "field",
    [
        ("<I", BYTE_OFFSET, 9),  # of 8 + 76 bytes
        ("<I", BYTE_OFFSET, 2**32 - 1),
        ("<I", BIT_COUNT, 609),
        ("<I", BIT_COUNT, 2**32 - 1),
        ("<B", BIT_OFFSET, 1),
        ("<I", RECORD_BYTES, 83),
    ],
)
def test_a_channel_that_is_not_inside_its_record_is_refused(field: tuple[str, int, int]) -> None:
    assert refusal(changed(field)) == f"a channel is not inside its record, at byte {CHANNELS[1]}"


@pytest.mark.parametrize("field", [("<H", FLAGS, 0), ("<B", KIND, 3), ("<B", KIND, 6)])
def test_a_channel_of_no_record_or_of_no_bus_may_say_what_it_likes(field: tuple[str, int, int]) -> None:
    assert refusal(changed(("<I", BYTE_OFFSET, 1000), field)) == ""


def test_invalidation_bits_are_a_part_of_the_record() -> None:
    assert refusal(changed(("<I", BYTE_OFFSET, 9), ("<I", RECORD_BYTES + 4, 1))) == ""


def test_a_record_that_is_too_large_for_a_frame_is_refused() -> None:
    assert refusal(changed(("<I", RECORD_BYTES, MOST_RECORD_BYTES))) == ""
    said = refusal(changed(("<I", RECORD_BYTES, MOST_RECORD_BYTES), ("<I", RECORD_BYTES + 4, 1)))
    assert said == f"a record of {MOST_RECORD_BYTES + 1} bytes is no frame, at byte {CHANNEL_GROUP}"


@pytest.mark.parametrize(
    ("place", "length_bytes", "links"),
    [(CHANNEL_GROUP, 0, 6), (CHANNEL_GROUP, 112, 6), (CHANNEL_GROUP, 104, 7), (CHANNELS[1], 160, 5)],
)
def test_a_block_whose_length_and_links_say_other_places_of_its_fields_is_refused(
    place: int, length_bytes: int, links: int
) -> None:
    """asammdf takes 7 links from a group of any length but 104, and 8 from a channel of 160."""
    said = refusal(changed(("<Q", place + 8, length_bytes), ("<Q", place + 16, links)))
    assert said == f"a block is not as long as its links and fields, at byte {place}"


def test_a_log_that_ends_inside_a_block_of_its_groups_was_cut_off() -> None:
    last = FILE.rindex(b"##CG")
    log = linked((CHANNELS[0] + NEXT, 0))[: last + 24 + 6 * 8 + 31]
    with pytest.raises(EOFError, match=f"inside its block of byte {last}, at byte {len(log)}"):
        Blocks(io.BytesIO(log)).check()
