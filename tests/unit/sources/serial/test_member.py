"""A device on a line after its port was opened again: asked in a hurry who it is, until it has said so."""

from itertools import pairwise
from typing import cast

from telemetry_core.frames.batch import FrameBatch

from telemetry.protocols.table import Framer
from telemetry.sources.serial.conversation import Asking, Poll
from telemetry.sources.serial.member import Member
from telemetry.sources.serial.silence import SilenceWatch
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
    talk.opened()
    member.opened()
    asked_s: list[float] = []
    while clock.monotonic_s() < 40.0:
        if request := talk.due():
            talk.asked()
            if request == b"code?":
                talk.took(1)
                framer.said = {"code": "DL1"}
            else:
                asked_s.append(clock.monotonic_s())
        member.judge(FrameBatch(1))
        clock.advance(0.25)
    gaps_s = [later - earlier for earlier, later in pairwise(asked_s)]
    assert len(gaps_s) >= 2
    assert min(gaps_s) > 4.0, "each question without an answer costs the line a time-out"
