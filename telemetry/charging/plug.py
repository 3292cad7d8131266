"""One plug while it is followed: its session that is open, and what its next session must know.

An attempt after an error may be another vehicle's: until that is known, the session without it is kept, too.
Pure values that `tracker` changes. `saved` makes bytes of them, and `record` the session as others see it.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from telemetry_core.charge.follow_spec import FollowedPhase, FollowSpec, Numbers, PowerSpec

from telemetry.charging.cross_check import CrossCheck
from telemetry.charging.facts import edition
from telemetry.charging.moving import found_again, moved
from telemetry.charging.session import CurvePoint, Phase, SessionError

MOST_LISTED: Final = 400  # phases and errors of one session that are kept
# Of a `Plug`: what it knows of its sessions.
KEPT: Final = (
    *("open", "cross", "phases", "unwritten", "errors", "curve", "before", "last", "last_start_ns"),
)
_SAME_STAMP_NS = 1_000_000  # a log that begins earlier than the last one is no matter of equal stamps


@dataclass(frozen=True, slots=True)
class PlugSettings:
    """One plug: a channel that speaks a charging protocol, or a pack or charger that is watched by power."""

    protocol: str
    pack: str
    charger: str
    source: str  # tag of its events


@dataclass(slots=True)
class OpenSession:
    """A session under way: all that cannot be said from the follower's totals."""

    start_ns: int
    pack: str
    vehicle_vin: str | None = None
    is_settled: bool = False  # the pack is fixed, and rows may be written
    attempt: int = 1
    phase: int = 0
    phase_ns: int = 0  # its stamp
    phase_from_ns: int = 0  # its time is counted from here, …
    phase_before_ns: int = 0  # … and so much came before the clock was set back
    doubted_ns: int = 0  # an attempt began here that may be another vehicle's; 0: there is none
    since_ns: int = 0  # charging or a pause is counted from here
    is_paused: bool = False
    has_charged: bool = False
    joined: bool = False  # its first sign was one of charging, or of a later phase
    is_old: bool | None = None  # by its messages; None: they have not shown it
    charging_ns: int = 0
    paused_ns: int = 0
    words: list[list[Any]] = field(default_factory=list)  # of this attempt: the first of each kind and side
    words_before: list[list[Any]] = field(default_factory=list)  # of the newest attempt before that had some
    names: list[str] = field(default_factory=list)  # of signals of stops and errors that show the edition
    facts: dict[str, Any] = field(default_factory=dict)
    curve_ns: int = 0  # the newest stamp of the curve
    gap_s: float = 0.0  # that charging and pauses do not count
    unwritten: list[list[Any]] = field(default_factory=list)  # phases without a row, for the state alone
    cross: list[Any] | None = None

    def count_time(self, until_ns: int) -> None:
        """Count charging or a pause until here."""
        if self.phase == FollowedPhase.CHARGING and self.since_ns:
            lasted_ns = max(0, until_ns - self.since_ns)
            if self.is_paused:
                self.paused_ns += lasted_ns
            else:
                self.charging_ns += lasted_ns
            self.since_ns = until_ns

    def count_phase(self, until_ns: int) -> None:
        """Count the phase until here; what follows may have earlier stamps."""
        self.phase_before_ns = self._phase_lasted_ns(until_ns)
        self.phase_from_ns = until_ns

    def running_phase(self, at_ns: int) -> Iterator[Phase]:
        """Yield the phase that is under way, if any, as long as it has lasted."""
        if self.phase:
            lasted_s = self._phase_lasted_ns(at_ns) / 1e9
            yield Phase(self.attempt, phase_name(self.phase), self.phase_ns, lasted_s)

    def _phase_lasted_ns(self, until_ns: int) -> int:
        return self.phase_before_ns + max(0, until_ns - (self.phase_from_ns or self.phase_ns))


@dataclass(slots=True)
class Before:
    """The session without the attempt under way, which may be another vehicle's."""

    known: OpenSession
    numbers: Numbers  # the follower's
    said: dict[str, Any] = field(default_factory=dict)  # facts, by the messages of the attempt
    lengths: tuple[int, int, int] = (0, 0, 0)  # of phases, errors and curve


class Plug:
    """What is known of one plug."""

    def __init__(self, settings: PlugSettings, spec: FollowSpec | PowerSpec) -> None:
        self.settings = settings
        self.spec = spec
        self.open: OpenSession | None = None
        self.cross: CrossCheck | None = None
        self.phases: list[Phase] = []
        self.unwritten = 0  # phases from this one on have no row yet
        self.errors: list[SessionError] = []
        self.curve: list[CurvePoint] = []
        self.before: Before | None = None
        self.last: dict[str, str | None] = {}  # vehicle and pack of the last session
        self.last_start_ns = 0

    @property
    def known(self) -> OpenSession:
        """Return the session that is open. Raises ValueError without one."""
        if self.open is None:
            raise ValueError("the follower reports on a session only while it is open")
        return self.open

    @property
    def protocol(self) -> FollowSpec:
        """Return what it is followed by. Raises TypeError where that is power alone."""
        if isinstance(self.spec, PowerSpec):
            raise TypeError("power alone has no signs")
        return self.spec

    @property
    def edition(self) -> str | None:
        """Return the edition of the protocol, as far as the session that is open has shown it."""
        is_gbt = self.settings.protocol == "gbt27930"
        return edition(self.known.is_old, self.known.names) if is_gbt else None

    def begin(self, start_ns: int, cross: CrossCheck) -> None:
        """Begin a session."""
        if 0 <= self.last_start_ns - start_ns < _SAME_STAMP_NS:
            start_ns = self.last_start_ns + 1  # or this session would replace that one
        self.last_start_ns = start_ns
        self.open = OpenSession(start_ns, self.settings.pack)
        self.open.is_settled = isinstance(self.spec, PowerSpec)
        self.cross = cross
        self._forget()

    def end(self) -> None:
        """End the session."""
        self.open = self.cross = None
        self._forget()

    def begin_attempt(self, numbers: Numbers) -> None:
        """Keep what is known, since the attempt may be another vehicle's. numbers: before it."""
        lengths = len(self.phases), len(self.errors), len(self.curve)
        self.before = Before(deepcopy(self.known), numbers, lengths=lengths)

    @property
    def doubt(self) -> Before | None:
        """Return what was before the attempt under way, while it is at its recognition."""
        is_recognising = self.open is not None and self.open.phase == FollowedPhase.RECOGNITION
        return self.before if is_recognising else None

    def go_back(self, before: Before) -> None:
        """Forget the attempt under way."""
        self.open = before.known
        lists: tuple[list[Any], ...] = self.phases, self.errors, self.curve
        for some, length in zip(lists, before.lengths, strict=True):
            del some[length:]

    def _forget(self) -> None:
        self.before = None
        self.phases, self.errors, self.curve, self.unwritten = [], [], [], 0

    def close_phase(self, until_ns: int) -> None:
        """End the phase under way."""
        if len(self.phases) < MOST_LISTED:
            self.phases += self.known.running_phase(until_ns)

    def reopen(self, opened: OpenSession, cross: CrossCheck | None, before: Before | None) -> None:
        """Go on with a session of an earlier run."""
        self.open, self.cross = opened, cross
        self._forget()
        self.before = before
        self.phases += (Phase(*phase) for phase in opened.unwritten)
        opened.cross = None
        opened.unwritten = []

    def move(self, by_ns: int) -> None:
        """Add `by_ns` to all stamps of its session."""
        known = self.open, self.cross, self.before, self.phases, self.errors, self.curve
        self.open, self.cross, self.before, self.phases, self.errors, self.curve = moved(known, by_ns)
        if self.before is not None:
            self.before.numbers = found_again(self.before.numbers)
        if self.open is not None:
            self.last_start_ns = self.open.start_ns


def phase_name(number: int) -> str:
    """Return a phase as `charging_phase` has it."""
    return FollowedPhase(number).name.lower()
