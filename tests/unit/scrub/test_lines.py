"""Serial captures without serial numbers, for each protocol that has one."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import pytest

from firmware_sim.wire import daly, dlt645, jk_55aa, jk_nw, modbus_registers, pylontech
from telemetry.logs.captures import Capture, CapturedBytes, format_piece
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import read_register_map
from telemetry.protocols.serial.modbus import modbus
from telemetry.protocols.serial.vedirect_hex import request as hex_message
from telemetry.protocols.table import SerialProtocol
from telemetry.scrub.files import is_serial_capture, scrub_capture
from telemetry.scrub.lines import CaptureScrubber, VictronText
from telemetry.scrub.replacements import Replacements
from tests.support.framing import jbd_message, vedirect_block
from tests.unit.protocols.test_boards import ORDINARY

RX, TX = True, False
Piece = tuple[bool, bytes]


def written(file: Path, pieces: Sequence[Piece], port: str = "ttyUSB0") -> Path:
    file.write_bytes(
        b"".join(
            format_piece(CapturedBytes(1_700_000_000_000_000_000 + 1_000_000 * number, port, way, data))
            for number, (way, data) in enumerate(pieces)
        )
    )
    return file


def scrubbed(
    file: Path, protocols: Sequence[SerialProtocol] = (), new: Replacements | None = None
) -> tuple[list[CapturedBytes], Replacements]:
    new = new or Replacements()
    output = file.with_suffix(".out")
    with output.open("wb") as stream:
        scrub_capture(file, protocols, new, stream.write)
    with Capture(output) as capture:
        return list(capture), new


def identity(protocol: SerialProtocol, pieces: Sequence[CapturedBytes]) -> dict[str, str]:
    """Return what the protocol's own framer reads of the device, and check that no message is bad."""
    from telemetry_core.frames.batch import FrameBatch

    framer = protocol.make_framer()
    frames = FrameBatch(10_000)
    for piece in pieces:
        if piece.is_received:
            framer.feed(piece.data, piece.time_ns, frames)
        elif hasattr(framer, "sent"):
            framer.sent(piece.data, frames)
    framer.finish(frames)
    bad = {name: count for name, count in framer.counts().items() if name.startswith("lost/") and count}
    assert not bad
    return framer.identity()


def pieces_of(file: Path) -> list[CapturedBytes]:
    with Capture(file) as capture:
        return list(capture)


def say_pylontech() -> list[Piece]:
    line = pylontech.PylontechLine([lambda: ORDINARY], pylontech.PylontechFirmware(wide=(True,)))
    asked = [pylontech.request(command) for command in (pylontech.ANALOG, pylontech.SERIAL_NUMBER)]
    return [piece for one in asked for piece in ((TX, one), (RX, b"".join(line.feed(one))))]


def say_jk_nw() -> list[Piece]:
    firmware = jk_nw.JkNwFirmware()
    return [(TX, jk_nw.request()), (RX, jk_nw.reply(ORDINARY, firmware))]


def say_jk_55aa() -> list[Piece]:
    firmware = jk_55aa.Jk55aaFirmware(address=1)
    line = jk_55aa.Jk55aaLine(lambda: ORDINARY, firmware)
    asked = [jk_55aa.request(1, kind) for kind in (jk_55aa.Type.STATUS, jk_55aa.Type.ABOUT)]
    return [piece for one in asked for piece in ((TX, one), (RX, b"".join(line.feed(one))))]


def say_daly() -> list[Piece]:
    parts = (b"SN22070", b"0123456", *[bytes(7)] * 3)
    code = [daly.frame(1, 0x57, bytes((n + 1,)) + part) for n, part in enumerate(parts)]
    return [(TX, daly.request(0x57)), (RX, b"".join(code))]


def say_dlt645() -> list[Piece]:
    address = "112233445566"
    return [
        (TX, b"\xfe" * 4 + dlt645.frame("AAAAAAAAAAAA", 0x13)),
        (RX, dlt645.frame(address, 0x93, bytes.fromhex(address)[::-1])),
        (TX, b"\xfe" * 4 + dlt645.request(0x02010100, address)),
        (RX, dlt645.frame(address, 0x91, bytes.fromhex("00010102") + bytes.fromhex("1523"))),
    ]


def say_jbd() -> list[Piece]:
    return [(RX, jbd_message(5, b"JBD-SP14S004-L14S-60A-399940"))]


def say_vedirect() -> list[Piece]:
    return [
        (RX, vedirect_block({"PID": "0xA053", "SER#": "HQ2209NEV01", "V": "12800", "I": "100", "CS": "3"}))
    ]


EACH: dict[str, tuple[Callable[[], list[Piece]], str, str, str]] = {
    "pylontech": (say_pylontech, "serial number of 02", "K221027C30801234", "A000000A00000001"),
    "jk_55aa": (say_jk_55aa, "serial number", jk_55aa.Jk55aaFirmware().serial_number.decode(), ""),
    "jbd": (say_jbd, "model", "JBD-SP14S004-L14S-60A-399940", "JBD-SP14S004-L14S-60A-000001"),
    "daly": (say_daly, "code", "SN220700123456", "AA000010000002"),
    "dlt645": (say_dlt645, "address", "112233445566", "000000000001"),
    "vedirect": (say_vedirect, "serial number", "HQ2209NEV01", "AA0000AAA01"),
}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("name", EACH)
def test_a_device_has_another_number_and_all_messages_are_good(
    name: str, named: bool, tmp_path: Path
) -> None:
    say, what, before, after = EACH[name]
    file = written(tmp_path / "line.txt", say())
    protocol = PROTOCOLS[name]
    known = identity(protocol, pieces_of(file))
    assert known[what] == before
    made, new = scrubbed(file, [protocol] if named else ())
    other = identity(protocol, made)
    assert other[what] != before
    assert other[what] == (after or other[what])
    assert {key: words for key, words in other.items() if key != what} == {
        key: words for key, words in known.items() if key != what
    }
    assert new.counts["serial number"] >= 1
    sizes = [(piece.time_ns, piece.port, piece.is_received, len(piece.data)) for piece in made]
    assert sizes == [
        (piece.time_ns, piece.port, piece.is_received, len(piece.data)) for piece in pieces_of(file)
    ]


def test_texts_of_a_jk_that_hold_its_number_are_replaced_and_its_password_is_masked(tmp_path: Path) -> None:
    file = written(tmp_path / "line.txt", say_jk_nw())
    known = identity(PROTOCOLS["jk_nw"], pieces_of(file))
    made, _ = scrubbed(file)
    other = identity(PROTOCOLS["jk_nw"], made)
    assert other["firmware"] == known["firmware"]
    assert other["device id"] != known["device id"]
    received = b"".join(piece.data for piece in made if piece.is_received)
    assert b"\xb2" + b"*" * 10 in received


def test_a_request_has_the_other_address_of_its_meter(tmp_path: Path) -> None:
    made, _ = scrubbed(written(tmp_path / "line.txt", say_dlt645()))
    sent = [piece.data for piece in made if not piece.is_received]
    assert sent[0] == say_dlt645()[0][1]  # to any meter
    assert sent[1] == b"\xfe" * 4 + dlt645.request(0x02010100, "000000000001")


def meter(tmp_path: Path, *registers: str) -> SerialProtocol:
    """Return the protocol of a map of these registers, each its name and number, and what more it says."""
    file = tmp_path / "meter.toml"
    tables = (
        '[[register]]\nname = "{}"\nregister = {}\n{}\n'.format(*one.split(" ", 2)) for one in registers
    )
    file.write_text('title = "meter"\nslave = 9\n' + "".join(tables))
    return modbus(read_register_map(file))


TEXT = 'type = "text"\ncount = 4'


def words(text: bytes) -> list[int]:
    return [int.from_bytes(text[at : at + 2], "big") for at in range(0, len(text), 2)]


def test_registers_that_a_map_calls_serial_are_replaced_by_their_request(tmp_path: Path) -> None:
    file = written(
        tmp_path / "line.txt",
        [
            (TX, modbus_registers.request(9, 3, 16, 10)),
            (RX, modbus_registers.reply(9, 3, [*words(b"AB123456"), 5300, 7, *words(b"CD654321")])),
            (TX, modbus_registers.request(9, 3, 20, 2)),
            (RX, modbus_registers.reply(9, 3, [5300, 7])),
        ],
    )
    registers = (f"serial 16 {TEXT}", "volts 20 ", "driving 21 ", f"serial_of_battery 22 {TEXT}")
    made, _ = scrubbed(file, [meter(tmp_path, *registers)])
    others = words(b"AA000001"), words(b"AA000002")
    assert made[1].data == modbus_registers.reply(9, 3, [*others[0], 5300, 7, *others[1]])
    assert [piece.data for piece in made[2:]] == [piece.data for piece in pieces_of(file)[2:]]


def test_other_registers_keep_values_that_equal_a_small_serial_number(tmp_path: Path) -> None:
    protocol = meter(tmp_path, 'serial 16 type = "u32"', 'energy 18 type = "u32"')
    pieces = [
        (TX, modbus_registers.request(9, 3, 16, 4)),
        (RX, modbus_registers.reply(9, 3, [0, 7, 0, 7])),
    ]
    made, _ = scrubbed(written(tmp_path / "line.txt", pieces), [protocol])
    assert made[1].data == modbus_registers.reply(9, 3, [0, 1, 0, 7])


def test_of_a_number_that_lies_partly_in_a_named_register_nothing_is_left(tmp_path: Path) -> None:
    """A meter has it in two places, and its map names all of the first, but the beginning of the second."""
    protocol = meter(tmp_path, f"serial 16 {TEXT}", 'sn2 20 type = "u32"')
    pieces = [
        (TX, modbus_registers.request(9, 3, 16, 8)),
        (RX, modbus_registers.reply(9, 3, 2 * words(b"AB123456"))),
    ]
    made, _ = scrubbed(written(tmp_path / "line.txt", pieces), [protocol])
    assert b"3456" not in made[1].data
    assert made[1].data[3:11] == b"AA000001"


@pytest.mark.parametrize("lost", [0, 2])
def test_registers_whose_request_was_spoiled_show_no_number(lost: int, tmp_path: Path) -> None:
    request = modbus_registers.request(9, 3, 16, 4)
    reply = modbus_registers.reply(9, 3, words(b"AB123456"))
    pieces = [(TX, request), (RX, reply), (TX, request[:-1]), (RX, reply)][lost:]
    made, _ = scrubbed(written(tmp_path / "line.txt", pieces), [meter(tmp_path, f"serial 16 {TEXT}")])
    assert made[1].data != reply
    assert made[-1].data == modbus_registers.reply(9, 3, [int.from_bytes(b"**", "big")] * 4)


def test_numbers_are_the_same_in_all_files_of_a_run_and_two_devices_remain_two(tmp_path: Path) -> None:
    def block(number: str) -> list[Piece]:
        return [(RX, vedirect_block({"PID": "0xA053", "SER#": number, "V": "1", "CS": "3"}))]

    new = Replacements()
    protocol = PROTOCOLS["vedirect"]
    found = [
        identity(protocol, scrubbed(written(tmp_path / f"{n}.txt", block(number)), (), new)[0])[
            "serial number"
        ]
        for n, number in enumerate(("HQ2209NEV01", "HQ2209NEV02", "HQ2209NEV01"))
    ]
    assert found == ["AA0000AAA01", "AA0000AAA02", "AA0000AAA01"]


def test_a_hex_message_within_a_number_and_a_colon_as_checksum_cost_nothing(tmp_path: Path) -> None:
    block = vedirect_block({"PID": "0xA053", "SER#": "HQ2209NEV01", "V": "12800", "CS": "3"})
    hex_serial = hex_message(7, b"\x0a\x01\x00" + b"HQ2209NEV01")
    at = block.index(b"09NEV")
    stream = block[:at] + hex_serial + block[at:] + hex_serial
    for cut in (3, at + 2, at + 10, len(stream) - 8):
        file = written(tmp_path / "line.txt", [(RX, stream[:cut]), (RX, stream[cut:])])
        made, _ = scrubbed(file, [PROTOCOLS["vedirect"]])
        data = b"".join(piece.data for piece in made)
        assert identity(PROTOCOLS["vedirect"], made)["serial number"] == "AA0000AAA01"
        assert data.count(hex_message(7, b"\x0a\x01\x00" + b"AA0000AAA01")) == 2


@pytest.mark.parametrize("way", [RX, TX])
@pytest.mark.parametrize("command", [7, 8, 0xA], ids=["get", "set", "pushed"])
@pytest.mark.parametrize("register", [b"\x0a\x01", b"\x0c\x01"], ids=["serial number", "name"])
def test_a_number_in_any_hex_message_is_replaced(
    register: bytes, command: int, way: bool, tmp_path: Path
) -> None:
    said = hex_message(command, register + b"\x00HQ2209NEV01")
    made, new = scrubbed(written(tmp_path / "line.txt", [(way, said)]), [PROTOCOLS["vedirect"]])
    assert made[0].data == hex_message(command, register + b"\x00AA0000AAA01")
    assert new.counts["serial number"] == 1


def test_stamps_come_out_with_as_many_digits_as_they_need(tmp_path: Path) -> None:
    stamps = ("1700000000.000001", "1700000000.123456789", "1700000001.500000")
    lines = "".join(f"({stamp}) p RX AB\n" for stamp in stamps)
    (tmp_path / "line.txt").write_text(lines)
    with (tmp_path / "line.out").open("wb") as stream:
        scrub_capture(tmp_path / "line.txt", (), Replacements(), stream.write)
    assert (tmp_path / "line.out").read_text() == lines


def test_numbers_in_spoiled_messages_are_replaced_before_and_after_a_good_one(tmp_path: Path) -> None:
    good = b"".join(data for way, data in say_pylontech() if way is RX)
    spoiled = good[:-3] + b"00\r"
    file = written(tmp_path / "line.txt", [(RX, spoiled), (RX, good), (RX, spoiled)])
    made, _ = scrubbed(file)
    text = b"".join(piece.data for piece in made)
    number = b"K221027C30801234".hex().upper().encode()
    assert number in good
    assert number not in text


def spoilt(message: bytes) -> Iterator[bytes]:
    """Cut off at its beginning, at its end, with a byte that is missing, and with another one."""
    for at in range(1, len(message), 1 + len(message) // 100):
        yield message[at:]
        yield message[:at]
        yield message[:at] + message[at + 1 :]
        yield message[:at] + bytes((message[at] ^ 0x40,)) + message[at + 1 :]


@pytest.mark.parametrize(
    ("name", "number", "size"),
    [
        ("pylontech", b"K221027C30801234".hex().upper().encode(), 8),
        ("jk_55aa", jk_55aa.Jk55aaFirmware().serial_number, 4),
        ("jbd", b"399940", 4),
        ("daly", b"SN22070", 4),
        ("daly", b"0123456", 4),
        ("dlt645", bytes.fromhex("665544332211"), 3),
        ("dlt645", bytes(byte + 0x33 for byte in bytes.fromhex("665544332211")), 3),
        ("vedirect", b"HQ2209NEV01", 4),
    ],
)
def test_no_part_of_a_number_is_left_in_messages_that_are_spoilt(
    name: str, number: bytes, size: int, tmp_path: Path
) -> None:
    good = b"".join(data for way, data in EACH[name][0]() if way is RX)
    assert number in good
    spoiled = b"\x00".join(spoilt(good))
    made, _ = scrubbed(written(tmp_path / "line.txt", [(RX, good), (RX, spoiled)]), [PROTOCOLS[name]])
    left = made[1].data
    parts = {number[at : at + size] for at in range(len(number) - size + 1)}
    assert any(part in spoiled for part in parts)
    assert [part for part in parts if part in left and len(set(part)) > 2] == []


def test_a_number_in_a_spoiled_hex_message_is_replaced(tmp_path: Path) -> None:
    good = hex_message(7, b"\x0a\x01\x00" + b"HQ2209NEV01")
    spoiled = good[:-2] + b"0\n"
    made, _ = scrubbed(written(tmp_path / "line.txt", [(RX, good), (RX, spoiled)]), [PROTOCOLS["vedirect"]])
    assert b"HQ2209NEV01".hex().upper().encode() not in made[1].data


def test_a_number_is_replaced_in_later_blocks_that_give_it_another_name(tmp_path: Path) -> None:
    """Unless it is of digits alone, which may be any value."""
    for number, made_up in [("HQ2209NEV01", b"\tAA0000AAA01\r"), ("12345678", b"\t12345678\r")]:
        pieces = [
            (RX, vedirect_block({"PID": "0xA053", name: number, "V": "12800", "CS": "3"}))
            for name in ("SER#", "BMV")
        ]
        made, _ = scrubbed(written(tmp_path / "line.txt", pieces), [PROTOCOLS["vedirect"]])
        assert b"BMV" + made_up in made[1].data
        assert sum(made[1].data) & 0xFF == 0


def test_what_a_spoiled_block_calls_a_number_changes_no_value_of_good_ones(tmp_path: Path) -> None:
    block = vedirect_block({"PID": "0xA053", "SER#": "HQ2209NEV01", "V": "12800", "CS": "3"})
    spoiled = block.replace(b"HQ2209NEV01\r\nV\t", b"")
    made, new = scrubbed(
        written(tmp_path / "line.txt", [(RX, spoiled), (RX, block)]), [PROTOCOLS["vedirect"]]
    )
    assert b"V\t12800\r" in made[1].data
    assert new.distinct["serial number"] == 1


def test_a_word_in_pieces_is_masked_where_nothing_is_known(tmp_path: Path) -> None:
    made, _ = scrubbed(written(tmp_path / "line.txt", [(RX, b"\x01A502"), (TX, b"\x02"), (RX, b"85BI\x00")]))
    assert [piece.data for piece in made] == [b"\x01****", b"\x02", b"****\x00"]


def test_a_request_in_pieces_has_the_other_address_of_its_meter(tmp_path: Path) -> None:
    pieces = say_dlt645()
    request = pieces[2][1]
    cut = [*pieces[:2], *((TX, request[at : at + 5]) for at in range(0, len(request), 5)), pieces[3]]
    made, _ = scrubbed(written(tmp_path / "line.txt", cut))
    sent = b"".join(piece.data for piece in made[2:-1])
    assert sent == b"\xfe" * 4 + dlt645.request(0x02010100, "000000000001")


def test_half_a_message_at_the_end_of_a_port_holds_nothing_back_for_long() -> None:
    """A capture of days, in which one device was pulled out in the middle of an answer."""
    half = say_pylontech()[1][1][:30]
    lines: list[bytes] = []
    protocols = {"a": [PROTOCOLS["pylontech"]], "b": [PROTOCOLS["daly"]]}
    scrubber = CaptureScrubber(protocols, Replacements(), lines.append)
    scrubber.take(CapturedBytes(0, "a", True, half))
    waiting = 0
    for number, (way, data) in zip(count(1), islice(say_daly() * 6_000, 12_000), strict=False):
        scrubber.take(CapturedBytes(number * 1000, "b", way, data))
        waiting = max(waiting, number + 1 - len(lines))
    assert waiting < 11_000
    scrubber.finish()
    assert len(lines) == 12_001


def test_where_nothing_is_known_long_words_are_masked_and_other_bytes_stay(tmp_path: Path) -> None:
    file = written(tmp_path / "line.txt", [(RX, b"\x01\x02\x03serial=A50285BI\x00short\xff")])
    made, _ = scrubbed(file)
    assert made[0].data == b"\x01\x02\x03" + b"*" * 15 + b"\x00short\xff"


@pytest.mark.parametrize(("number", "other"), [("A50285BI", "A00000AB"), ("00-5E-1A", "00-0A-0B")])
def test_the_number_of_an_adapter_in_the_name_of_its_port_is_replaced(
    number: str, other: str, tmp_path: Path
) -> None:
    port = "usb-FTDI_FT232R_USB_UART_{}-if00-port0"
    made, _ = scrubbed(written(tmp_path / "line.txt", say_daly(), port.format(number)))
    assert {piece.port for piece in made} == {port.format(other)}


def test_each_block_of_victrons_text_makes_up_for_its_own_number_alone(tmp_path: Path) -> None:
    blocks = [
        vedirect_block({"PID": "0xA053", **number, "V": "1", "CS": "3"})
        for number in ({"SER#": "HQ2209NEV01"}, {"SER#": "HQ2209NEV02"}, {})
    ]
    made, _ = scrubbed(written(tmp_path / "line.txt", [(RX, block) for block in blocks]))
    assert [sum(piece.data) & 0xFF for piece in made] == [0, 0, 0]
    assert [piece.data == block for piece, block in zip(made, blocks, strict=True)] == [False, False, True]


def test_ports_keep_the_order_of_their_lines(tmp_path: Path) -> None:
    block = vedirect_block({"PID": "0xA053", "SER#": "HQ2209NEV01", "V": "1", "CS": "3"})
    pieces = [
        CapturedBytes(1, "a", True, block[:20]),
        CapturedBytes(2000, "b", True, b"x"),
        CapturedBytes(3001, "a", True, block[20:]),
        CapturedBytes(4000, "b", False, b"y"),
    ]
    file = tmp_path / "line.txt"
    file.write_bytes(
        b"".join(b"(0.%09d) %b" % (one.time_ns, format_piece(one).partition(b") ")[2]) for one in pieces)
    )
    made, _ = scrubbed(file)
    assert [(one.time_ns, one.port, one.is_received) for one in made] == [
        (one.time_ns, one.port, one.is_received) for one in pieces
    ]


def test_a_capture_is_not_taken_for_a_log_of_can(tmp_path: Path) -> None:
    assert is_serial_capture(written(tmp_path / "line.txt", say_daly()))
    log = tmp_path / "drive.log"
    log.write_text("(1.0) can0 123#00\n")
    assert not is_serial_capture(log)
    (tmp_path / "empty.log").touch()
    assert not is_serial_capture(tmp_path / "empty.log")


def test_text_without_the_end_of_a_block_is_let_go_but_for_what_a_number_may_be_in() -> None:
    text = VictronText(Replacements(), lambda message: message)
    assert text.mask(b"\x01" * 4096) == b""
    assert text.mask(b"\x01") == b"\x01" * (4097 - 128)
    assert text.rest() == b"\x01" * 128


def test_the_line_too_many_ends_the_wait_for_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.scrub.lines._MOST_LINES", 3)
    lines: list[bytes] = []
    protocols = {"a": [PROTOCOLS["pylontech"]], "b": [PROTOCOLS["daly"]]}
    scrubber = CaptureScrubber(protocols, Replacements(), lines.append)
    scrubber.take(CapturedBytes(0, "a", True, say_pylontech()[1][1][:30]))
    whole = next(data for way, data in say_daly() if way is RX)
    for number, written_lines in ((1, 0), (2, 0), (3, 4)):
        scrubber.take(CapturedBytes(number * 1000, "b", True, whole))
        assert len(lines) == written_lines
