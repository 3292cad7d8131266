"""What is watched for, as plain values. Records and fields are indexes into the schema.

`telemetry.rules.alarm_map` and `telemetry.rules.limits` write them; the compiled Watcher reads them, and so
does its readable model in the tests.
"""

from dataclasses import dataclass
from typing import NamedTuple

from telemetry_core.rules.map_spec import ABSENT, J1939_SENDER


@dataclass(frozen=True, slots=True)
class BitTest:
    """Active while any bit of `mask` is set in the raw value of an integer, flag or text."""

    mask: int


@dataclass(frozen=True, slots=True)
class ValueTest:
    """Active while the raw value of an integer, flag or text is one of these."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LimitTest:
    """Active once a float has been beyond `limit` in each row of `for_ns`, until it is back at `release`.

    above: beyond is value > limit, back is value <= release; below: value < limit, value >= release.
    """

    limit: float
    release: float  # with hysteresis: at the good side of the limit
    is_upper: bool
    for_ns: int = 0


@dataclass(frozen=True, slots=True)
class CrossingTest:
    """Begins with each value of a number that crosses `limit`, and never ends.

    within_ns: with each that has changed by so much within that time; 0: without.
    """

    limit: float
    is_upper: bool = True
    within_ns: int = 0


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One thing to watch, in the rows of one record that have one tag set."""

    record: int
    field: int  # the first of `field_count`; of several it is the worst one that is judged
    test: BitTest | ValueTest | LimitTest | CrossingTest
    field_count: int = 1  # more than one with a LimitTest only
    bus: int = ABSENT  # the plan's bus whose channels are meant; ABSENT: every bus
    tag_set: int = ABSENT  # of a modelled record: index into MapSpec.tag_sets; ABSENT: a message's own rows
    protection: int = ABSENT  # the field that says whether the row's frame is right
    absent: tuple[int, ...] = ()  # raw values that say nothing; not with a LimitTest
    sender: int = ABSENT  # of a message's own rows: the address that is meant; ABSENT: the one taken
    sender_mask: int = J1939_SENDER  # the bits of an id that say who sent it


class Transition(NamedTuple):
    """A rule begins (`active`) or ends.

    row: the number of the row in its batch that shows it; with `every_report` of the last one made of that
    message. rule: index into the rules. value: of the field that shows it (of an integer its raw value); of a
    CrossingTest what it stands for, or how much it has changed.
    member: which of the rule's fields, from 0.
    """

    row: int
    time_ns: int
    channel: int
    rule: int
    active: bool
    value: float
    member: int


class StandingAlarm(NamedTuple):
    """A rule that is active on a channel. seen_ns: the stamp of the newest row that has its fields."""

    rule: int
    seen_ns: int


class Waiting(NamedTuple):
    """A limit that is crossed on a channel, not yet for long enough. since_ns: the first stamp beyond it."""

    rule: int
    since_ns: int
