"""Text blocks in a stream of bytes: each trap of VE.Direct."""

import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.serial.framing import TextFraming
from telemetry_core.serial.text_framer import TextFramer

from telemetry.protocols.serial.vedirect import CHARGER, MONITOR, VEDIRECT
from telemetry.protocols.table import Framer
from tests.support.framing import block_with_sum, feed_pieces, frames_of, vedirect_block

HEX = b":7D5ED00C40ABE\n"
EXAMPLE = b"\r\nPID\t0xA053\r\nV\t13180\r\nI\t-450\r\nChecksum\t\x8d"
BLOCK = {"V": "12800", "SOC": "876"}
MS = 1_000_000


def values(frame: FrameTuple) -> dict[str, int]:
    """Return the numbers of a block by label, unsigned."""
    assert isinstance(VEDIRECT.framing, TextFraming)
    names = [label.name for label in VEDIRECT.framing.numbers]
    mask_bytes = (len(names) + 7) // 8
    present = int.from_bytes(frame.data[:mask_bytes], "little")
    places = [mask_bytes + 4 * number for number in range(len(names))]
    return {
        name: int.from_bytes(frame.data[place : place + 4], "little")
        for number, (name, place) in enumerate(zip(names, places, strict=True))
        if present >> number & 1
    }


def found(data: bytes) -> list[dict[str, int]]:
    return [values(frame) for frame in frames_of(VEDIRECT, data)]


def counts(*pieces: bytes) -> dict[str, int]:
    framer = VEDIRECT.make_framer()
    feed_pieces(framer, pieces, finish=False)
    return {name: count for name, count in framer.counts().items() if count}


def test_the_worked_example_is_read() -> None:
    assert sum(EXAMPLE) % 256 == 0
    assert found(EXAMPLE) == [{"PID": 0xA053, "V": 13180, "I": 2**32 - 450}]
    assert counts(EXAMPLE) == {"messages": 1}


@pytest.mark.parametrize("checksum", [0x0D, 0x0A, 0x09, 0x3A, 0x00, 0xFF, 0x43])
def test_the_checksum_byte_can_be_anything(checksum: int) -> None:
    first = block_with_sum(BLOCK, checksum)
    second = vedirect_block({"V": "12801"})
    assert [block["V"] for block in found(first + second)] == [12800, 12801]


def test_a_receiver_that_starts_inside_a_block_waits_for_the_next() -> None:
    assert [block["V"] for block in found(EXAMPLE[9:] + vedirect_block({"V": "1"}))] == [1]
    assert counts(EXAMPLE[9:] + vedirect_block({"V": "1"})) == {"messages": 1, "garbage_bytes": 32}


@pytest.mark.parametrize("checksum", [b":", b"\r", b"\n", b"\x00", b"C"])
def test_a_receiver_that_starts_at_a_checksum_byte_loses_one_block_at_most(checksum: bytes) -> None:
    assert found(checksum + 2 * EXAMPLE)[-1:] == found(EXAMPLE)


@pytest.mark.parametrize("at", range(len(EXAMPLE) - 1))  # the checksum byte follows its tab at once
def test_a_hex_message_in_the_middle_of_a_block_changes_nothing(at: int) -> None:
    assert found(EXAMPLE[:at] + HEX + EXAMPLE[at:] + EXAMPLE) == found(EXAMPLE + EXAMPLE)
    assert counts(EXAMPLE[:at] + HEX + EXAMPLE[at:]) == {"messages": 1, "hex_messages": 1}


@pytest.mark.parametrize("message", [b":70010003E\n", b":7001000C80076\n", b":7D5ED008C\n", HEX])
def test_the_published_hex_messages_leave_the_block_around_them_whole(message: bytes) -> None:
    at = EXAMPLE.index(b"V\t") + 4
    assert found(EXAMPLE[:at] + message + EXAMPLE[at:]) == found(EXAMPLE)
    assert counts(EXAMPLE[:at] + message + EXAMPLE[at:]) == {"messages": 1, "hex_messages": 1}


def test_a_hex_message_may_come_between_the_checksum_byte_and_the_next_block() -> None:
    assert counts(EXAMPLE + HEX + EXAMPLE + HEX + HEX + EXAMPLE) == {"messages": 3, "hex_messages": 3}


@pytest.mark.parametrize("end", [b"\xfe", b"\x00", b"\x80"])
def test_a_hex_message_ends_at_a_spoilt_line_feed(end: bytes) -> None:
    spoilt = HEX[:-1] + end
    assert counts(EXAMPLE[:20] + spoilt + EXAMPLE[20:]) == {"messages": 1, "hex_messages": 1}


def test_a_hex_message_without_its_line_feed_ends_where_the_text_goes_on() -> None:
    assert counts(EXAMPLE + HEX[:-1] + EXAMPLE) == {"messages": 2, "hex_messages": 1}
    assert counts(EXAMPLE + HEX[:-1] + HEX + EXAMPLE) == {"messages": 2, "hex_messages": 2}


def test_a_bad_sum_costs_one_block_and_is_counted() -> None:
    bad = EXAMPLE.replace(b"13180", b"13181")
    assert counts(EXAMPLE + bad + EXAMPLE) == {
        "messages": 2,
        "lost/bad_checksum": 1,
        "garbage_bytes": len(EXAMPLE),
    }


def test_a_lost_checksum_byte_costs_one_block() -> None:
    assert counts(EXAMPLE[:-1] + EXAMPLE + EXAMPLE)["messages"] == 2


def test_a_lost_byte_of_the_word_checksum_costs_two_blocks() -> None:
    assert counts(EXAMPLE.replace(b"Check", b"Chek") + EXAMPLE + EXAMPLE)["messages"] == 1


def test_noise_between_blocks_is_passed_over() -> None:
    assert counts(EXAMPLE + b"\x00\xff" + EXAMPLE) == {"messages": 2, "garbage_bytes": 2}


def feed_at(framer: Framer, *pieces: tuple[int, bytes]) -> list[FrameTuple]:
    frames = FrameBatch(100)
    for time_ns, data in pieces:
        framer.feed(data, time_ns, frames)
    return list(frames)


def test_a_block_that_falls_silent_starts_over() -> None:
    framer = VEDIRECT.make_framer()
    frames = feed_at(framer, (0, EXAMPLE[:20]), (501 * MS, EXAMPLE))
    assert [frame.time_ns for frame in frames] == [501 * MS]
    assert framer.counts()["lost/incomplete"] == 1
    assert framer.counts()["garbage_bytes"] == 20


def test_a_shorter_silence_is_none() -> None:
    framer = VEDIRECT.make_framer()
    assert len(feed_at(framer, (0, EXAMPLE[:20]), (500 * MS, EXAMPLE[20:]))) == 1


def test_silence_between_blocks_is_the_rule() -> None:
    framer = VEDIRECT.make_framer()
    assert len(feed_at(framer, (0, EXAMPLE), (1000 * MS, EXAMPLE), (2000 * MS, EXAMPLE))) == 3
    assert framer.counts()["lost/incomplete"] == 0


def test_a_clock_that_steps_back_is_no_silence() -> None:
    framer = VEDIRECT.make_framer()
    assert len(feed_at(framer, (10**18, EXAMPLE[:20]), (5, EXAMPLE[20:]))) == 1


def test_silence_after_starting_inside_a_block_ends_the_search() -> None:
    framer = VEDIRECT.make_framer()
    assert len(feed_at(framer, (0, EXAMPLE[9:20]), (600 * MS, EXAMPLE))) == 1


def test_a_hex_message_that_falls_silent_is_over() -> None:
    framer = VEDIRECT.make_framer()
    assert len(feed_at(framer, (0, EXAMPLE + b":7"), (600 * MS, b"\r" + EXAMPLE[1:]))) == 2


def test_a_block_that_does_not_end_is_given_up() -> None:
    endless = b"\r\nV\t1" * 500
    assert counts(endless + EXAMPLE + EXAMPLE) == {
        "messages": 1,
        "lost/oversized": 1,
        "garbage_bytes": len(endless + EXAMPLE),
    }


@pytest.mark.parametrize("length", range(len("\r\nChecksum\t") + 1))
def test_a_block_that_became_too_long_within_the_word_checksum_ends_there(length: int) -> None:
    assert isinstance(VEDIRECT.framing, TextFraming)
    endless = (b"\r\nV\t1" * 500)[: VEDIRECT.framing.longest_block_bytes - length]
    assert found(endless + b"\r\nChecksum\tx" + EXAMPLE) == found(EXAMPLE)


def identity(*pieces: bytes) -> dict[str, str]:
    framer = VEDIRECT.make_framer()
    feed_pieces(framer, pieces, finish=False)
    return framer.identity()


def test_what_a_device_says_of_itself_is_kept() -> None:
    device = {"PID": "0xA053", "FW": "150", "SER#": "HQ2211ABCDE", "BMV": "SmartShunt 500A/50mV"}
    reported = {
        "model": "SmartShunt 500A/50mV",
        "product": "0xA053",
        "serial number": "HQ2211ABCDE",
        "firmware": "150",
    }
    assert identity(vedirect_block(device)) == reported
    assert identity(vedirect_block(device), vedirect_block({"V": "1", "SER#": "---"})) == reported
    assert identity(vedirect_block(device), vedirect_block({"FW": "159"}))["firmware"] == "159"
    assert identity(vedirect_block({"V": "1"})) == {}


def test_a_bad_block_says_nothing_of_the_device() -> None:
    bad = vedirect_block({"SER#": "HQ1"})[:-1] + b"\x00"
    assert identity(bad, vedirect_block({"FW": "159"})) == {"firmware": "159"}


def test_what_a_device_says_of_itself_is_text_of_a_bounded_length() -> None:
    assert identity(vedirect_block({"SER#": "A" * 40, "BMV": " a\x1b[2Jb\x00 "})) == {
        "model": "a [2Jb",
        "serial number": "A" * 33,
    }


def test_another_device_may_be_at_the_port_when_it_is_opened_again() -> None:
    framer = VEDIRECT.make_framer()
    feed_pieces(framer, [vedirect_block({"SER#": "HQ1"})], finish=False)
    framer.forget_identity()
    assert framer.identity() == {}


def test_unknown_labels_and_unreadable_values_are_left_out_and_counted() -> None:
    block = vedirect_block(
        {"V": "12800", "NEW": "1", "v": "3", "SOC": "many", "I": "", "P": "99999999999", "T": "---"}
    )
    assert found(block) == [{"V": 12800}]
    assert counts(block) == {"messages": 1, "unknown_labels": 2, "unreadable_values": 3}


def test_of_bad_blocks_no_fields_are_counted() -> None:
    bad = vedirect_block({"NEW": "1"})[:-1] + b"\x00"
    assert counts(bad)["lost/bad_checksum"] == 1
    assert "unknown_labels" not in counts(bad)


def test_a_long_value_of_a_text_field_does_no_harm() -> None:
    assert found(vedirect_block({"SER#": "X" * 200, "V": "5"})) == [{"V": 5}]


@pytest.mark.parametrize(
    ("label", "text", "number"),
    [
        ("V", "0", 0),
        ("I", "-2147483648", 0x80000000),
        ("I", "2147483647", 0x7FFFFFFF),
        ("TTG", "-1", 0xFFFFFFFF),
        ("OR", "0x80000001", 0x80000001),
        ("PID", "0x203", 0x203),
        ("Alarm", "ON", 1),
        ("Alarm", "OFF", 0),
        ("Relay", "On", 1),
        ("LOAD", "Off", 0),
    ],
)
def test_values_are_read_by_the_form_of_their_label(label: str, text: str, number: int) -> None:
    assert found(vedirect_block({label: text})) == [{label: number}]


@pytest.mark.parametrize("text", ["2147483648", "-2147483649", "1.5", "0x10", "-", "+", "12 "])
def test_what_is_no_integer_is_left_out(text: str) -> None:
    assert found(vedirect_block({"V": text})) == [{}]


@pytest.mark.parametrize("text", ["0x", "10", "0x123456789", "0xG1"])
def test_what_is_no_hex_is_left_out(text: str) -> None:
    assert found(vedirect_block({"OR": text})) == [{}]


def kinds(*blocks: dict[str, str]) -> list[int]:
    return [frame.id for frame in frames_of(VEDIRECT, b"".join(map(vedirect_block, blocks)))]


def test_labels_show_what_the_device_is() -> None:
    assert kinds({"V": "1", "SOC": "1000"}) == [MONITOR]
    assert kinds({"V": "1", "CS": "3"}) == [CHARGER]
    assert kinds({"PID": "0xA053", "SOC": "1000"}) == [MONITOR]


def test_the_product_shows_what_the_device_is_where_labels_do_not() -> None:
    assert kinds({"PID": "0xA053"}) == [CHARGER]
    assert kinds({"PID": "0x203"}) == [MONITOR]
    assert kinds({"PID": "0xA389"}) == [MONITOR]


def test_a_block_without_a_kind_is_of_the_kind_of_the_one_before() -> None:
    assert kinds({"V": "1"}, {"CS": "0"}, {"V": "1"}, {"H1": "-5"}, {"V": "1"}) == [
        MONITOR,
        CHARGER,
        CHARGER,
        MONITOR,
        MONITOR,
    ]


def test_reset_forgets_block_and_device() -> None:
    framer = VEDIRECT.make_framer()
    assert len(feed_at(framer, (0, vedirect_block({"CS": "0"}) + EXAMPLE[:10]))) == 1
    framer.reset()
    assert [frame.id for frame in feed_at(framer, (1, vedirect_block({"V": "1"})))] == [MONITOR]


def test_too_many_labels_are_refused() -> None:
    framing = VEDIRECT.framing
    assert isinstance(framing, TextFraming)
    values = {name: getattr(framing, name) for name in framing.__dataclass_fields__}
    with pytest.raises(ValueError, match="at most 64"):
        TextFramer(TextFraming(**{**values, "labels": framing.labels * 2}))
