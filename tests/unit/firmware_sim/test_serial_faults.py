"""firmware_sim/faults/serial.py: what becomes of what a device says, one fault a test."""

import pytest
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.faults.kinds import (
    ChecksumError,
    ErrorReply,
    Fault,
    Garbage,
    HexMessage,
    LostBytes,
    Silence,
    Unplug,
    Window,
)
from firmware_sim.faults.serial import LineFaults, SerialFaults
from firmware_sim.wire.jbd import reply
from telemetry.protocols.serial.jbd import JBD
from telemetry.protocols.serial.vedirect import VEDIRECT
from tests.support.framing import vedirect_block

SECOND = 1_000_000_000
ALWAYS = Window(0.0, 1e6)
CELLS = reply(4, bytes(range(28)))
BLOCK = vedirect_block({"PID": "0xA053", "V": "13180", "I": "-450"})


def said(name: str, message: bytes, *faults: Fault, times: int = 400) -> list[bytes]:
    line = SerialFaults(name, faults, seed=1)
    return [line.spoil(message, SECOND) for _ in range(times)]


def counts(name: str, data: bytes) -> dict[str, int]:
    """Return the counts of what our own framer finds in the data."""
    framer, frames = (JBD if name == "jbd" else VEDIRECT).make_framer(), FrameBatch(4096)
    framer.feed(data, 1, frames)
    framer.finish(frames)
    return {key: count for key, count in framer.counts().items() if count}


def test_a_fault_that_is_not_going_on_or_on_another_device_changes_nothing() -> None:
    later = Silence(Window(5.0, 1.0), "jbd")
    assert said("jbd", CELLS, later, Silence(ALWAYS, "vedirect"), HexMessage(ALWAYS, 1.0)) == [CELLS] * 400


def test_silence_says_nothing() -> None:
    assert said("jbd", CELLS, Silence(ALWAYS, "jbd"), times=3) == [b""] * 3


def test_a_share_of_the_bytes_is_lost_and_no_byte_changes() -> None:
    left = said("jbd", CELLS, LostBytes(ALWAYS, "jbd", 0.1))
    assert sum(map(len, left)) == pytest.approx(0.9 * 400 * len(CELLS), rel=0.02)
    assert all(is_subsequence(message, CELLS) for message in left)


def is_subsequence(part: bytes, whole: bytes) -> bool:
    rest = iter(whole)
    return all(byte in rest for byte in part)


@pytest.mark.parametrize(("name", "message"), [("jbd", CELLS), ("vedirect", BLOCK)])
def test_a_share_of_the_messages_has_a_wrong_sum(name: str, message: bytes) -> None:
    messages = said(name, message, ChecksumError(ALWAYS, name, 0.25))
    wrong = [one for one in messages if one != message]
    assert len(wrong) == pytest.approx(100, abs=30)
    assert counts(name, wrong[0] + message)["lost/bad_checksum"] == 1


def test_a_share_of_the_requests_is_answered_with_an_error() -> None:
    messages = said("jbd", CELLS, ErrorReply(ALWAYS, 0.25))
    errors = [one for one in messages if one != CELLS]
    assert set(errors) == {bytes.fromhex("DD 04 80 00 FF 80 77")}
    assert len(errors) == pytest.approx(100, abs=30)
    assert counts("jbd", errors[0]) == {"lost/error_reply": 1}


def test_hex_messages_in_the_middle_leave_every_block_whole() -> None:
    messages = said("vedirect", BLOCK, HexMessage(ALWAYS, 1.0))
    assert all(len(one) > len(BLOCK) for one in messages)
    assert counts("vedirect", b"".join(messages)) == {"messages": 400, "hex_messages": 400}


def test_noise_comes_as_often_as_was_asked_for_and_only_while_it_lasts() -> None:
    line = LineFaults("", ["vedirect"], [Garbage(Window(10.0, 20.0), "vedirect", 5.0)], seed=1)
    noise = {second: list(line.noise(second * SECOND)) for second in range(40)}
    assert all(not pieces for second, pieces in noise.items() if not 10 <= second < 30)
    pieces = [piece for second in range(10, 30) for piece in noise[second]]
    assert len(pieces) == 100
    assert {len(piece) for piece in pieces} <= set(range(1, 25))


def test_a_port_is_away_while_it_is_unplugged() -> None:
    line = LineFaults("", ["jbd"], [Unplug(Window(10.0, 2.0, every_s=20.0), "jbd")], seed=1)
    assert [second for second in range(40) if line.unplugged(second * SECOND)] == [10, 11, 30, 31]


def test_the_same_seed_spoils_the_same_bytes() -> None:
    fault = LostBytes(ALWAYS, "jbd", 0.1)
    assert said("jbd", CELLS, fault) == said("jbd", CELLS, fault)
