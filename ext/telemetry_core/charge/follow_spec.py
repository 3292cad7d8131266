"""What a follower follows, as plain values: the signs, phases and deadlines of a charging protocol.

`telemetry.charging` writes them; the compiled Follower reads them. Records and fields are indexes into the
schema, signs are indexes into `FollowSpec.signs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from telemetry_core.rows.spec import RecordSpec
from telemetry_core.rules.map_spec import ABSENT

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
    """When the rows of a record are reported as they are."""

    CHANGES = 1  # each time they hold something else
    ONCE = 2  # the first of a session alone


@dataclass(frozen=True, slots=True)
class Sign:
    """A row of `record`, all of whose conditions hold. The first conditions are those of one field."""

    name: str  # for people: "CRM(AA)"
    record: int
    side: Side
    phase: FollowedPhase = FollowedPhase.NONE
    kind: SignKind = SignKind.HEARD
    field: int = ABSENT  # must have the raw value `value`
    value: int = 0
    lacks: int = ABSENT  # a field that the row must not have
    zeros: tuple[int, int] = (0, 0)  # the first of so many fields that must be there with raw value 0
    reasons: tuple[int, int] = (0, 0)  # the first of so many fields whose raw value 1 may be a reason
    reason_mask: int = 0  # which of them are, as bits
    from_phase: FollowedPhase = FollowedPhase.NONE  # it is a sign in this phase and later ones alone
    to_phase: FollowedPhase = FollowedPhase.ENDED  # and in this phase and earlier ones
    unless: int = ABSENT  # a sign that must not have been heard in this session
    after: int = ABSENT  # a sign that must have been


@dataclass(frozen=True, slots=True)
class Deadline:
    """`awaited` is due `limit_ns` after `since` was first heard, or after the phase began.

    is_periodic: it is due again so long after each time; once_heard: and only after its first time.
    """

    awaited: int
    limit_ns: int
    first_phase: FollowedPhase
    last_phase: FollowedPhase
    since: int = ABSENT
    is_periodic: bool = False
    once_heard: bool = False


@dataclass(frozen=True, slots=True)
class FollowSpec:
    """One protocol on the channels of one bus of the plan."""

    name: str
    bus: int
    signs: tuple[Sign, ...]
    deadlines: tuple[Deadline, ...] = ()
    reported: tuple[tuple[int, Reporting], ...] = ()  # records whose rows are reported
    minutes: tuple[int, int] = (ABSENT, ABSENT)  # record and field of the minutes that the charger counts
    silence_ns: int = 10 * SECOND_NS  # so long without a sign ends a session
    reconnect_ns: int = 30 * SECOND_NS  # the same after an error
    same_error_ns: int = SECOND_NS  # errors no further apart are one
    gap_ns: int = 2 * SECOND_NS  # what is measured further apart is not joined

    def slots(self) -> dict[int, int]:
        """Return where the time of each sign is kept that a deadline or another sign asks for."""
        asked = [sign for deadline in self.deadlines for sign in (deadline.awaited, deadline.since)]
        asked += [other for sign in self.signs for other in (sign.unless, sign.after)]
        kept = dict.fromkeys(sign for sign in asked if sign != ABSENT)
        return {sign: slot for slot, sign in enumerate(kept)}

    def kept_by(self, records: Sequence[RecordSpec]) -> str:
        """Return what places in the state of a plug stand for, by names. `records`: of the schema."""
        signs = [self.signs[sign].name for sign in self.slots()]
        deadlines = [self.signs[deadline.awaited].name for deadline in self.deadlines]
        reported = [records[record].measurement for record, _ in self.reported]
        return repr((self.name, signs, deadlines, reported))

    def waiting(self, least_ns: int) -> "FollowSpec":
        """Return the same protocol with no wait shorter than `least_ns`.

        A simulator that runs fast multiplies what the machine delays.
        """
        return replace(
            self,
            deadlines=tuple(
                replace(deadline, limit_ns=max(deadline.limit_ns, least_ns)) for deadline in self.deadlines
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

    def kept_by(self, _records: Sequence[RecordSpec]) -> str:
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
