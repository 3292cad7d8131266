"""Logs of CAN without VINs, serial numbers and positions, as other programs read them before and after."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import can
import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from firmware_sim.wire import gbt, j1939
from telemetry.scrub.buses import BusScrubber, NamedMessage, named_messages
from telemetry.scrub.files import scrub_log
from telemetry.scrub.replacements import Replacements
from tests.unit.scrub.test_named_signals import a_database

VIN = "LSVFA49J232037584"
MADE_UP = "SCRUBBED7AA000001"
Frames = Sequence[tuple[int, bytes]]


def written(file: Path, frames: Frames) -> Path:
    """Write the frames as candump has them: an id above 7FF is extended."""
    names = [f"{id:08X}" if id > 0x7FF else f"{id:03X}" for id, _ in frames]
    lines = [
        f"({1_700_000_000 + n / 1000:.6f}) can0 {name}#{data.hex().upper()}\n"
        for n, (name, (_, data)) in enumerate(zip(names, frames, strict=True))
    ]
    file.write_text("".join(lines))
    return file


def scrubbed(
    tmp_path: Path, frames: Frames, messages: dict[tuple[bool, int], NamedMessage] | None = None
) -> tuple[list[bytes], Replacements, list[str]]:
    """Scrub the frames, and return the data of all, as python-can reads them."""
    file, output, new = written(tmp_path / "drive.log", frames), tmp_path / "out.log", Replacements()
    with output.open("wb") as stream:
        done = scrub_log(file, messages or {}, new, stream.write, as_asc=False)
    with can.CanutilsLogReader(output) as reader:
        made = [(message.arbitration_id, bytes(message.data)) for message in reader]
    assert done.items == len(frames)
    assert [(id, len(data)) for id, data in made] == [(id, len(data)) for id, data in frames]
    return [data for _, data in made], new, done.warnings


def transfer(
    pgn: int, payload: bytes, source: int = 0xF4, destination: int = 0x56
) -> list[tuple[int, bytes]]:
    """Return the frames of a transfer by RTS and CTS, or to everybody by BAM."""
    head = j1939.rts(pgn, len(payload))
    if destination == 0xFF:
        head = b"\x20" + head[1:]
    parts = [j1939.data_packet(n + 1, payload) for n in range(j1939.packet_count(len(payload)))]
    address = destination << 8 | source
    return [(0x1CEC0000 | address, head), *((0x1CEB0000 | address, part) for part in parts)]


def payload_of(made: Sequence[bytes], size: int) -> bytes:
    return b"".join(data[1:] for data in made)[:size]


def isotp(payload: bytes, address: bytes = b"", width: int = 8) -> list[bytes]:
    """Return the frames of the payload as ISO 15765-2 has them, padded."""
    room = width - len(address)
    first = address + (0x1000 | len(payload)).to_bytes(2, "big") + payload[: room - 2]
    rest = payload[room - 2 :]
    parts = [rest[at : at + room - 1] for at in range(0, len(rest), room - 1)]
    others = [address + bytes((0x20 | (n + 1) & 0xF,)) + part for n, part in enumerate(parts)]
    return [first, *(one.ljust(width, b"\xaa") for one in others)]


@pytest.mark.parametrize("edition", [gbt.Edition.Y2011, gbt.Edition.Y2015])
def test_a_vehicle_at_a_charger_has_another_vin_and_pack(edition: gbt.Edition, tmp_path: Path) -> None:
    brm = gbt.brm(gbt.Identity(vin=VIN), edition)
    made, _, _ = scrubbed(tmp_path, transfer(0x0200, brm))
    expected = gbt.brm(gbt.Identity(vin=MADE_UP, pack_serial=1), edition)
    assert payload_of(made[1:], len(brm)) == expected


def test_a_charger_has_another_number_in_both_of_its_messages(tmp_path: Path) -> None:
    crm = gbt.crm(True, 77_000_123, b"JS1", gbt.Edition.Y2015)
    csd = gbt.csd(10.0, 5.5, 77_000_123, gbt.Edition.Y2015)
    made, _, _ = scrubbed(tmp_path, [(0x1801F456, crm), (0x181DF456, csd)])
    assert made == [gbt.crm(True, 1, b"JS1", gbt.Edition.Y2015), gbt.csd(10.0, 5.5, 1, gbt.Edition.Y2015)]


def test_what_a_vehicle_and_a_charger_say_to_everyone_has_another_number_too(tmp_path: Path) -> None:
    brm = gbt.brm(gbt.Identity(vin=VIN, pack_serial=77_000_124), gbt.Edition.Y2015)
    crm = gbt.crm(True, 77_000_123, b"JS1", gbt.Edition.Y2015)
    frames = [*transfer(0x0200, brm, destination=0xFF), (0x1801FF56, crm)]
    made, _, _ = scrubbed(tmp_path, frames)
    other = gbt.Identity(vin=MADE_UP, pack_serial=1)
    assert payload_of(made[1:-1], len(brm)) == gbt.brm(other, gbt.Edition.Y2015)
    assert made[-1] == gbt.crm(True, 2, b"JS1", gbt.Edition.Y2015)


def test_messages_of_the_same_pgn_between_other_nodes_stay(tmp_path: Path) -> None:
    frames = [
        (0x1806E5F4, bytes(range(8))),
        (0x1801D0F3, b"ABCDEFGH"),
        *transfer(0x0200, bytes(49), 0xF3, 0xD0),
    ]
    made, new, _ = scrubbed(tmp_path, frames)
    assert made == [data for _, data in frames]
    assert not +new.counts


@pytest.mark.parametrize("destination", [0xFF, 0x03])
def test_vehicle_identification_is_replaced_by_broadcast_and_by_request(
    destination: int, tmp_path: Path
) -> None:
    payload = f"{VIN}*".encode()
    made, _, _ = scrubbed(tmp_path, transfer(0xFEEC, payload, 0x00, destination))
    assert payload_of(made[1:], len(payload)) == f"{MADE_UP}*".encode()
    assert made[-1][-3:] == b"\xff\xff\xff"


def test_of_a_component_its_serial_and_unit_number_are_replaced(tmp_path: Path) -> None:
    payload = b"MAKER*MODEL-9*SN0012345*UNIT7*"
    made, _, _ = scrubbed(tmp_path, transfer(0xFEEB, payload, 0x00, 0xFF))
    assert payload_of(made[1:], len(payload)) == b"MAKER*MODEL-9*AA0000001*AAAA2*"


def test_repeated_packets_are_changed_as_well(tmp_path: Path) -> None:
    """A receiver that lost one asks for it again, and one repeats when all is over."""
    brm = gbt.brm(gbt.Identity(vin=VIN), gbt.Edition.Y2015)
    frames = transfer(0x0200, brm)
    repeated = [*frames[:6], frames[4], *frames[4:], frames[5]]
    made, _, _ = scrubbed(tmp_path, repeated)
    vin = VIN.encode()
    for part in (vin[:3], vin[3:10], vin[10:17]):
        assert all(part not in data for data in made)
    assert made[4] == made[6]
    assert made[5] == made[-1]


@pytest.mark.parametrize("size", [20, 34])
def test_packets_of_a_message_whose_beginning_is_not_there_stay(size: int, tmp_path: Path) -> None:
    one, two = (transfer(0xFECA, bytes(range(first, first + size)), 0x10, 0xFF) for first in (0, 100))
    for frames in ([*one, *two[1:]], [*one[:2], *one[3:], *two[1:]]):
        made, _, _ = scrubbed(tmp_path, frames)
        assert made == [data for _, data in frames]
    brm = transfer(0x0200, gbt.brm(gbt.Identity(vin=VIN), gbt.Edition.Y2015))
    other = [(brm[1][0], data) for _, data in two[1:]]
    made, _, _ = scrubbed(tmp_path, [*brm, *other])
    assert made[len(brm) :] == [data[:1] + b"\xff" * 7 for _, data in other]


def test_packets_of_a_vehicle_at_a_charger_without_their_beginning_are_unknown(tmp_path: Path) -> None:
    """The number of a pack is no text, so that nothing shows that a packet has a part of it."""
    brm = transfer(0x0200, gbt.brm(gbt.Identity(vin="LSIMGBT27930V0001"), gbt.Edition.Y2015))
    made, _, _ = scrubbed(tmp_path, brm[1:])
    assert made == [data[:1] + b"\xff" * 7 for _, data in brm[1:]]


def test_interleaved_transfers_of_two_nodes_are_kept_apart(tmp_path: Path) -> None:
    one = transfer(0xFEEC, f"{VIN}*".encode(), 0x10, 0xFF)
    two = transfer(0xFEEC, b"WVWZZZ1JZXW000001*", 0x20, 0xFF)
    made, new, _ = scrubbed(tmp_path, [frame for pair in zip(one, two, strict=True) for frame in pair])
    assert payload_of(made[2::2], 18) != payload_of(made[3::2], 18)
    assert new.distinct["VIN"] == 2


def test_what_of_a_vin_is_in_a_transfer_that_is_not_whole_is_unknown_afterwards(tmp_path: Path) -> None:
    payload = f"{VIN}*".encode()
    frames = transfer(0xFEEC, payload, 0x00, 0xFF)
    made, _, _ = scrubbed(tmp_path, [frames[0], frames[1], frames[3]])
    assert made[1:] == [b"\x01" + b"\xff" * 7, b"\x03" + b"\xff" * 7]
    made, _, _ = scrubbed(tmp_path, frames[1:])  # the log begins within it
    assert all(part not in b"".join(made) for part in (payload[:4], payload[7:11]))


def test_positions_are_not_available(tmp_path: Path) -> None:
    rapid = (485_000_000).to_bytes(4, "little") + (90_000_000).to_bytes(4, "little")
    made, new, _ = scrubbed(
        tmp_path,
        [
            (0x18FEF31C, rapid),
            (0x09F8011C, rapid),
            (0x0DF8051C, b"\x40\x2b" + rapid[:6]),
            (0x0DF8051C, b"\x41" + rapid[:7]),
        ],
    )
    assert made == [b"\xff" * 8, b"\xff\xff\xff\x7f" * 2, b"\x40\x2b" + b"\xff" * 6, b"\x41" + b"\xff" * 7]
    assert new.counts["position"] == 4


@pytest.mark.parametrize(
    ("id", "service", "address"),
    [
        (0x7E8, b"\x49\x02\x01", b""),
        (0x7EC, b"\x62\xf1\x90", b""),
        (0x79A, b"\x61\x81", b""),
        (0x18DAF1DB, b"\x62\xf1\x90", b""),
        (0x17FE007B, b"\x62\xf1\x90", b""),
        (0x607, b"\x62\xf1\x90", b"\xf1"),
        (0x6F1, b"\x62\xf1\x90", b"\x12"),
        (0x7E0, b"\x2e\xf1\x90", b""),
    ],
)
def test_answers_with_a_vin_are_replaced_on_any_id(
    id: int, service: bytes, address: bytes, tmp_path: Path
) -> None:
    frames = [(id, data) for data in isotp(service + VIN.encode(), address)]
    made, _, _ = scrubbed(tmp_path, [frames[0], (id - 8, b"\x30\x00\x00"), *frames[1:]])
    assert [made[0], *made[2:]] == isotp(service + MADE_UP.encode(), address)


def test_a_serial_number_of_a_control_unit_is_replaced(tmp_path: Path) -> None:
    made, _, _ = scrubbed(tmp_path, [(0x7EC, data) for data in isotp(b"\x62\xf1\x8cSN-4711-0815")])
    assert made == isotp(b"\x62\xf1\x8cAA-0000-0001")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"\xf1\x90%b\xf1\x8cSN-4711-0815", b"\xf1\x90%b\xf1\x8cAA-0000-0001"),
        (b"\xf1\x90%b\xf1\x87TYPE-7", b"\xf1\x90%b\xf1\x87" + b"\xff" * 6),
        (b"\xf1\x90%b\x01\x02\x47\x11\x08\x15", b"\xf1\x90%b\x01\x02" + b"\xff" * 4),
        (b"\xf1\x90%b\x00\x00\x00", b"\xf1\x90%b\x00\x00\x00"),
        (b"\xf1\x87TYPE-7\xf1\x90%b", b"\xf1\x87TYPE-7\xf1\x90%b"),
        (
            b"\xf1\x90%b\x02\x00\xf1\x8c\x47\x11\x08\x15\x01",
            b"\xf1\x90%b\x02\x00" + b"\xff" * 7,
        ),
    ],
)
def test_an_answer_with_several_identifiers_shows_none_of_the_numbers(
    answer: bytes, expected: bytes, tmp_path: Path
) -> None:
    frames = [(0x7EC, data) for data in isotp(b"\x62" + answer.replace(b"%b", VIN.encode()))]
    made, _, _ = scrubbed(tmp_path, frames)
    assert made == isotp(b"\x62" + expected.replace(b"%b", MADE_UP.encode()))


@pytest.mark.parametrize("number", [b"SN-4711-0815", b"\x47\x11\x08\x15"])
def test_a_serial_number_after_another_value_is_replaced(number: bytes, tmp_path: Path) -> None:
    payload = b"\x62\xf1\x87TYPE-7\xf1\x8c" + number
    made, _, _ = scrubbed(tmp_path, [(0x77A, data) for data in isotp(payload)])
    changed = b"".join(data[1:] for data in made)
    assert b"TYPE-7\xf1\x8c" in changed
    assert number not in changed
    made, _, _ = scrubbed(tmp_path, [(0x7EC, data) for data in isotp(payload)[:-1]])
    assert all(part not in b"".join(made) for part in (b"SN-4", b"\x47\x11"))


def test_a_database_decides_that_an_id_is_no_frame_of_the_transport(tmp_path: Path) -> None:
    """A bus of 29-bit ids that is not J1939 may use EB and EC for anything."""
    signals = (SignalSpec(0, 32, True, False, False), SignalSpec(32, 8, True, False, False))
    frame = bytes.fromhex("1122334455667788")
    for id in (0x0CEB0102, 0x0CEC0102):
        message = MessageSpec("Unit", id, True, 8, signals, (), 0)
        fields = tuple(FieldSpec(name, SlotKind.UINT) for name in ("UnitSerialNumber", "State"))
        plan = PlanSpec((RecordSpec("Unit", fields),), (BusSpec("drive", (message,)),))
        made, _, _ = scrubbed(tmp_path, [(id, frame)], dict(named_messages(plan)))
        assert made == [bytes.fromhex("0100000055667788")]


def test_a_vin_within_an_answer_that_nobody_knows_is_found(tmp_path: Path) -> None:
    payload = b"\x62\x12\x34\x00" + VIN.encode() + b"\x00\x01"
    made, _, _ = scrubbed(tmp_path, [(0x77A, data) for data in isotp(payload)])
    assert made == isotp(payload.replace(VIN.encode(), MADE_UP.encode()))


def test_an_answer_without_one_of_its_frames_shows_nothing_of_the_vin(tmp_path: Path) -> None:
    frames = [(0x79A, data) for data in isotp(b"\x62\xf1\x90" + VIN.encode())]
    made, _, _ = scrubbed(tmp_path, [frames[0], frames[2], (0x123, b"\x21ABCDEFG")])
    assert made == [frames[0][1][:5] + b"\xff" * 3, frames[2][1][:1] + b"\xff" * 7, b"\x21ABCDEFG"]


@pytest.mark.parametrize("lost", range(1, 4))
def test_an_unknown_answer_without_one_of_its_frames_shows_nothing_of_a_vin(
    lost: int, tmp_path: Path
) -> None:
    frames = [(0x7EC, data) for data in isotp(b"\x62\x12\x01" + VIN.encode() + b"\x00\x01")]
    made, new, _ = scrubbed(tmp_path, [*frames[:lost], *frames[lost + 1 :]])
    shown = b"".join(made)
    assert not any(VIN[at : at + 4].encode() in shown for at in range(len(VIN) - 3))
    assert new.counts["VIN"] > 0


def test_frames_that_look_like_parts_of_messages_stay(tmp_path: Path) -> None:
    """Bytes as broadcasts of vehicles have them: ISO-TP's first byte is any byte."""
    frames = [(0x120 + n % 5, bytes((n & 0xFF, *range(n % 200, n % 200 + 7)))) for n in range(0, 4000, 7)]
    made, new, _ = scrubbed(tmp_path, frames)
    assert made == [data for _, data in frames]
    assert not +new.counts


def test_signals_of_a_database_are_replaced_where_they_are_there(tmp_path: Path) -> None:
    frame = bytes.fromhex("112233440041425F")
    made, new, warnings = scrubbed(tmp_path, [(0x321, frame), (0x322, frame)], a_database())
    assert made == [bytes.fromhex("000000440041425F"), frame]
    assert new.counts["position"] == 1
    assert warnings == [
        f"{tmp_path}/drive.log: Telematics.Crc8 may be a checksum, and is not calculated again: 1 frames"
    ]


def test_of_a_checksum_is_warned_only_where_what_it_covers_was_changed(tmp_path: Path) -> None:
    messages = a_database()
    unchecked = {key: replace(message, check="") for key, message in messages.items()}
    position, none = bytes.fromhex("112233440041425F"), bytes.fromhex("000000440041425F")
    for frame, known, frames in [(position, messages, 1), (none, messages, 0), (position, unchecked, 0)]:
        made, _, warnings = scrubbed(tmp_path, [(0x321, frame)], known)
        assert made == [none]
        assert len(warnings) == frames


@pytest.mark.parametrize(("pgn", "is_whole"), [(0xFF01, True), (0xFF01, False), (0xF001, True)])
def test_a_named_signal_of_a_message_in_several_frames_is_replaced(
    pgn: int, is_whole: bool, tmp_path: Path
) -> None:
    signals = (SignalSpec(64, 32, True, False, False), SignalSpec(96, 8, True, False, False))
    message = MessageSpec("Pack", 0x18000000 | pgn << 8, True, 20, signals, (), 0, by_pgn=True)
    fields = tuple(FieldSpec(name, SlotKind.UINT) for name in ("PackSerial", "Crc"))
    plan = PlanSpec((RecordSpec("Pack", fields),), (BusSpec("drive", (message,)),))
    payload = bytes(range(1, 21))
    frames = transfer(pgn, payload, 0x21, 0xFF)
    made, new, warnings = scrubbed(tmp_path, frames if is_whole else frames[:-1], dict(named_messages(plan)))
    if is_whole:
        assert payload_of(made[1:], 20) == payload[:8] + b"\x01\x00\x00\x00" + payload[12:]
        assert new.counts["serial number"] == 1
        assert "Pack.Crc may be a checksum" in warnings[0]
    else:
        assert made[1:] == [bytes((number,)) + b"\xff" * 7 for number in (1, 2)]


FORMATS = """
(1700000000.000001) can0 123#0102
(1700000000.5) can1 1ABCDEF0#R4
(1700000001.123456789) can0 123##3000102030405060708090A0B
(1700000002.000000) can0 20000080#0000000000000000
(1700000001.999000) can0 7FF#
"""


@pytest.mark.parametrize("as_asc", [False, True])
def test_frames_of_all_kinds_come_out_as_they_were(as_asc: bool, tmp_path: Path) -> None:
    """Read again by our own reader, to the nanosecond: scrubbed twice gives the same."""
    file = tmp_path / "all.log"
    file.write_text(FORMATS)
    outputs = []
    for number in range(2):
        output = tmp_path / f"{number}.{'asc' if as_asc else 'log'}"
        with output.open("wb") as stream:
            done = scrub_log(file, {}, Replacements(), stream.write, as_asc=as_asc)
        assert (done.items, done.warnings) == (5, [])
        outputs.append(output.read_bytes())
        file = output
    assert outputs[0] == outputs[1]
    if as_asc:
        with can.ASCReader(tmp_path / "0.asc") as reader:
            read = [(each.arbitration_id, bytes(each.data), each.is_fd) for each in reader]
        assert len(read) == 5
        assert read[2] == (0x123, bytes(range(12)), True)
        assert b" 123 1 1 9 12 00 01 " in outputs[0]  # 12 bytes are length code 9


@pytest.mark.parametrize(("flag", "changed"), [(0, 1), (0x40000000, 0), (0x20000000, 0)])
def test_what_stands_beside_a_remote_or_an_error_frame_is_nobody_s_data(flag: int, changed: int) -> None:
    scrubber = BusScrubber(Replacements(), {})
    scrubber.look(0, FrameTuple(1, 0x123 | flag, VIN.encode(), 0, 0, 0))
    scrubber.finish()
    assert len(scrubber.edits) == changed


@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 0), (2, 5)])
def test_a_vin_is_found_in_a_frame_of_can_fd_as_long_as_itself_or_longer(
    before: int, after: int, tmp_path: Path
) -> None:
    file, output = tmp_path / "drive.log", tmp_path / "out.log"
    data, made = (b"." * before + vin.encode() + bytes(after) for vin in (VIN, MADE_UP))
    file.write_text(f"(1700000000.000000) can0 123##0{data.hex().upper()}\n")
    with output.open("wb") as stream:
        scrub_log(file, {}, Replacements(), stream.write, as_asc=False)
    (message,) = can.CanutilsLogReader(output)
    assert bytes(message.data) == made


def test_an_asc_begins_at_the_earliest_frame(tmp_path: Path) -> None:
    file, output = tmp_path / "drive.log", tmp_path / "out.asc"
    file.write_text("(1700000001.000000) can0 123#01\n(1700000000.000000) can0 123#02\n")
    with output.open("wb") as stream:
        scrub_log(file, {}, Replacements(), stream.write, as_asc=True)
    text = output.read_text()
    assert text.startswith("date Tue Nov 14 10:13:20.000 pm 2023\n")
    assert [line.split()[0] for line in text.splitlines() if " Rx " in line] == ["1.000000", "0.000000"]
    assert text.endswith("End TriggerBlock\n")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0762F18C41424344", "0762F18C"),  # ReadDataByIdentifier F18C: the serial number of a control unit
        ("0462F18C41AAAAAA", "0462F18C"),
        ("0762F19041424344", "0762F190"),  # and what of a VIN is in one frame
        ("0341F18C41424344", None),  # an answer of another service
    ],
)
def test_a_number_in_a_single_frame_is_replaced(data: str, expected: str | None, tmp_path: Path) -> None:
    frame = bytes.fromhex(data)
    (made,), _, _ = scrubbed(tmp_path, [(0x7E8, frame)])
    if expected is None:
        assert made == frame
    else:
        size = frame[0]
        assert made.hex().upper().startswith(expected)
        assert made[4 : size + 1] != frame[4 : size + 1]
        assert made[size + 1 :] == frame[size + 1 :]


def test_a_packet_of_a_transport_is_not_also_taken_for_the_beginning_of_an_answer(tmp_path: Path) -> None:
    """The 16th has the form of a first frame of ISO-TP with a VIN, of which nothing follows."""
    payload = bytes(15 * 7) + bytes.fromhex("1462F190414243")
    frames = transfer(0x1234, payload)
    assert frames[-1][1] == bytes.fromhex("101462F190414243")
    made, _, _ = scrubbed(tmp_path, frames)
    assert made == [data for _, data in frames]


@pytest.mark.parametrize("size", [0, 3, 7])
def test_a_frame_that_is_too_short_to_announce_a_transfer_stays(size: int, tmp_path: Path) -> None:
    frames = [(0x1CECFFF4, b"\x20\x09\x00\x02\xff\x00\x02"[:size])]
    made, _, _ = scrubbed(tmp_path, frames)
    assert made == [data for _, data in frames]


def test_frames_too_short_for_an_address_leave_the_answer_with_addresses_as_it_is(tmp_path: Path) -> None:
    first, *others = isotp(b"\x62\xf1\x90" + VIN.encode(), address=b"\xf1")
    made, _, _ = scrubbed(tmp_path, [(0x612, data) for data in (first, b"", b"\x21", *others)])
    expected = isotp(b"\x62\xf1\x90" + MADE_UP.encode(), address=b"\xf1")
    assert made == [expected[0], b"", b"\x21", *expected[1:]]


@pytest.mark.parametrize(("pgn", "other"), [(0xF001, 0xF002), (0xFF01, 0xFF02)])
def test_a_message_of_a_pgn_to_everybody_is_that_of_all_its_sixteen_bits(
    pgn: int, other: int, tmp_path: Path
) -> None:
    signals = (SignalSpec(0, 32, True, False, False),)
    message = MessageSpec("Unit", 0x18000000 | pgn << 8, True, 8, signals, (), 0, by_pgn=True)
    record = RecordSpec("Unit", (FieldSpec("UnitSerialNumber", SlotKind.UINT),))
    plan = PlanSpec((record,), (BusSpec("drive", (message,)),))
    frame = bytes.fromhex("1122334455667788")
    frames = [(0x18000021 | one << 8, frame) for one in (pgn, other)]
    made, _, _ = scrubbed(tmp_path, frames, dict(named_messages(plan)))
    assert made == [bytes.fromhex("0100000055667788"), frame]


def test_all_frames_after_a_lost_one_of_an_answer_with_a_vin_are_unknown(tmp_path: Path) -> None:
    first, _lost, *others = isotp(b"\x62\xf1\x90" + VIN.encode() + b"\x00TYPE-7-OF-ELEVEN")
    made, _, _ = scrubbed(tmp_path, [(0x79A, data) for data in (first, *others)])
    assert len(others) > 2
    assert made == [first[:5] + b"\xff" * 3, *(data[:1] + b"\xff" * 7 for data in others)]


@pytest.mark.parametrize(
    "data",
    [
        "10",  # a first frame without a length
        "0962F18C41424344",  # nine bytes in seven
        "F1000562F18C4344",  # after an address the escape to longer lengths, which CAN FD alone has
        "100862F18C4142",  # one that is not full
    ],
)
def test_what_begins_no_message_stays(data: str, tmp_path: Path) -> None:
    frame = bytes.fromhex(data)
    made, _, _ = scrubbed(tmp_path, [(0x7E8, frame)])
    assert made == [frame]


def test_a_number_that_ends_in_the_first_consecutive_frame_is_replaced(tmp_path: Path) -> None:
    frames = [(0x77A, data) for data in isotp(b"\x62\xf1\x8cSN4711")]
    made, new, _ = scrubbed(tmp_path, frames)
    assert made[0][:5] == frames[0][1][:5]
    assert b"SN4" not in made[0]
    assert made[1][4:] == frames[1][1][4:]
    assert new.distinct["serial number"] == 1
