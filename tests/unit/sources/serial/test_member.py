"""A device on a line: its silence, whether it is the one that it was, and how it is asked who it is."""

from itertools import pairwise
from typing import cast

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.protocols.table import Framer
from telemetry.sources.inbox import SourceEvent
from telemetry.sources.serial.conversation import Asking, Poll
from telemetry.sources.serial.member import Member, SameDevice, SilenceWatch
from telemetry.sources.serial.turns import Turns
from tests.support.clock import FakeClock

CODE = Poll(b"code?", 1, 60.0, 0.5)
DATE = Poll(b"date?", 2, 60.0, 0.5)  # many a board does not know its date of production


class Named:
    """A framer that knows what was said."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def identity(self) -> dict[str, str]:
        return self.said

    def forget_identity(self) -> None:
        self.said = {}


def test_a_device_that_has_named_itself_again_is_asked_in_a_hurry_no_more() -> None:
    clock, framer = FakeClock(), Named()
    talk = Asking([CODE, DATE], 0.0, clock)
    member = Member("pack", cast("Framer", framer), talk, SilenceWatch("pack", clock), clock)
    framer.said = {"code": "DL1"}
    member.judge(FrameBatch(1))
    turns = Turns([talk], clock)
    turns.opened()
    member.opened()
    asked_s: list[float] = []
    while clock.monotonic_s() < 40.0:
        if request := turns.due():
            turns.asked()
            if request == b"code?":
                turns.took(0, 1)
                framer.said = {"code": "DL1"}
            else:
                asked_s.append(clock.monotonic_s())
        member.judge(FrameBatch(1))
        clock.advance(0.25)
    gaps_s = [later - earlier for earlier, later in pairwise(asked_s)]
    assert len(gaps_s) >= 2
    assert min(gaps_s) > 4.0, "each question without an answer costs the line a time-out"


def doubted() -> tuple[Member, Named]:
    """Return a device that has named itself DL1, whose port was opened again."""
    clock, framer = FakeClock(), Named()
    talk = Asking([CODE], 0.0, clock)
    member = Member("pack", cast("Framer", framer), talk, SilenceWatch("pack", clock), clock)
    framer.said = {"code": "DL1"}
    member.judge(FrameBatch(1))
    member.opened()
    return member, framer


def frames(first: int, count: int) -> FrameBatch:
    """Return so many, with stamps from `first` on."""
    batch = FrameBatch(count)
    for stamp in range(first, first + count):
        batch.append(stamp, 1, b"")
    return batch


def test_what_came_before_a_device_named_itself_again_comes_with_what_came_then() -> None:
    member, framer = doubted()
    assert framer.said == {}
    assert [len(member.judge(batch)[0]) for batch in (frames(0, 2), frames(2, 1))] == [0, 0]
    framer.said = {"code": "DL1"}
    own, events = member.judge(frames(3, 2))
    assert [frame.time_ns for frame in own] == [0, 1, 2, 3, 4]
    assert events == []
    own, _ = member.judge(frames(5, 1))
    assert [frame.time_ns for frame in own] == [5], "once"
    assert member.dropped == 0


def test_what_another_device_said_before_it_named_itself_is_dropped_and_counted() -> None:
    member, framer = doubted()
    member.judge(frames(0, 2))
    framer.said = {"code": "DL2"}
    own, events = member.judge(frames(2, 3))
    assert len(own) == 0
    assert [item.event.code for item in events] == ["device_changed"]
    assert member.dropped == 5
    member.judge(frames(5, 1))
    assert member.dropped == 6
    framer.said = {"code": "DL1"}
    own, _ = member.judge(frames(6, 1))
    assert [frame.time_ns for frame in own] == [6]


def test_512_frames_are_held_back_and_what_finds_no_room_is_dropped_and_counted() -> None:
    member, framer = doubted()
    member.judge(frames(0, 500))
    member.judge(frames(500, 12))
    assert member.dropped == 0
    member.judge(frames(512, 2))
    member.judge(frames(514, 1))
    assert member.dropped == 3
    framer.said = {"code": "DL1"}
    own, _ = member.judge(frames(515, 1))
    assert [frame.time_ns for frame in own] == [*range(512), 515]


def test_a_device_is_asked_in_a_hurry_until_it_has_named_itself() -> None:
    member, _ = doubted()
    talk = member.talk
    assert isinstance(talk, Asking)
    assert talk.request == b"code?"
    due_s = talk.next_s
    talk.asked()
    member.judge(frames(0, 1))
    talk.give_up()
    assert talk.next_s - due_s == pytest.approx(1.0, abs=0.01), "not 5 s, as one that is not in a hurry"


def codes(events: list[SourceEvent]) -> list[tuple[str, bool]]:
    return [(item.event.code, item.event.active) for item in events]


def test_the_first_device_is_believed_and_held_for_nothing() -> None:
    same = SameDevice("bms", FakeClock())
    same.opened()
    assert not same.is_doubted
    assert same.heard({"model": "A"}) == []
    assert not same.is_other


def test_after_a_port_was_opened_again_it_is_asked_who_is_there() -> None:
    clock = FakeClock()
    same = SameDevice("bms", clock)
    same.heard({"model": "A", "serial number": "1"})
    same.opened()
    assert same.is_doubted
    assert same.heard({}) == []
    assert same.is_doubted
    assert same.heard({"serial number": "1"}) == []
    assert not same.is_doubted


def test_one_that_talks_without_a_name_is_believed_after_a_while() -> None:
    clock = FakeClock()
    same = SameDevice("bms", clock)
    same.heard({"model": "A"})
    same.opened()
    clock.advance(100.0)  # in which it says nothing at all
    assert same.heard({}) == []
    clock.advance(59.0)
    same.heard({})
    assert same.is_doubted
    clock.advance(1.0)
    same.heard({})
    assert not same.is_doubted


def test_another_device_is_an_event_until_the_first_is_back() -> None:
    same = SameDevice("bms", FakeClock())
    same.heard({"model": "A", "serial number": "1"})
    same.opened()
    (event,) = same.heard({"model": "A", "serial number": "2"})
    assert codes([event]) == [("device_changed", True)]
    assert event.event.text == "another device: model A -> A, serial number 1 -> 2"
    assert same.is_other
    assert same.heard({"model": "A", "serial number": "2"}) == []
    assert codes(same.heard({"serial number": "1"})) == [("device_changed", False)]
    assert not same.is_other


def test_new_firmware_is_the_same_device() -> None:
    same = SameDevice("bms", FakeClock())
    same.heard({"model": "A", "firmware": "1.0", "firmware (FWE)": "1"})
    assert same.heard({"model": "A", "firmware": "1.1", "firmware (FWE)": "2"}) == []
    assert not same.is_other


def test_values_are_unknown_after_ten_seconds_and_the_device_offline_after_sixty() -> None:
    clock = FakeClock()
    silence = SilenceWatch("bms", clock)
    clock.advance(9.9)
    assert silence.look() == []
    clock.advance(0.1)
    assert codes(silence.look()) == [("values_unknown", True)]
    assert silence.is_unknown
    clock.advance(49.9)
    assert silence.look() == []
    clock.advance(0.1)
    (offline,) = silence.look()
    assert offline.event.code == "device_offline"
    assert offline.event.text == "no good message for 60.0 s"
    assert (offline.source, offline.time_ns) == ("bms", clock.unix_ns())
    clock.advance(1000.0)
    assert silence.look() == []
    assert silence.count == 1


def test_a_good_message_ends_both() -> None:
    clock = FakeClock()
    silence = SilenceWatch("bms", clock)
    clock.advance(61.0)
    assert codes(silence.look()) == [("values_unknown", True), ("device_offline", True)]
    assert codes(silence.broken()) == [("values_unknown", False), ("device_offline", False)]
    assert not silence.is_unknown
    assert silence.broken() == []
    clock.advance(10.0)
    assert codes(silence.look()) == [("values_unknown", True)]
    assert silence.count == 2


def test_messages_that_keep_coming_are_no_event() -> None:
    clock = FakeClock()
    silence = SilenceWatch("bms", clock)
    for _ in range(100):
        clock.advance(9.0)
        assert silence.broken() == []
        assert silence.look() == []
    assert silence.count == 0
