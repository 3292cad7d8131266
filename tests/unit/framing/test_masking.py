"""Passwords and PINs that replies carry are masked in what is kept, and checks stay right."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.serial_devices import KINDS, device_end, parse_devices
from firmware_sim.wire import jk_55aa as wire_55aa
from firmware_sim.wire import jk_nw as wire_nw
from firmware_sim.wire import seplos_v2 as wire_seplos
from telemetry.framing.checks import unchecked
from telemetry.framing.framing import Framing, PortReader, Shape, literal
from telemetry.framing.lengths import fixed
from telemetry.framing.masking import Masker, masked_words, maskers_of, maskers_of_unknown
from telemetry.framing.secrets import PASSWORD
from telemetry.logs.captures import CaptureWriter, parse_line
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.serial.jbd import JBD
from tests.support.framing import frames_of, pieces_of
from tests.unit.protocols.test_boards import ORDINARY

SECRET = b"s3cret+pw"
NW = wire_nw.reply(ORDINARY, wire_nw.JkNwFirmware(password=SECRET))
ABOUT = b"".join(wire_55aa.Jk55aaLine(lambda: ORDINARY).feed(wire_55aa.request(1, wire_55aa.Type.ABOUT)))
SAID = {"jk_nw": (NW, SECRET), "jk_55aa": (ABOUT, wire_55aa.PIN)}
SEPLOS = b"".join(wire_seplos.SeplosLine(lambda: ORDINARY).feed(wire_seplos.request(0, wire_seplos.ANALOG)))
EACH = pytest.mark.parametrize("name", SAID)


def masker(name: str) -> Masker:
    (one,) = maskers_of([PROTOCOLS[name].framing])
    return one


@EACH
@given(cuts=st.lists(st.integers(0, 700), max_size=10), garbage=st.binary(max_size=40))
def test_a_good_message_comes_out_without_its_password_and_still_good(
    name: str, cuts: list[int], garbage: bytes
) -> None:
    said, secret = SAID[name]
    one = masker(name)
    stream = garbage + said * 2
    kept = b"".join([*(one.mask(piece) for piece in pieces_of(stream, cuts)), one.rest()])
    assert len(kept) == len(stream)
    assert secret not in kept
    expected = [frame.data for frame in frames_of(PROTOCOLS[name], said * 2, finish=True)]
    assert [frame.data for frame in frames_of(PROTOCOLS[name], kept, finish=True)][-1:] == expected[-1:]


@EACH
def test_a_message_without_a_password_comes_out_as_it_is(name: str) -> None:
    one = masker(name)
    said = wire_55aa.status(ORDINARY, wire_55aa.Jk55aaFirmware()) if name == "jk_55aa" else wire_nw.request()
    assert one.mask(said) + one.rest() == said


@EACH
def test_a_spoiled_message_shows_no_password_either(name: str) -> None:
    said, secret = SAID[name]
    for at in range(0, len(said), 3):
        for spoiled in (said[:at] + said[at + 1 :], said[:at] + bytes((said[at] ^ 1,)) + said[at + 1 :]):
            one = masker(name)
            kept = one.mask(spoiled) + one.rest()
            assert len(kept) == len(spoiled)
            assert all(secret[begin : begin + 3] not in kept for begin in range(len(secret) - 2))


def test_after_an_unknown_tag_the_password_is_still_found() -> None:
    said = wire_nw.reply(ORDINARY, wire_nw.JkNwFirmware(password=SECRET, unknown_tag=b"\xe1\x01\x02"))
    one = masker("jk_nw")
    kept = one.mask(said) + one.rest()
    assert SECRET not in kept
    assert len(frames_of(PROTOCOLS["jk_nw"], kept)) == 1


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
def test_after_an_unknown_tag_the_password_is_found_at_each_place_up_to_the_last(
    before: int, after: int
) -> None:
    tags = b"\xe1" + b"\x01" * before + b"\xb2" + b"s3cret+pw!" + b"\x02" * after
    said = wire_nw.seal(bytes(4) + b"\x06\x00\x01" + tags + bytes(4))
    one = masker("jk_nw")
    kept = one.mask(said) + one.rest()
    assert kept[11:-9] == tags.replace(b"s3cret+pw!", b"*" * 10)
    assert kept == wire_nw.seal(kept[4:-5])


def test_garbage_without_an_end_is_let_go() -> None:
    one = masker("jk_nw")
    assert len(b"".join(one.mask(b"\xff" * 100) for _ in range(100))) > 8000


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_word_is_masked_where_garbage_is_let_go_within_it(cut: int) -> None:
    one = masker("jk_nw")
    kept = [one.mask(b"\xff" * 1024 + SECRET[:cut]), one.mask(SECRET[cut:] + b"\xff" * 1024), one.rest()]
    assert b"".join(kept) == b"\xff" * 1024 + b"*" * len(SECRET) + b"\xff" * 1024


def test_garbage_comes_out_before_the_message_that_follows_it() -> None:
    one = masker("jk_nw")
    kept = one.mask(b"\xff\xfe" + NW + NW)
    assert kept.startswith(b"\xff\xfeNW")
    assert len(kept) == len(NW) * 2 + 2


def test_on_a_line_of_unknown_protocols_passwords_are_masked_and_words_stay() -> None:
    (one,) = maskers_of_unknown([PROTOCOLS["jk_nw"].framing, JBD.framing, None])
    kept = one.mask(b"pin=12\n" + NW + b"hello") + one.rest()
    assert kept.startswith(b"pin=12\nNW")
    assert kept.endswith(b"hello")
    assert SECRET not in kept


def test_messages_that_prove_nothing_may_be_a_password() -> None:
    text = Shape(literal(b"~"), fixed(2 + len(SECRET)), unchecked, end=b"\r", shortest=2, longest=40)
    (one,) = maskers_of([PROTOCOLS["jk_nw"].framing, Framing((text,), PortReader)])
    assert one.mask(b"~" + SECRET + b"\r") + one.rest() == b"*" * (1 + len(SECRET)) + b"\r"


def test_words_are_masked_and_other_bytes_are_not() -> None:
    assert masked_words(b"\x01ab\x02c\xffpin=12 34\n") == b"\x01**\x02c\xff****** **\n"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "vedirect"])
def test_captures_of_each_device_that_says_a_password_are_masked(kind: str) -> None:
    """`has_passwords` tells a capture so before the first message has come."""
    protocol, (name,) = PROTOCOLS[kind], parse_devices(kind)
    framing, kinds = protocol.framing, set[str]()
    assert isinstance(framing, Framing)
    reader = framing.make_reader()

    def noting(_: Framing) -> Callable[[bytes], bytes]:
        def note(message: bytes) -> bytes:
            kinds.update(secret.kind for secret in reader.secrets(message))
            return message

        return note

    device = device_end(name, ServiceBattery(ServiceSpec(), 1))
    address = int(str(name.address), 16 if kind == "dlt645" else 10)
    said = [answer for one in protocol.requests for answer in device.feed(one.to(address))]
    assert said or not protocol.requests
    one = Masker(framing, hide=noting, last=None)
    assert one.mask(b"".join(said)) + one.rest() == b"".join(said)
    assert (PASSWORD in kinds) == framing.has_passwords


def test_a_protocol_that_hides_nothing_has_no_masker() -> None:
    assert maskers_of([JBD.framing]) == []
    assert isinstance(JBD.framing, Framing)


@given(cuts=st.lists(st.integers(0, 1200), max_size=10))
def test_good_messages_of_another_protocol_on_the_line_come_out_as_they_are(cuts: list[int]) -> None:
    (one,) = maskers_of([PROTOCOLS["seplos_v2"].framing, PROTOCOLS["jk_55aa"].framing])
    stream = SEPLOS * 2 + ABOUT + SEPLOS + ABOUT[:-40] + SEPLOS * 9  # the third of them is not whole
    kept = b"".join([*(one.mask(piece) for piece in pieces_of(stream, cuts)), one.rest()])
    assert len(kept) == len(stream)
    assert wire_55aa.PIN not in kept
    assert kept.count(SEPLOS) == stream.count(SEPLOS) == 12


def test_lines_of_a_capture_keep_their_order_their_stamps_and_their_lengths() -> None:
    lines: list[bytes] = []
    writer = CaptureWriter("bms", lines.append, [masker("jk_nw")])
    request = wire_nw.request()
    writer.sent(1_000, request)
    writer.received(2_000, NW[:100])
    writer.received(3_000, NW[100:])
    writer.sent(4_000, request)
    writer.received(5_000, NW[:50])
    assert len(lines) == 4
    writer.finish()
    pieces = [piece for line in lines if (piece := parse_line(line)) is not None]
    assert [(piece.time_ns, piece.is_received, len(piece.data)) for piece in pieces] == [
        (1_000, False, len(request)),
        (2_000, True, 100),
        (3_000, True, len(NW) - 100),
        (4_000, False, len(request)),
        (5_000, True, 50),
    ]
    assert SECRET not in b"".join(piece.data for piece in pieces)
    assert pieces[0].data == request
    assert len(frames_of(PROTOCOLS["jk_nw"], b"".join(piece.data for piece in pieces[1:3]))) == 1


def test_pieces_that_wait_have_an_end() -> None:
    lines: list[bytes] = []
    writer = CaptureWriter("bms", lines.append, [masker("jk_nw")])
    writer.received(0, NW[:50])
    for time_ns in range(2000):
        writer.sent(time_ns, b"\x01")
    assert len(lines) > 1000
