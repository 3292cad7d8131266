"""What both ends of a charge are made of: messages that repeat, deadlines, and the frames that leave.

A node is pure: `hear` takes a frame, `run` gives those that are due, `wake_ns` says when it wants to run
next. Times are ns from any moment on, and never run back.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import ClassVar

from firmware_sim.units import NEVER_NS, S_NS
from firmware_sim.wire.gbt import CHARGER, CODES, MESSAGES, VEHICLE, Edition
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, frame_id, split_id
from firmware_sim.wire.layout import CAN_EFF_FLAG

_JITTER_NS = 400_000  # a controller's loop

Sent = tuple[int, bytes]  # identifier with CAN_EFF_FLAG, payload


class State(Enum):
    """What an end is about."""

    WAITING = "waiting"  # a vehicle, for the charger
    HANDSHAKE = "handshake"
    RECOGNITION = "recognition"
    CONFIGURATION = "configuration"
    CHARGING = "charging"
    STOPPING = "stopping"
    ENDING = "ending"
    FAILED = "failed"  # an error was sent or heard; another attempt may follow
    OFF = "off"


class Node(ABC):
    """Repeats messages and watches deadlines; a subclass says what they mean."""

    is_charger: ClassVar[bool]
    _begins: ClassVar[State]
    _stops_in: ClassVar[tuple[State, ...]]  # where it can end a charge

    def __init__(self, edition: Edition, seed: str, *, floor_ns: int = 0) -> None:
        """`floor_ns`: no deadline is shorter than this, for a clock that runs faster than the machine."""
        self._speak(edition)
        self.silenced: set[str] = set()  # messages that do not leave, as a fault; "BRO(AA)": BRO stays at 00
        self.state = self._begins
        self.paused = False
        self.errors: list[str] = []  # time-outs of its own, as BEM or CEM names them
        self.stop_reasons: tuple[str, ...] = ()
        self._stop_heard = False
        self._floor_ns = floor_ns
        self._draw = random.Random(seed)
        self._repeated: dict[str, int] = {}  # code -> when it is due
        self._deadlines: dict[str, int] = {}  # name -> when it has passed
        self._out: list[Sent] = []
        self._now_ns = 0

    @property
    def is_off(self) -> bool:
        """Return whether it is silent for good."""
        return self.state is State.OFF

    @property
    def wake_ns(self) -> int:
        """Return when `run` has something to do, at the latest."""
        if self._out:
            return self._now_ns
        return min(
            (*self._repeated.values(), *self._deadlines.values(), self._transport_wake_ns()), default=NEVER_NS
        )

    @property
    def is_transferring(self) -> bool:
        """Return whether a message of several frames is on its way."""
        return self._transport_wake_ns() != NEVER_NS

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        """Take a frame of the bus. It is ignored unless the other end sent it."""
        self._now_ns = max(now_ns, self._now_ns)
        if not id & CAN_EFF_FLAG:
            return
        pgn, destination, source = split_id(id)
        other, me = self._ends
        if source != other or destination not in (me, 0xFF):
            return
        if pgn == CONTROL_PGN:
            self._hear_control(data)
        elif pgn == DATA_PGN:
            self._hear_data(data)
        elif code := CODES.get((pgn, not self.is_charger)):
            self._hear_message(code, data)
        else:
            self._hear_other(id, data)

    def run(self, now_ns: int) -> Sequence[Sent]:
        """Return everything that is due at `now_ns`, in its order."""
        self._now_ns = max(now_ns, self._now_ns)
        self._run_transport()
        for name in [name for name, at_ns in self._deadlines.items() if at_ns <= self._now_ns]:
            if self._deadlines.get(name, NEVER_NS) <= self._now_ns:  # not cleared by the one before
                del self._deadlines[name]
                self._passed(name)
        for code in [code for code, at_ns in self._repeated.items() if at_ns <= self._now_ns]:
            if code in self._repeated:
                self._send(code)
                late_ns = self._now_ns - self._repeated[code]
                period_ns = self._period_ns(code)
                self._repeated[code] += period_ns * (1 + late_ns // period_ns)
        out, self._out = self._out, []
        return out

    def put_off(self, now_ns: int, *codes: str) -> None:
        """Leave out these messages where they are due: the next ones come a period from now."""
        for code in codes:
            if self._repeated.get(code, NEVER_NS) <= now_ns:
                self._repeated[code] = now_ns + self._period_ns(code)

    def stop(self, *reasons: str) -> bool:
        """End the charge for these reasons, fields of BST or CST. Return whether there was one."""
        if self.state not in self._stops_in:
            return False
        self._stop(reasons)
        return True

    # --- for a subclass

    def _says(self, code: str, *, is_so: bool) -> bool:
        """Return whether a message says AA: it `is_so`, and no fault keeps the message at 00."""
        return is_so and f"{code}(AA)" not in self.silenced

    def _send_in_transport(self, pgn: int, payload: bytes) -> None:
        self._out.append((frame_id(pgn, 7, *self._ends), payload))

    @property
    def _ends(self) -> tuple[int, int]:
        """Return the addresses of the other end and of this one."""
        return (VEHICLE, CHARGER) if self.is_charger else (CHARGER, VEHICLE)

    @property
    def _was_stopped(self) -> bool:
        return self.state in (State.STOPPING, State.ENDING)

    def _stop(self, reasons: tuple[str, ...]) -> None:
        """End the charge for these reasons."""
        self.state = State.STOPPING
        self.stop_reasons = reasons
        self._cease_all()
        self._repeat("CST" if self.is_charger else "BST")

    def _hear_stop(self) -> None:
        other, answer = ("vehicle", "bst") if self.is_charger else ("charger", "cst")
        if self.state in (State.CONFIGURATION, State.CHARGING):
            self._stop_heard = True
            self._stop((f"{other}_stopped",))
        elif self.state is State.STOPPING and not self._stop_heard:
            self._stop_heard = True
            self._met(answer)

    def _hear_data(self, data: bytes) -> None:  # noqa: B027 - a charger sends none
        """Take a packet of a long message."""

    def _hear_error(self) -> None:
        if self.state not in (State.FAILED, State.OFF, self._begins) and "crossing" not in self._deadlines:
            self._leave_attempt(self._was_stopped)

    def _speak(self, edition: Edition) -> None:
        """Speak by this edition from now on."""
        self.edition = edition
        self._limits = limits(edition)

    def _repeat(self, *codes: str, after_ns: int = 0) -> None:
        """Send these messages, from now on, each at its period."""
        for code in codes:
            if code not in self._repeated:
                self._repeated[code] = self._now_ns + after_ns + self._draw.randrange(_JITTER_NS)

    def _cease(self, *codes: str) -> None:
        for code in codes:
            self._repeated.pop(code, None)

    def _cease_all(self) -> None:
        self._repeated.clear()
        self._deadlines.clear()

    def _expect(self, *names: str) -> None:
        """Call `_passed` of each name when its time is over, unless `_met` of it comes before."""
        for name in names:
            self._deadlines[name] = self._now_ns + max(round(self._limits[name] * S_NS), self._floor_ns)

    def _expect_once(self, *names: str) -> None:
        """Expect as `_expect`, but let a deadline that runs go on."""
        self._expect(*(name for name in names if name not in self._deadlines))

    def _after(self, name: str, delay_s: float) -> None:
        """Call `_passed(name)` after this delay, which no floor makes longer."""
        self._deadlines[name] = self._now_ns + round(delay_s * S_NS)

    def _met(self, *names: str) -> None:
        for name in names:
            self._deadlines.pop(name, None)

    def _emit(self, code: str, payload: bytes) -> None:
        self._out.append((MESSAGES[code].id(self.edition), payload))

    def _period_ns(self, code: str) -> int:
        return MESSAGES[code].period_ns

    # --- of a subclass

    @abstractmethod
    def _leave_attempt(self, was_stopped: bool) -> None:
        """Fail, and say what follows; was_stopped: the charge was at its end."""

    @abstractmethod
    def _send(self, code: str) -> None: ...

    @abstractmethod
    def _passed(self, name: str) -> None: ...

    @abstractmethod
    def _hear_message(self, code: str, payload: bytes) -> None: ...

    @abstractmethod
    def _hear_other(self, id: int, payload: bytes) -> None: ...

    @abstractmethod
    def _hear_control(self, control: bytes) -> None: ...

    @abstractmethod
    def _run_transport(self) -> None: ...

    @abstractmethod
    def _transport_wake_ns(self) -> int: ...


def limits(edition: Edition) -> Mapping[str, float]:
    """Return the seconds that each end waits, by what it waits for (the standard's time-outs)."""
    alive_s = 0.1 if edition is Edition.Y2011 else 1.0
    return {
        **dict.fromkeys(("brm", "crm_aa", "bcp", "cts_cml", "bro", "cro", "bcs", "bsm", "bst", "cst"), 5.0),
        **dict.fromkeys(("bcl", "ccs"), alive_s),
        **dict.fromkeys(("bhm", "bsd", "csd"), 10.0),
        **dict.fromkeys(("crm_00", "reconnect"), 30.0),
        **dict.fromkeys(("bro_aa", "cro_aa"), 60.0),
        "pause": 600.0,
    }
