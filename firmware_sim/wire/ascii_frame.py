"""Frames of `~`, digits and CR (YD/T 1363.3), as Seplos and Pylontech batteries speak them.

Promises: a whole request for the address of a battery gets its answer; one with a wrong check or length gets
the return code that says so. Layout: "SEPLOS BMS Communication Protocol V2.0" and "PYLON low-voltage RS485".
"""

from collections.abc import Callable, Sequence

from firmware_sim.wire.asked import AskedLine
from firmware_sim.wire.readings import Readings

BEGIN, END = b"~", b"\r"
VERSION = 0x20
CID1 = 0x46  # lithium batteries
OK, WRONG_VERSION, WRONG_CHECK, WRONG_LENGTH, WRONG_CID2, WRONG_FORMAT, WRONG_DATA = range(7)

_HEAD_DIGITS = 12
_CHECK_DIGITS = 4
_LONGEST = 4200


def checked_length(digits: int) -> int:
    """Return the number of INFO's digits, under a nibble that brings the sum of all four to 0 modulo 16."""
    nibbles = (digits >> 8) + (digits >> 4 & 15) + (digits & 15)
    return (-nibbles & 15) << 12 | digits


def checksum(text: bytes) -> int:
    """Return 16 bits: the negated sum of the characters from VER to the end of INFO."""
    return -sum(text) & 0xFFFF


def frame(address: int, cid2: int, info: bytes = b"", *, version: int = VERSION) -> bytes:
    """Return a request (CID2 is a command) or an answer (CID2 is a return code)."""
    head = bytes((version, address, CID1, cid2)) + checked_length(2 * len(info)).to_bytes(2, "big")
    text = (head + info).hex().upper().encode("ascii")
    return BEGIN + text + f"{checksum(text):04X}".encode("ascii") + END


class AsciiLine(AskedLine):
    """A battery's end of the bus. `answer` gets address, command and INFO of a good request.

    It returns a return code and INFO for each battery that speaks, with its address; nothing: all are silent.
    """

    def __init__(self, answer: Callable[[int, int, bytes], Sequence[tuple[int, int, bytes]]]) -> None:
        self._of = answer
        super().__init__(_take, self._answers)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        body = bytes.fromhex(asked[1 : -1 - _CHECK_DIGITS].decode("ascii"))
        address, cid2, given = body[1], body[3], int.from_bytes(body[4:6], "big")
        answers = self._of(address, cid2, body[6:])
        if answers and given != checked_length(2 * len(body[6:])):
            answers = [(who, WRONG_LENGTH, b"") for who, _, _ in answers]
        if answers and int(asked[-5:-1], 16) != checksum(asked[1:-5]):
            answers = [(who, WRONG_CHECK, b"") for who, _, _ in answers]
        return [frame(who, code, info) for who, code, info in answers]


NORMAL, BELOW, ABOVE = range(3)  # of a value, in an answer about alarms


def compared(alarms: frozenset[str], above: str, below: str = "") -> int:
    """Return where a value stands that has these alarms."""
    return ABOVE if above in alarms else BELOW if below in alarms else NORMAL


def compared_cells(readings: Readings) -> list[int]:
    """Return where each cell's voltage stands."""
    cells = [NORMAL] * len(readings.cells_v)
    if "cell_overvoltage" in readings.alarms:
        cells[readings.highest[0]] = ABOVE
    if "cell_undervoltage" in readings.alarms:
        cells[readings.lowest[0]] = BELOW
    return cells


def _take(received: bytes) -> tuple[int, bytes | None]:
    at = received.find(BEGIN)
    if at:
        return (at if at > 0 else len(received)), None
    end = received.find(END)
    again = received.find(BEGIN, 1)
    if again > 0 and (end < 0 or again < end):
        return again, None
    if end < 0:
        return (0 if len(received) < _LONGEST else 1), None
    whole = received[: end + 1]
    digits = whole[1:-1]
    is_frame = len(digits) >= _HEAD_DIGITS + _CHECK_DIGITS and len(digits) % 2 == 0
    try:
        bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        is_frame = False
    return len(whole), whole if is_frame else None
