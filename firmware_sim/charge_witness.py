"""What happened on the bus of a charge, as the simulator knows it: phase, attempts, errors, stop and reason.

It sees each frame together with the message that it was sent as, and keeps to the contract's words: the phase
of a message, an attempt, an outcome. Written apart from the telemetry's own state machine, to be held
against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_sim.wire.gbt import BEM_BITS, CEM_BITS, CHARGER, CODES, NOT_READY, Edition, stop_bits, two_bits
from firmware_sim.wire.j1939 import CONTROL_PGN, Control, split_id

PHASES: Mapping[str, tuple[str, ...]] = {
    "handshake": ("CHM", "BHM"),
    "recognition": ("CRM", "BRM"),
    "configuration": ("BCP", "CTS", "CML", "BRO", "CRO"),
    "charging": ("BCL", "BCS", "CCS", "BSM", "BMV", "BMT", "BSP"),
    "stopping": ("BST", "CST"),
    "ended": ("BSD", "CSD"),
}
_ORDER = tuple(PHASES)
_PHASE_OF = {code: phase for phase, codes in PHASES.items() for code in codes}
_ONE_ERROR_NS = 1_000_000_000  # errors no further apart are one
_ANSWERS = ("charger_stopped", "vehicle_stopped")


@dataclass(frozen=True, slots=True)
class WitnessedError:
    """A BEM or CEM, of whatever length of repetition."""

    at_ns: int
    attempt: int
    side: str
    what: str


class Witness:
    """Call `see` for each frame that got through, in its order."""

    def __init__(self) -> None:
        self.phase: str | None = None
        self.attempts = 1
        self.errors: list[WitnessedError] = []
        self.stop_side: str | None = None
        self.stop_reason: str | None = None
        self._error_ns: int | None = None  # of the last BEM or CEM
        self._summary = False

    @property
    def outcome(self) -> str:
        """Return how it ended, once all is over and the bus has been silent."""
        if self.stop_side is not None:
            return "complete" if self._summary else "stopped"
        if self.errors:
            return "error"
        return "cut" if self.phase == "charging" else "failed"

    @property
    def side(self) -> str | None:
        """Return who ended it."""
        return self.stop_side or self._last_error("side")

    @property
    def reason(self) -> str | None:
        """Return why: signal names of the first stop, or of the last attempt's first error."""
        return self.stop_reason if self.stop_side else self._last_error("what")

    def see(self, now_ns: int, id: int, data: bytes, edition: Edition) -> None:
        """Take a frame of one of the ends; `edition`: that of its sender."""
        pgn, _, source = split_id(id)
        by_charger = source == CHARGER
        if pgn == CONTROL_PGN and data[0] == Control.RTS:
            pgn = int.from_bytes(data[5:8], "little")
        code = CODES.get((pgn, by_charger))
        side = "charger" if by_charger else "vehicle"
        match code:
            case None:
                return
            case "BEM" | "CEM":
                self._see_error(now_ns, side, _names(BEM_BITS if code == "BEM" else CEM_BITS, data))
            case "BST" | "CST" if self.stop_side is None:
                reasons = _names(stop_bits(code, edition), data)
                self.stop_side, self.stop_reason = side, reasons or "unexplained"
            case "BSD" | "CSD":
                self._summary = True
            case "CRM" if data[0] == NOT_READY and self._error_ns is not None and not self.stop_side:
                self._error_ns = None
                self.attempts += 1
                self.phase = None
            case _:
                pass
        self._enter(code)

    def _enter(self, code: str) -> None:
        phase = _PHASE_OF.get(code)
        if phase and (self.phase is None or _ORDER.index(phase) > _ORDER.index(self.phase)):
            self.phase = phase

    def _see_error(self, now_ns: int, side: str, what: str) -> None:
        last = self.errors[-1] if self.errors else None
        recent = self._error_ns is not None and now_ns - self._error_ns <= _ONE_ERROR_NS
        self._error_ns = now_ns
        if last is None or not recent:
            self.errors.append(WitnessedError(now_ns, self.attempts, side, what))

    def _last_error(self, name: str) -> str | None:
        last = [error for error in self.errors if error.attempt == self.attempts] or self.errors[-1:]
        return getattr(last[0], name) if last else None


def _names(fields: Mapping[str, tuple[int, int]], data: bytes) -> str:
    """Return the names that are set, sorted, with commas between them."""
    return ",".join(
        sorted(name for name, at in fields.items() if two_bits(data, at) == 1 and name not in _ANSWERS)
    )
