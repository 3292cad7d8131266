"""Each reader after its port was opened again: what the device before has said means nothing any more."""

from collections.abc import Sequence

import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.framing.framer import MessageFramer
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus
from telemetry.protocols.table import Framer
from tests.support.scanned_line import simulated

READ = {**PROTOCOLS, "modbus": modbus(read_register_map(find_map("pzem_017")))}
Event = tuple[bool, bytes]  # whether it was sent, and the bytes


def conversation(name: str) -> list[Event]:
    """Return each request and its answers, twice; of a device that talks by itself, two blocks."""
    protocol = READ[name]
    device = simulated(name.removesuffix("_hex"))
    if not protocol.requests:
        return [(False, block) for block in device.due(2_500_000_000)]
    address = protocol.addresses.default if protocol.addresses is not None else 0
    requests = [one.to(address) for one in protocol.requests]
    return [
        event
        for request in 2 * requests
        for event in ((True, request), *((False, answer) for answer in device.feed(request)))
    ]


def play(framer: Framer, events: Sequence[Event], frames: FrameBatch, *, finish: bool = False) -> None:
    for number, (is_sent, data) in enumerate(events):
        if not is_sent:
            framer.feed(data, number, frames)
        elif isinstance(framer, MessageFramer):
            framer.sent(data, frames)
    if finish:
        framer.finish(frames)


def said(framer: Framer, events: Sequence[Event]) -> tuple[list[FrameTuple], dict[str, str]]:
    frames = FrameBatch(4096)
    play(framer, events, frames, finish=True)
    return list(frames), framer.identity()


@pytest.mark.parametrize("name", READ)
def test_after_half_a_conversation_a_device_that_is_forgotten_has_never_been_there(name: str) -> None:
    whole = conversation(name)
    assert len(said(READ[name].make_framer(), whole)[0]) >= 2
    for half in range(1, len(whole)):
        framer = READ[name].make_framer()
        play(framer, [*whole[:half], (False, whole[half][1][:5])], FrameBatch(4096))
        framer.reset()
        framer.forget_identity()
        assert framer.identity() == {}
        assert said(framer, whole[half:]) == said(READ[name].make_framer(), whole[half:]), half


def test_what_a_device_lost_before_it_was_forgotten_stays_counted() -> None:
    framer = READ["daly"].make_framer()
    whole = conversation("daly")
    first_of_cells = [event for event in whole if not event[0] and event[1][2] == 0x95][:1]
    play(framer, [(True, whole[0][1]), *first_of_cells], FrameBatch(64), finish=True)
    before = framer.counts()
    assert before["lost/incomplete"] == 1
    framer.forget_identity()
    assert framer.counts() == before


def test_a_request_to_the_device_before_comes_from_another_master_once_it_is_forgotten() -> None:
    framer = READ["modbus"].make_framer()
    request, answer = (data for _, data in conversation("modbus")[:2])
    play(framer, [(True, request)], FrameBatch(64))
    framer.forget_identity()
    assert len(said(framer, [(False, request), (False, answer)])[0]) == 1
