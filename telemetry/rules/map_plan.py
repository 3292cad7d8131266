"""Packs resolved `[[map]]` assignments into the MapSpec that the compiled Mapper carries out.

Promises:

- The rows of one frame come in a fixed order: tag set by tag set, cells before what is derived from them.
- Decimal signals stay decimal through scale and offset, so that they print as short as in the database.

Relies on `telemetry.rules.map` for valid assignments: one for each field, bus and branch of a multiplexer.
"""

import functools
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, Inexact
from typing import NamedTuple

from telemetry_core.decode.spec import Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.map_spec import (
    ABSENT,
    J1939_SENDER,
    BusMap,
    CountRule,
    CycleMap,
    FlowRule,
    MapSpec,
    MessageMap,
    OutputMap,
    PartMap,
    PowerRule,
    SlotMap,
    SpreadRule,
    TargetMap,
)

from telemetry.model.measurements import BATTERY, CELLS, CHARGER, METER, cells_record_spec, record_spec
from telemetry.model.scaling import decimals_of, raw_range

# In the order of the rows that one frame makes: what is derived from cells comes after them.
_ORDER = (CELLS.name, BATTERY.name, CHARGER.name, METER.name)
MAPPED_MEASUREMENTS = tuple(sorted(_ORDER))

_EXACT_INTEGERS = 2**53  # up to here a double is exact, and its quotient by a power of ten the nearest double
_MAX_DECIMALS = 18
_MAX_POWER_DECIMALS = 9  # with more than that a product is left as it is
_EXACT = Context(prec=80, traps=[Inexact])

Tag = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One signal of one message on one bus, and the field that it fills."""

    name: str  # Message.Signal
    where: object  # key path of its entry
    bus: int
    message: MessageSpec
    signal: int
    measurement: str
    tag: Tag
    field: str
    scale: float
    offset: float
    absent: tuple[int, ...] = ()  # raw values that are not readings
    words: tuple[tuple[int, str], ...] = ()  # into a text: what each raw value is
    sender: int = ABSENT  # the J1939 address that is meant
    per: tuple[int, int] | None = None  # record and signal of what it is divided by
    within_ns: int = 0  # of cells that are asked for: two pages are no further apart; 0: they are sent
    rank: int | None = None  # of several of its field: the least that was heard lately fills it
    optional: bool = False  # of cells that are asked for: not each device answers their page

    @property
    def is_asked(self) -> bool:
        """Return whether somebody asks for it."""
        return self.within_ns > 0


@dataclass(frozen=True, slots=True)
class Counting:
    """That charge and energy of batteries are to be counted.

    gaps_ns: by bus, how far two readings may be apart where that is not 2 s, as on the rest.
    """

    gaps_ns: Mapping[str, int] = field(default_factory=dict)


class _Key(NamedTuple):
    """What distinguishes targets: a field that one bus fills is still derived on the others."""

    bus: int
    tag: Tag
    measurement: str


_Pair = tuple[Assignment, SlotMap]
_Filled = dict[_Key, dict[str, list[SlotMap]]]  # by target and field: what fills it


def build(
    assignments: Iterable[Assignment], spec: PlanSpec, threshold_a: float, counting: Counting | None = None
) -> MapSpec:
    """Return the map that fills each assigned field, and what follows from these unless assigned itself.

    counting: None: counters are not derived.
    """
    assignments = list(assignments)
    records = {record.measurement: record for record in _records(assignments)}
    indexes = {name: _indexes(record) for name, record in records.items()}
    references = [_references(assignments, bus) for bus in range(len(spec.buses))]
    pairs = []
    for one in assignments:
        target = indexes[one.measurement][one.field]
        pairs.append((one, _slot(one, spec, records[one.measurement], target, references[one.bus])))
    filled: _Filled = {}
    for assignment, slot in pairs:
        fields = filled.setdefault(_Key(assignment.bus, assignment.tag, assignment.measurement), {})
        fields.setdefault(assignment.field, []).append(slot)
        if assignment.measurement == CELLS.name:
            filled.setdefault(_Key(assignment.bus, assignment.tag, BATTERY.name), {})
    tags = list(dict.fromkeys(key.tag for key in filled))
    keys = sorted(filled, key=lambda key: (key.bus, tags.index(key.tag), _ORDER.index(key.measurement)))
    first_record = len(spec.records)
    targets = tuple(
        TargetMap(
            record=first_record + list(records).index(key.measurement),
            tag_set=tags.index(key.tag),
            cell_count=_cell_count(records[key.measurement]),
            power=_power(filled[key], records[key.measurement]),
            flow=_flow(filled[key], records[key.measurement]),
            spread=_spread(key, keys, filled, records[key.measurement]),
            count=_count(key, filled, records[key.measurement]) if counting else None,
        )
        for key in keys
    )
    return MapSpec(
        first_record=first_record,
        records=tuple(records.values()),
        tag_sets=tuple({name: value} for name, value in tags),
        targets=targets,
        buses=tuple(
            _with_gap(
                replace(
                    _bus([pair for pair in pairs if pair[0].bus == number], keys, targets),
                    references=tuple(references[number]),
                ),
                bus.name,
                counting,
            )
            for number, bus in enumerate(spec.buses)
        ),
        threshold_a=threshold_a,
    )


def _records(assignments: Sequence[Assignment]) -> Iterable[RecordSpec]:
    """Return the modelled records that are needed, cells sized by the highest number of any pack."""
    needed = {assignment.measurement for assignment in assignments}
    if CELLS.name in needed:
        fields = [one.field for one in assignments if one.measurement == CELLS.name]
        cells = max((int(field[1:]) for field in fields if field[0] == "v"), default=0)
        sensors = max((int(field[1:]) for field in fields if field[0] == "t"), default=0)
        yield cells_record_spec(cells, sensors)
    if needed & {CELLS.name, BATTERY.name}:
        yield record_spec(BATTERY)
    if CHARGER.name in needed:
        yield record_spec(CHARGER, _texts(assignments, CHARGER.name))
    if METER.name in needed:
        yield record_spec(METER)


def _texts(assignments: Iterable[Assignment], measurement: str) -> dict[str, list[str]]:
    """Return the words of each text field, once each, in the order in which they occur."""
    texts: dict[str, list[str]] = {}
    for one in assignments:
        if one.measurement == measurement and one.words:
            words = texts.setdefault(one.field, [])
            words += [word for word in dict.fromkeys(word for _, word in one.words) if word not in words]
    return texts


def _cell_count(record: RecordSpec) -> int:
    """Return how many fields of a record of cells are vNNN; 0 for other records."""
    if record.measurement != CELLS.name:
        return 0
    return sum(field.name.startswith("v") for field in record.fields)


def _indexes(record: RecordSpec) -> dict[str, int]:
    return {field.name: index for index, field in enumerate(record.fields)}


def _references(assignments: Iterable[Assignment], bus: int) -> list[tuple[int, int]]:
    """Return what values of the bus are divided by, each once."""
    return list(dict.fromkeys(one.per for one in assignments if one.bus == bus and one.per is not None))


def _slot(
    assignment: Assignment,
    spec: PlanSpec,
    record: RecordSpec,
    target: int,
    references: Sequence[tuple[int, int]],
) -> SlotMap:
    field = spec.records[assignment.message.record].fields[assignment.signal]
    signal = assignment.message.signals[assignment.signal]
    numbers = {word: number for number, word in record.fields[target].texts}
    return SlotMap(
        source=assignment.signal,
        target=target,
        scale=_decimal_scale(field, signal, assignment.scale, assignment.offset),
        factor=field.factor * assignment.scale,
        offset=field.offset * assignment.scale + assignment.offset,
        absent=assignment.absent,
        words=tuple((raw, numbers[word]) for raw, word in assignment.words),
        per=ABSENT if assignment.per is None else references.index(assignment.per),
        rank=ABSENT if assignment.rank is None else assignment.rank,
    )


def _decimal_scale(field: FieldSpec, signal: SignalSpec, scale: float, offset: float) -> DecimalScale | None:
    """Return the field's decimal scale with the entry's applied to it.

    None where doubles would not be exact.
    """
    base = field.scale
    if field.kind is SlotKind.BOOL and base is None and (field.factor, field.offset) == (1.0, 0.0):
        base = DecimalScale(1, 0, 0)
    if field.kind is SlotKind.FLOAT or base is None:
        return None
    try:
        unit = _EXACT.multiply(Decimal(repr(scale)), Decimal(1).scaleb(-base.decimals))
        multiplier = _EXACT.multiply(base.multiplier, unit)
        bias = _EXACT.add(_EXACT.multiply(base.bias, unit), Decimal(repr(offset)))
    except Inexact:
        return None
    decimals = max(decimals_of(multiplier, _EXACT), decimals_of(bias, _EXACT))
    if decimals > _MAX_DECIMALS:
        return None
    whole = DecimalScale(
        int(_EXACT.scaleb(multiplier, decimals)), int(_EXACT.scaleb(bias, decimals)), decimals
    )
    raws = (0, *raw_range(signal.bit_count, signal.signed))
    largest = max(abs(raw * whole.multiplier + whole.bias) for raw in raws)
    return whole if largest <= _EXACT_INTEGERS else None


def _field_decimals(slots: Iterable[SlotMap]) -> int:
    """Return how many decimals the finest of them gives; ABSENT when one has no fixed number."""
    decimals = [ABSENT if slot.scale is None else slot.scale.decimals for slot in slots]
    return ABSENT if ABSENT in decimals else max(decimals)


def _power(filled: dict[str, list[SlotMap]], record: RecordSpec) -> PowerRule | None:
    if not {"voltage_v", "current_a"} <= filled.keys() or "power_w" in filled:
        return None
    parts = [_field_decimals(filled["voltage_v"]), _field_decimals(filled["current_a"])]
    is_decimal = ABSENT not in parts and sum(parts) <= _MAX_POWER_DECIMALS
    index = _indexes(record)
    return PowerRule(
        voltage=index["voltage_v"],
        current=index["current_a"],
        power=index["power_w"],
        decimals=sum(parts) if is_decimal else ABSENT,
    )


def _flow(filled: dict[str, list[SlotMap]], record: RecordSpec) -> FlowRule | None:
    index = _indexes(record)
    charging, discharging = (_unfilled(index, name, filled) for name in ("charging", "discharging"))
    if "current_a" not in filled or charging == discharging == ABSENT:
        return None
    return FlowRule(index["current_a"], charging, discharging)


def _unfilled(index: Mapping[str, int], name: str, filled: Collection[str], is_known: bool = True) -> int:
    """Return the field to be derived; ABSENT: a signal fills it, or what it follows from is unknown."""
    return index.get(name, ABSENT) if is_known and name not in filled else ABSENT


def _count(key: _Key, filled: _Filled, record: RecordSpec) -> CountRule | None:
    """Return the counters of a battery: charge needs its current, energy its power, mapped or derived."""
    if key.measurement != BATTERY.name:
        return None
    known, index = filled[key], _indexes(record)
    has_current = "current_a" in known
    has_power = "power_w" in known or (has_current and "voltage_v" in known)
    counter = functools.partial(_unfilled, index, filled=known)
    rule = CountRule(
        current=index["current_a"] if has_current else ABSENT,
        power=index["power_w"] if has_power else ABSENT,
        charged_ah=counter("charged_ah", is_known=has_current),
        discharged_ah=counter("discharged_ah", is_known=has_current),
        charged_wh=counter("charged_wh", is_known=has_power),
        discharged_wh=counter("discharged_wh", is_known=has_power),
    )
    return rule if has_current or has_power else None


def counted_fields(mapping: MapSpec) -> Mapping[str, frozenset[str]]:
    """Return, by pack, the fields that the mapper counts: not those that its own controller reports."""
    return {
        mapping.tag_sets[target.tag_set]["pack"]: frozenset(
            mapping.record_of(target).fields[index].name for index in target.count.counters
        )
        for target in mapping.targets
        if target.count is not None
    }


def _with_gap(bus: BusMap, name: str, counting: Counting | None) -> BusMap:
    if counting is None or name not in counting.gaps_ns:
        return bus
    return replace(bus, count_gap_ns=counting.gaps_ns[name])


def _spread(key: _Key, keys: list[_Key], filled: _Filled, record: RecordSpec) -> SpreadRule | None:
    cells = key._replace(measurement=CELLS.name)
    if key.measurement != BATTERY.name or cells not in filled:
        return None
    voltages = [slot for name, slots in filled[cells].items() if name[0] == "v" for slot in slots]
    has_sensors = any(name[0] == "t" for name in filled[cells])
    derived = functools.partial(_unfilled, _indexes(record), filled=filled[key])
    of_cells = functools.partial(derived, is_known=bool(voltages))
    return SpreadRule(
        cells=keys.index(cells),
        cell_min=of_cells("cell_min_v"),
        cell_max=of_cells("cell_max_v"),
        cell_delta=of_cells("cell_delta_v"),
        cell_min_index=of_cells("cell_min_index"),
        cell_max_index=of_cells("cell_max_index"),
        temp_min=derived("temp_min_c", is_known=has_sensors),
        temp_max=derived("temp_max_c", is_known=has_sensors),
        delta_decimals=_field_decimals(voltages) if voltages else ABSENT,
    )


def _bus(pairs: Sequence[_Pair], keys: Sequence[_Key], targets: Sequence[TargetMap]) -> BusMap:
    """Return the messages of one bus, and the cycles that its pages make."""
    by_message: dict[tuple[int, int], dict[int, list[_Pair]]] = {}  # by record and sender; by target
    for pair in pairs:
        target = keys.index(_Key(pair[0].bus, pair[0].tag, pair[0].measurement))
        message = by_message.setdefault((pair[0].message.record, pair[0].sender), {})
        message.setdefault(target, []).append(pair)
    cycles = _Cycles(by_message.values(), targets)
    messages = []
    for (record, sender), by_target in by_message.items():
        outputs: dict[int, list[OutputMap]] = {}
        for target, of_target in by_target.items():
            if keys[target].measurement == CELLS.name:
                outputs[target] = cycles.outputs(target, of_target)
                outputs.setdefault(target + 1, [OutputMap(target + 1, ABSENT, 0, ())])  # what is derived
            else:
                outputs[target] = [OutputMap(target, ABSENT, 0, _parts(of_target))]
        in_order = tuple(itertools.chain.from_iterable(outputs[target] for target in sorted(outputs)))
        spec = _message(by_target)
        mask = spec.sender_mask or J1939_SENDER
        messages.append(MessageMap(record, in_order, protection_field(spec), sender, mask))
    return BusMap(tuple(messages), cycles.maps())


def _message(by_target: Mapping[int, Sequence[_Pair]]) -> MessageSpec:
    return next(pairs[0][0].message for pairs in by_target.values())


def protection_field(message: MessageSpec) -> int:
    """Return the field of a message's record that says whether its frame passed its checks; ABSENT: none."""
    return len(message.signals) if message.reports_protection else ABSENT


_CycleKey = tuple[int, bool, str]  # the target; whether it is asked for; v, t or, where joined, nothing


class _Cycles:
    """Which pages of one bus are one reading.

    Voltages make one cycle and temperatures another, since BMS send them at different rates. Where one
    message carries both they are one reading. All answers of a unit are one message: of these, each has to
    carry both. What is sent and what is asked for are never one reading.
    """

    def __init__(self, messages: Iterable[dict[int, list[_Pair]]], targets: Sequence[TargetMap]) -> None:
        kinds: dict[tuple[int, bool], dict[tuple[int, int], set[str]]] = {}  # of each message, or answer
        for number, by_target in enumerate(messages):
            for target, pairs in by_target.items():
                for one, _ in pairs if targets[target].cell_count else ():
                    condition = one.message.signals[one.signal].condition if one.is_asked else ABSENT
                    found = kinds.setdefault((target, one.is_asked), {})
                    found.setdefault((number, condition), set()).add(one.field[0])
        self._joined = {
            (target, is_asked)
            for (target, is_asked), found in kinds.items()
            if (all if is_asked else any)(len(each) == 2 for each in found.values())
        }
        self._pages: dict[_CycleKey, list[str]] = {}
        self._found: dict[_CycleKey, list[tuple[int, frozenset[int], bool]]] = {}  # by page
        self._within_ns: dict[_CycleKey, int] = {}

    def _key(self, target: int, one: Assignment) -> _CycleKey:
        kind = "" if (target, one.is_asked) in self._joined else one.field[0]
        return target, one.is_asked, kind

    def outputs(self, target: int, pairs: Sequence[_Pair]) -> list[OutputMap]:
        """Return what one message brings to the cells `target`: for each cycle its pages."""
        by_cycle: dict[_CycleKey, list[_Pair]] = {}
        for pair in pairs:
            by_cycle.setdefault(self._key(target, pair[0]), []).append(pair)
        found = []
        for key, of_cycle in by_cycle.items():
            parts, pages = _parts(of_cycle), self._pages.setdefault(key, [])
            found.append(OutputMap(target, list(self._pages).index(key), len(pages), parts))
            pages += (_page_name(part, of_cycle) for part in parts)
            self._found.setdefault(key, []).extend(_optional(part, of_cycle) for part in parts)
            longest_ns = max(one.within_ns for one, _ in of_cycle)
            self._within_ns[key] = max(self._within_ns.get(key, 0), longest_ns)
        return found

    def maps(self) -> tuple[CycleMap, ...]:
        return tuple(
            CycleMap(key[0], len(pages), tuple(pages), self._within_ns[key], self._optional_pages(key))
            for key, pages in self._pages.items()
        )

    def _optional_pages(self, key: _CycleKey) -> tuple[int, ...]:
        """Return the pages of a round that not each device answers: of layouts of one answer it knows one."""
        return tuple(
            number
            for number, (record, fields, optional) in enumerate(self._found[key] if key[1] else ())
            if optional or any(fields & others for other, others, _ in self._found[key] if other != record)
        )


def _optional(part: PartMap, pairs: Sequence[_Pair]) -> tuple[int, frozenset[int], bool]:
    """Return a page's record and fields, and whether it is called optional."""
    fields = frozenset(slot.target for slot in part.slots)
    optional = all(one.optional for one, slot in pairs if slot.target in fields)
    return pairs[0][0].message.record, fields, optional


def _page_name(part: PartMap, pairs: Sequence[_Pair]) -> str:
    """Return what it is called, such as `Cells page 3 (v010 to v012)`."""
    fields = {slot.target: assignment.field for assignment, slot in pairs}
    names = [fields[slot.target] for slot in part.slots]
    page = ", ".join(f"{low}" if low == high else f"{low} to {high}" for low, high in part.ranges)
    cells = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return f"{pairs[0][0].message.name}{page and ' page '}{page} ({cells})"


def _parts(pairs: Sequence[_Pair]) -> tuple[PartMap, ...]:
    """Return the slots of one message and target by the condition under which they are there.

    Branches that fill the same fields are one page: each of them is a whole reading.
    """
    by_condition: dict[int, list[SlotMap]] = {}
    for assignment, slot in pairs:
        number = assignment.message.signals[assignment.signal].condition
        by_condition.setdefault(number, []).append(slot)
    message = pairs[0][0].message
    pages: dict[tuple[int, frozenset[int]], PartMap] = {}  # by the selector and the fields
    for number, slots in by_condition.items():
        condition = _ALWAYS if number < 0 else message.conditions[number]
        page = (condition.selector, frozenset(slot.target for slot in slots))
        other = pages.get(page, PartMap(condition.selector, (), ()))
        selected = (index for index, signal in enumerate(message.signals) if signal.condition == number)
        pages[page] = PartMap(
            condition.selector,
            other.ranges + condition.ranges,
            tuple(sorted((*other.slots, *slots), key=lambda slot: slot.target)),
            (*other.selected, *selected) if number >= 0 else (),
        )
    return tuple(pages.values())


_ALWAYS = Condition(selector=ABSENT, ranges=())
