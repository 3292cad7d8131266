"""What a follower follows, by names of messages and signals: the signs, phases and deadlines of a protocol.

`telemetry.charging.follow` has the protocols. The compiled Follower finds their names in its schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, NamedTuple

SECOND_NS = 1_000_000_000
Numbers = dict[str, Any]  # of a plug's state by name; of a group another one, of a row of them a list


class FollowedPhase(IntEnum):
    """Phases of a charge, in their order. NONE: of no phase."""

    NONE = 0
    HANDSHAKE = 1
    RECOGNITION = 2
    CONFIGURATION = 3
    CHARGING = 4
    STOPPING = 5
    ENDED = 6


class Side(IntEnum):
    """Who sends a message, or measures: METER is neither end."""

    VEHICLE = 0
    CHARGER = 1
    METER = 2


class SignKind(IntEnum):
    """What a sign does, besides leading into its phase."""

    HEARD = 0  # nothing else
    BEGIN = 1  # after a later phase than recognition it begins the next session
    AGAIN = 2  # after an error it begins the next attempt, in charging or later the next session
    ERROR = 3  # a side reports what it missed: `reasons`
    STOP = 4  # a side ends the charge: `reasons`
    PAUSE = 5  # its side pauses, in a session that shows a later edition than the oldest
    RESUME = 6  # its side pauses no longer
    OLD = 7  # the session is of the oldest edition, whatever was shown before it charged
    DOUBT = 8  # currents may mean something else: reported once a session
    UNKNOWN = 9  # another protocol is negotiated: reported once, with or without a session
    NEW = 10  # the session is of a later edition


class Reporting(IntEnum):
    """When the rows of a message are reported as they are."""

    CHANGES = 1  # each time they hold something else
    ONCE = 2  # the first of a session alone


@dataclass(frozen=True, slots=True)
class Sign:
    """A row of `message`, all of whose conditions hold. Values are raw."""

    name: str  # for people: "CRM(AA)"
    message: str
    side: Side
    phase: FollowedPhase = FollowedPhase.NONE
    kind: SignKind = SignKind.HEARD
    when: tuple[str, int] | None = None  # a signal and its value
    lacks: str = ""  # a signal that the row must not have
    zeros: tuple[str, ...] = ()  # signals that must be there with value 0
    reasons: tuple[str, ...] = ()  # signals whose value 1 is a reason, in the order of the message
    from_phase: FollowedPhase = FollowedPhase.NONE  # it is a sign in this phase and later ones alone
    to_phase: FollowedPhase = FollowedPhase.ENDED  # and in this phase and earlier ones
    unless: str = ""  # a sign that must not have been heard in this session
    after: str = ""  # a sign that must have been
    is_optional: bool = False  # a decoder may lack the message


@dataclass(frozen=True, slots=True)
class Deadline:
    """The sign `awaited` is due `limit_s` after the sign `since` was first heard, or after the phase began.

    is_periodic: it is due again so long after each time that its message comes; once_heard: and only after
    the first time.
    """

    awaited: str
    limit_s: float
    first_phase: FollowedPhase
    last_phase: FollowedPhase
    since: str = ""
    is_periodic: bool = False
    once_heard: bool = False

    @property
    def limit_ns(self) -> int:
        """Return the limit in nanoseconds."""
        return round(self.limit_s * SECOND_NS)


@dataclass(frozen=True, slots=True)
class FollowSpec:
    """One protocol; once it is `found_in` the records of a plan, on the channels of one of its buses."""

    name: str
    signs: tuple[Sign, ...]
    deadlines: tuple[Deadline, ...] = ()
    reported: Mapping[str, Reporting] = field(default_factory=dict)  # by message
    minutes: tuple[str, str] | None = None  # message and signal of the minutes that the charger counts
    bus: int = -1
    records: Mapping[str, int] = field(default_factory=dict)  # of the schema, by message
    silence_ns: int = 10 * SECOND_NS  # so long without a sign ends a session
    reconnect_ns: int = 30 * SECOND_NS  # the same after an error
    same_error_ns: int = SECOND_NS  # errors no further apart are one
    gap_ns: int = 2 * SECOND_NS  # what is measured further apart is not joined

    def found_in(self, places: Mapping[str, int], bus: int) -> "FollowSpec":
        """Return it with its messages on this bus, whose records are at `places`, by measurement.

        Raises KeyError for a message, or a sign, that is not there.
        """
        if unknown := self.slots().keys() - {sign.name for sign in self.signs}:
            raise KeyError(f"{self.name} has no sign {', '.join(sorted(unknown))}")
        signs = [one for one in self.signs if not one.is_optional or f"{self.name}_{one.message}" in places]
        found = {sign.message: places[f"{self.name}_{sign.message}"] for sign in signs}
        return replace(self, signs=tuple(signs), bus=bus, records=found)

    def slots(self) -> dict[str, int]:
        """Return where the time of each sign is kept that a deadline or another sign asks for."""
        asked = [sign for deadline in self.deadlines for sign in (deadline.awaited, deadline.since)]
        asked += [other for sign in self.signs for other in (sign.unless, sign.after)]
        return {sign: slot for slot, sign in enumerate(dict.fromkeys(filter(None, asked)))}

    def kept_by(self) -> str:
        """Return what places in the state of a plug stand for, by names."""
        deadlines = [deadline.awaited for deadline in self.deadlines]
        reported = [f"{self.name}_{message}" for message in self.reported]
        return repr((self.name, list(self.slots()), deadlines, reported))

    def waiting(self, least_ns: int) -> "FollowSpec":
        """Return the same protocol with no wait shorter than `least_ns`.

        A simulator that runs fast multiplies what the machine delays.
        """
        return replace(
            self,
            deadlines=tuple(
                replace(one, limit_s=max(one.limit_s, least_ns / SECOND_NS)) for one in self.deadlines
            ),
            silence_ns=max(self.silence_ns, least_ns),
            reconnect_ns=max(self.reconnect_ns, least_ns),
            gap_ns=max(self.gap_ns, least_ns),
        )


@dataclass(frozen=True, slots=True)
class PowerSpec:
    """Sessions that no message shows: power of one side over a threshold."""

    side: Side
    starts_above_w: float
    starts_after_ns: int
    ends_after_ns: int
    gap_ns: int = 2 * SECOND_NS

    def kept_by(self) -> str:
        """Return the same as `FollowSpec.kept_by`: no place is a name's."""
        return "power"


class ChangeKind(IntEnum):
    """What has changed at a plug."""

    BEGUN = 1
    PHASE = 2  # number: the phase that begins
    ATTEMPT = 3  # number: of the attempt that begins
    ERROR = 4  # number: the sign; bits: of its reasons
    STOP = 5  # as ERROR
    SILENCE = 6  # number: the deadline
    PAUSED = 7
    RESUMED = 8
    ROW = 9  # a row of FollowSpec.reported: `raw`
    PERCENT = 10  # number: the percent that is left, reached at since_ns; values: Percent
    WINDOW = 11  # values: Window, of the 10 s that end; number: 1 if power has fallen that shows a session
    MINUTE = 12
    DOUBT = 13  # `raw`
    UNKNOWN = 14  # `raw`
    ENDED = 15  # number: an End; time_ns: of the last frame
    RESTORED = 16  # it goes on; since_ns: when it was seen last; number: 1 if its clock was set
    EDITION = 17  # number: the sign, OLD or NEW, that shows it first


class End(IntEnum):
    """Why a session is over."""

    SILENCE = 1
    NEXT = 2  # the next one begins
    FINISHED = 3  # no more rows come
    BELOW = 4  # power has been below the threshold for long enough


TOTALS = (
    *("energy_vehicle_wh", "energy_charger_wh", "energy_meter_wh"),
    *("covered_vehicle_s", "covered_charger_s", "covered_meter_s"),
    *("charged_vehicle_ah", "charged_charger_ah", "charged_meter_ah"),
    *("peak_vehicle_w", "peak_charger_w", "peak_meter_w"),
    *("common_s", "common_vehicle_wh", "common_charger_wh", "common_current_as", "common_voltage_vs"),
    *("start_soc_pct", "end_soc_pct", "start_temp_max_c", "end_temp_max_c", "cell_max_v"),
    *("requested_max_a", "gap_s", "discharged_wh"),
)
PERCENT = (
    *("vehicle_s", "vehicle_wh", "vehicle_v", "vehicle_a"),
    *("charger_s", "charger_wh", "charger_v", "charger_a"),
    *("temp_max_c", "cell_min_v", "cell_max_v"),
)
WINDOW = (
    *("vehicle_s", "vehicle_v", "vehicle_a"),
    *("charger_s", "charger_v", "charger_a"),
    *("meter_s", "meter_v", "meter_a"),
    *("requested_a", "requested_min_a", "requested_max_a", "requested_v", "is_charging"),
)


class PlugChange(NamedTuple):
    """A change that a row shows of the plug on `channel`; kind: by `ChangeKind`.

    row: the number of the row in its batch that shows it, -1 without one. time_ns: when it was, which may be
    earlier. values: by `PERCENT` or `WINDOW`; totals: of the session so far, by `TOTALS`; () of a WINDOW. NaN
    is not known. raw: the row's slots by field, if kind is ROW, DOUBT or UNKNOWN.
    """

    row: int
    time_ns: int
    channel: int
    kind: int
    number: int
    side: int
    bits: int
    since_ns: int
    values: tuple[float, ...]
    totals: tuple[float, ...]
    raw: dict[str, Any] | None
