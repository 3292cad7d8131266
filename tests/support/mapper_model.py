"""A mapper that one can read: what the data model says of rows, with Python values, row by row.

Cells: "one point is one reading of all cells, stamped with its last frame; an incomplete cycle of pages gives
no point and is counted". The model is given the cycle of each row, which only its sender knows. The compiled
mapper has to find that out.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.batch import Row
from telemetry_core.rows.spec import RecordSpec, SlotKind
from telemetry_core.rules.map_spec import ABSENT, MapSpec, MessageMap, OutputMap, PartMap, SlotMap, TargetMap
from telemetry_core.rules.senders import NEW_SENDER, OTHER_SENDER

Number = int | float | bool


@dataclass
class _Cycle:
    """One reading of a pack that comes in pages."""

    page_count: int
    number: int | None = None  # of the sender's cycle
    seen: set[int] = field(default_factory=set)
    values: dict[int, float] = field(default_factory=dict)
    fitted: int = 0

    @property
    def is_incomplete(self) -> bool:
        return 0 < len(self.seen) < self.page_count

    def begin(self, number: int | None) -> None:
        self.number = number
        self.seen.clear()
        self.values.clear()


@dataclass
class _Integral:
    """A quantity over time, in s: what was positive and what was negative."""

    last: tuple[float, int] | None = None  # value and stamp
    into: float = 0.0
    out_of: float = 0.0

    def take(self, value: float, time_ns: int, gap_ns: int) -> None:
        before, self.last = self.last, (value, time_ns)
        if before is None or not 0 < time_ns - before[1] <= gap_ns:
            return
        seconds = (time_ns - before[1]) / 1e9
        low, high = min(before[0], value), max(before[0], value)
        if low < 0 < high:
            halved = 0.5 * seconds / (high - low)
            into, out_of = high * high * halved, low * low * halved
        else:
            area = 0.5 * (before[0] + value) * seconds
            into, out_of = max(area, 0.0), max(-area, 0.0)
        if math.isfinite(self.into + into) and math.isfinite(self.out_of + out_of):
            self.into += into
            self.out_of += out_of


@dataclass
class _Counters:
    charge: _Integral = field(default_factory=_Integral)
    energy: _Integral = field(default_factory=_Integral)
    reported_second: int | None = None


@dataclass
class _Channel:
    bus: int
    tags: Sequence[int]
    cycles: list[_Cycle]
    readings: dict[tuple[int, int], tuple[float, int]] = field(default_factory=dict)  # value and stamp
    counters: dict[int, _Counters] = field(default_factory=dict)  # by target
    changed: set[int] = field(default_factory=set)  # targets without a row since their sender is another one
    heard: dict[tuple[int, int], dict[int, int]] = field(
        default_factory=dict
    )  # by target and field: rank, stamp


class MapperModel:
    """The same rows as Mapper, from the same MapSpec."""

    def __init__(self, plan: PlanSpec, spec: MapSpec) -> None:
        self._records = plan.records + spec.records
        self._spec = spec
        self._channels: dict[int, _Channel] = {}
        self.made = {record.measurement: 0 for record in spec.records}
        self._given_up = 0
        self._rows = 0
        self.pages: list[tuple[int, Row]] = []  # and how many rows came before

    def bind(self, channel: int, bus: int, tags: Sequence[int]) -> None:
        cycles = [_Cycle(cycle.page_count) for cycle in self._spec.buses[bus].cycles]
        self._channels[channel] = _Channel(bus, tags, cycles)

    def map(self, rows: Iterable[Row], cycles: Iterable[int] | None = None) -> Iterator[Row]:
        """cycles: by row, the sender's cycle that it is of; None: each row is a cycle of its own."""
        for row, number in zip(rows, cycles or itertools.count(), strict=False):
            self._rows += 1
            yield row
            channel = self._channels.get(row.channel)
            if channel is None:
                continue
            for message in self._spec.buses[channel.bus].messages:
                record = self._records[message.record]
                is_right = not _reports_fault(row, record, message)
                if record.measurement == row.measurement and is_right and is_of_sender(row, message.sender):
                    for made in self._map_row(row, number, channel, message):
                        self._rows += 1
                        yield made

    @property
    def incomplete_cycles(self) -> int:
        """Those that have ended, or would end if no row came any more."""
        open_cycles = (cycle for channel in self._channels.values() for cycle in channel.cycles)
        return self._given_up + sum(cycle.is_incomplete for cycle in open_cycles)

    def _map_row(self, row: Row, number: int, channel: _Channel, message: MessageMap) -> Iterator[Row]:
        source = self._records[message.record]
        if row.id & NEW_SENDER and message.sender == ABSENT:
            self._change_sender(channel, message)
        spread: dict[str, float] = {}
        for output in message.outputs:
            target = self._spec.targets[output.target]
            record = self._records[target.record]
            parts = [
                (number, part) for number, part in enumerate(output.parts) if _is_there(part, row, source)
            ]
            values: dict[int, Number] = {}
            if output.cycle != ABSENT:
                self._take_page([part for _, part in parts], row, source, target, channel)
                cycle = channel.cycles[output.cycle]
                if parts and cycle.number != number:
                    self._given_up += cycle.is_incomplete
                    cycle.begin(number)
                values.update(_take_pages(cycle, row, source, output, parts, target))
                spread = _spread(values, target.cell_count)
            else:
                for _, part in parts:
                    for slot, value in _slot_values(part, row, source):
                        if self._fills(slot, row.time_ns, channel, output.target):
                            values[slot.target] = value
                self._derive(values, row.time_ns, channel, output.target)
                self._count(values, row.time_ns, channel, output.target)
                values.update(_spread_fields(target, spread))
                spread = {}
            if values:
                mark = NEW_SENDER if output.target in channel.changed else 0
                channel.changed.discard(output.target)
                yield self._row(row, channel, target, record, values, mark)

    def _take_page(
        self,
        parts: Iterable[PartMap],
        row: Row,
        source: RecordSpec,
        target: TargetMap,
        channel: _Channel,
    ) -> None:
        values = {index: value for part in parts for index, value in _values(part, row, source).items()}
        names = [field.name for field in self._records[target.record].fields]
        raw = {names[index]: values[index] for index in sorted(values) if index < target.cell_count}
        if raw:
            tags = channel.tags[target.tag_set]
            self.pages.append((self._rows, Row(row.time_ns, 0, "cells", tags, row.channel, 0, raw)))

    def _fills(self, slot: SlotMap, time_ns: int, channel: _Channel, target: int) -> bool:
        """Return whether no origin of lesser rank was heard lately. None was heard later than now."""
        if slot.rank == ABSENT:
            return True
        heard = channel.heard.setdefault((target, slot.target), {})
        lesser = [rank for rank in heard if rank < slot.rank]
        heard |= {rank: min(heard[rank], time_ns) for rank in lesser}
        heard[slot.rank] = time_ns
        return all(time_ns - heard[rank] > self._spec.origin_gap_ns for rank in lesser)

    def _change_sender(self, channel: _Channel, message: MessageMap) -> None:
        """Another device: nothing of the last one goes into its rows; what was counted stays."""
        for output in message.outputs:
            channel.changed.add(output.target)
            channel.heard = {key: kept for key, kept in channel.heard.items() if key[0] != output.target}
            channel.readings = {
                key: kept for key, kept in channel.readings.items() if key[0] != output.target
            }
            if output.target in channel.counters:
                counters = channel.counters[output.target]
                counters.charge.last = counters.energy.last = None
            if output.cycle != ABSENT:
                cycle = channel.cycles[output.cycle]
                self._given_up += cycle.is_incomplete
                cycle.begin(None)
                cycle.fitted = 0

    def _row(
        self,
        row: Row,
        channel: _Channel,
        target: TargetMap,
        record: RecordSpec,
        values: dict[int, Number],
        mark: int,
    ) -> Row:
        self.made[record.measurement] += 1
        named: dict[str, Number] = {}
        for index in sorted(values):
            known = record.fields[index]
            named[known.name] = _reported(known.kind, values[index])
        return Row(
            row.time_ns,
            0,
            record.measurement,
            channel.tags[target.tag_set],
            row.channel,
            row.id & ~(NEW_SENDER | OTHER_SENDER) | mark,
            named,
        )

    def _derive(self, values: dict[int, Number], time_ns: int, channel: _Channel, target_index: int) -> None:
        target = self._spec.targets[target_index]
        for index in list(values):
            channel.readings[target_index, index] = (float(values[index]), time_ns)
        if target.flow and target.flow.current in values:
            current = values[target.flow.current]
            if target.flow.charging != ABSENT:
                values[target.flow.charging] = current > self._spec.threshold_a
            if target.flow.discharging != ABSENT:
                values[target.flow.discharging] = current < -self._spec.threshold_a
        if target.power and {target.power.voltage, target.power.current} & values.keys():
            inputs = [
                channel.readings.get((target_index, index))
                for index in (target.power.voltage, target.power.current)
            ]
            recent = [
                reading[0]
                for reading in inputs
                if reading and 0 <= time_ns - reading[1] <= self._spec.input_age_ns
            ]
            if len(recent) == 2 and math.isfinite(recent[0] * recent[1]):
                values[target.power.power] = _rounded(recent[0] * recent[1], target.power.decimals)

    def _count(self, values: dict[int, Number], time_ns: int, channel: _Channel, target_index: int) -> None:
        rule = self._spec.targets[target_index].count
        if rule is None or not {rule.current, rule.power} & values.keys():
            return
        gap_ns = self._spec.buses[channel.bus].count_gap_ns
        counters = channel.counters.setdefault(target_index, _Counters())
        for index, integral in ((rule.current, counters.charge), (rule.power, counters.energy)):
            if index in values:
                integral.take(float(values[index]), time_ns, gap_ns)
        if time_ns // 10**9 == counters.reported_second:
            return
        counters.reported_second = time_ns // 10**9
        for integral, in_index, out_index in (
            (counters.charge, rule.charged_ah, rule.discharged_ah),
            (counters.energy, rule.charged_wh, rule.discharged_wh),
        ):
            if integral.last is not None:
                values[in_index] = _rounded(integral.into / 3600.0, 6)
                values[out_index] = _rounded(integral.out_of / 3600.0, 6)
        values.pop(ABSENT, None)


def is_of_sender(row: Row, sender: int) -> bool:
    """Check whether the row is of this J1939 address; of ABSENT: of one that is taken, or of none."""
    return not row.id & OTHER_SENDER if sender == ABSENT else row.id & 0xFF == sender


def _take_pages(
    cycle: _Cycle,
    row: Row,
    source: RecordSpec,
    output: OutputMap,
    parts: Sequence[tuple[int, PartMap]],
    target: TargetMap,
) -> dict[int, float]:
    """Return the values of the cycle when this row completes it, otherwise nothing."""
    was_complete = len(cycle.seen) == cycle.page_count
    cycle.seen |= {output.first_page + number for number, _ in parts}
    for _, part in parts:
        cycle.values.update(_values(part, row, source))
    if was_complete or len(cycle.seen) < cycle.page_count:
        return {}
    cells = [index for index, value in cycle.values.items() if index < target.cell_count and value != 0]
    cycle.fitted = max([cycle.fitted, *(index + 1 for index in cells)])
    return {
        index: value
        for index, value in cycle.values.items()
        if index < cycle.fitted or index >= target.cell_count
    }


def _reports_fault(row: Row, record: RecordSpec, message: MessageMap) -> bool:
    return message.protection != ABSENT and row.raw.get(record.fields[message.protection].name) is False


def _reported(kind: SlotKind, value: Number) -> Number:
    if kind is SlotKind.BOOL:
        return value != 0
    return int(value) if kind is SlotKind.TEXT else value + 0.0


def _is_there(part: PartMap, row: Row, source: RecordSpec) -> bool:
    if part.selector == ABSENT:
        return True
    raw = row.raw.get(source.fields[part.selector].name)
    if raw is None:  # "not available" of J1939 is left out, and selects all the same
        return any(source.fields[field].name in row.raw for field in part.selected)
    return any(low <= raw <= high for low, high in part.ranges)


def _values(part: PartMap, row: Row, source: RecordSpec) -> dict[int, float]:
    return {slot.target: value for slot, value in _slot_values(part, row, source)}


def _slot_values(part: PartMap, row: Row, source: RecordSpec) -> Iterator[tuple[SlotMap, float]]:
    for slot in part.slots:
        raw = row.raw.get(source.fields[slot.source].name)
        if raw in slot.absent:
            continue
        if slot.words:
            if raw in (words := dict(slot.words)):
                yield slot, words[int(raw)]
        elif raw is not None and math.isfinite(value := _value(slot, raw)):
            yield slot, value


def _value(slot: SlotMap, raw: Number) -> float:
    if slot.scale is None:
        return float(raw) * slot.factor + slot.offset
    return float(Fraction(int(raw) * slot.scale.multiplier + slot.scale.bias, 10**slot.scale.decimals))


def _rounded(value: float, decimals: int) -> float:
    if decimals == ABSENT or abs(value * 10.0**decimals) >= 2**53:
        return value
    return round(value * 10.0**decimals) / 10.0**decimals


def _spread(values: dict[int, Number], cell_count: int) -> dict[str, float]:
    cells = {index + 1: float(value) for index, value in sorted(values.items()) if index < cell_count}
    temperatures = [float(value) for index, value in values.items() if index >= cell_count]
    spread: dict[str, float] = {}
    if cells:
        lowest, highest = min(cells.values()), max(cells.values())
        spread |= {"cell_min": lowest, "cell_max": highest, "cell_delta": highest - lowest}
        spread["cell_min_index"] = next(number for number, value in cells.items() if value == lowest)
        spread["cell_max_index"] = next(number for number, value in cells.items() if value == highest)
    if temperatures:
        spread |= {"temp_min": min(temperatures), "temp_max": max(temperatures)}
    return spread


def _spread_fields(target: TargetMap, spread: dict[str, float]) -> dict[int, float]:
    if target.spread is None:
        return {}
    fields = {getattr(target.spread, name): float(value) for name, value in spread.items()}
    if target.spread.cell_delta in fields:
        delta = fields[target.spread.cell_delta]
        fields[target.spread.cell_delta] = _rounded(delta, target.spread.delta_decimals)
    fields.pop(ABSENT, None)
    return fields
