"""What a map is made of, as plain values.

`telemetry.rules.map` writes them. The compiled Mapper reads them, and so does its readable model in the
tests. Records and fields are indexes; names serve only the writer of tags.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from telemetry_core.rows.spec import DecimalScale, RecordSpec

ABSENT = -1  # an index: there is no such field, or it is not to be derived
J1939_SENDER = 0xFF  # the bits of an id that say who sent it


@dataclass(frozen=True, slots=True)
class SlotMap:
    """One field of a message row into one field of a modelled row.

    With `scale` (and an integer or flag as source): value = (raw * multiplier + bias) / 10**decimals, one
    division, so that it prints short. Without: value = raw * factor + offset. With `words` (into a text): the
    slot for each raw value. Any other raw value fills nothing, nor does one of `absent`.
    """

    source: int  # index of the field in the message's record
    target: int  # index of the field in the target's record
    scale: DecimalScale | None
    factor: float
    offset: float
    words: tuple[tuple[int, int], ...] = ()
    absent: tuple[int, ...] = ()
    per: int = (
        ABSENT  # index into BusMap.references: the value is divided by it, and none without a recent one
    )
    rank: int = ABSENT  # of origins of its field the least that was heard lately fills; ABSENT: the only one


@dataclass(frozen=True, slots=True)
class PartMap:
    """Slots that are there together: always, or when the selector's raw value is in one of `ranges`.

    A selector that the row lacks, because its value is "not available", has selected what the row has.
    """

    selector: int  # index of the selecting field in the message's record; ABSENT: always
    ranges: tuple[tuple[int, int], ...]  # inclusive
    slots: tuple[SlotMap, ...]
    selected: tuple[int, ...] = ()  # of the message's fields all that are there then, mapped or not


@dataclass(frozen=True, slots=True)
class OutputMap:
    """What one message brings to one target."""

    target: int  # index into MapSpec.targets
    cycle: int  # index into BusMap.cycles, of a target with cells; ABSENT: a plain row
    first_page: int  # in that cycle: parts[i] is page first_page + i
    parts: tuple[PartMap, ...]


@dataclass(frozen=True, slots=True)
class MessageMap:
    """What one message of a bus brings, in the order of the rows that are made. A record may have several.

    sender: the address whose rows are meant, in the bits `sender_mask` of the id; ABSENT: those that the
    senders stage takes.
    """

    record: int
    outputs: tuple[OutputMap, ...]
    protection: int = ABSENT  # index of the field that says whether the frame is right
    sender: int = ABSENT
    sender_mask: int = J1939_SENDER


@dataclass(frozen=True, slots=True)
class CycleMap:
    """Pages of a bus that are one reading of a pack when all of them are in."""

    target: int
    page_count: int
    pages: tuple[str, ...] = field(default=(), compare=False)  # what each is called, for reports
    within_ns: int = 0  # they are asked for, two of a round no further apart; 0: sent over and over
    optional: tuple[int, ...] = ()  # pages of a round that are missing, without news, until they first come


@dataclass(frozen=True, slots=True)
class BusMap:
    """What the messages of one bus bring."""

    messages: tuple[MessageMap, ...]
    cycles: tuple[CycleMap, ...]
    references: tuple[tuple[int, int], ...] = ()  # record, field: values are divided by its raw value
    count_gap_ns: int = 2_000_000_000  # a counter counts between two readings no further apart than this


@dataclass(frozen=True, slots=True)
class PowerRule:
    """power = voltage * current, rounded to `decimals` (ABSENT: not rounded). Fields of one target."""

    voltage: int
    current: int
    power: int
    decimals: int


@dataclass(frozen=True, slots=True)
class FlowRule:
    """Flags of the current's sign, beyond the threshold. Fields of one target."""

    current: int
    charging: int
    discharging: int


@dataclass(frozen=True, slots=True)
class CountRule:
    """Counters of what has flowed, in and out apart.

    Fields of one target; ABSENT: not there, or not written.
    """

    current: int
    power: int
    charged_ah: int
    discharged_ah: int
    charged_wh: int
    discharged_wh: int

    @property
    def counters(self) -> set[int]:
        """Return the fields of those that are written."""
        return {self.charged_ah, self.discharged_ah, self.charged_wh, self.discharged_wh} - {ABSENT}


@dataclass(frozen=True, slots=True)
class SpreadRule:
    """Extremes of a completed cycle of the target `cells`: fields of the target that has this rule."""

    cells: int  # index into MapSpec.targets
    cell_min: int
    cell_max: int
    cell_delta: int
    cell_min_index: int
    cell_max_index: int
    temp_min: int
    temp_max: int
    delta_decimals: int  # cell_delta is rounded to so many; ABSENT: not rounded


@dataclass(frozen=True, slots=True)
class TargetMap:
    """Rows of one measurement with one tag set, and what is derived into them."""

    record: int  # index into the schema
    tag_set: int  # index into MapSpec.tag_sets
    cell_count: int  # of a record of cells: its first so many fields are voltages, the others temperatures
    power: PowerRule | None
    flow: FlowRule | None
    spread: SpreadRule | None
    count: CountRule | None = None


@dataclass(frozen=True, slots=True)
class MapSpec:
    """Everything the Mapper needs. Its schema is `Schema(plan.records + map.records)`."""

    first_record: int  # = len(plan.records): the index of records[0] in the schema
    records: tuple[RecordSpec, ...]
    tag_sets: tuple[dict[str, str], ...]  # such as {"pack": "main"}; vehicle and source come in addition
    targets: tuple[TargetMap, ...]
    buses: tuple[BusMap, ...]  # of the plan's bus of the same index
    threshold_a: float = 0.5  # current flows when it is over this
    input_age_ns: int = 2_000_000_000  # values derived from several frames use none older than this
    cycle_gap_ns: int = 10_000_000_000  # a cycle in which nothing came for longer than this is given up
    origin_gap_ns: int = 10_000_000_000  # an origin that is silent for longer leaves its field to the next
    has_pages: bool = False  # each page of cells is handed over with its own stamp: `Mapper.pages`
    # For reports: a field, the signal that does not fill it, and the key path of the entry that does.
    overruled: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)

    def record_of(self, target: TargetMap) -> RecordSpec:
        """Return what rows of a target are."""
        return self.records[target.record - self.first_record]

    def tag_sets_of(self, bus: int) -> set[int]:
        """Return the indexes of the tag sets of which rows of this bus make rows; of -1: none."""
        messages = self.buses[bus].messages if bus >= 0 else ()
        return {self.targets[out.target].tag_set for message in messages for out in message.outputs}


class PageNotice(NamedTuple):
    """A page of a cycle is missing from the row `row` on, or is back. The BusMap has the numbers."""

    row: int  # in the batch that the mapper wrote: the last row made of the input row that showed it
    time_ns: int
    channel: int
    cycle: int
    page: int
    is_missing: bool


class SenderFinding(NamedTuple):
    """Two senders of one record, reported once.

    row: the number of the row in its batch that shows it. taken, other: addresses.
    The record is taken from `taken`, and `other` sends it too. With `is_change` it was taken from `other`
    before.
    """

    row: int
    time_ns: int
    channel: int
    record: int
    taken: int
    other: int
    is_change: bool
