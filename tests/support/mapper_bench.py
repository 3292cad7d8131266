"""A mapper of a small car, fed row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, SlotKind
from telemetry_core.rules.map_spec import MapSpec, MessageMap
from telemetry_core.rules.mapper import Mapper

from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from tests.support.plan_specs import Signal, plan, tenths

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
MILLIVOLTS = DecimalScale(1, 0, 3)

VOLTAGE = MapEntry("Volts.Voltage", "battery.voltage_v")
CURRENT = MapEntry("Amps.Current", "battery.current_a")
CELLS = MapEntry("Cells.Cell{n}", "cells.v{n}")
NOTHING: Mapping[str, str] = MappingProxyType({})
TEMPERATURES = MapEntry("Temps.T{n}", "cells.t{n}")


def car() -> PlanSpec:
    cells = {f"Cell{n}": Signal(MILLIVOLTS, pages=[(n - 1) // 2]) for n in range(1, 7)}
    return plan(
        {
            "can0": {
                "Volts": {"Voltage": tenths(), "Ready": Signal(kind=SlotKind.BOOL, bits=1, signed=False)},
                "Amps": {"Current": tenths(), "Float": Signal(kind=SlotKind.FLOAT)},
                "Cells": {"Page": Signal(bits=8, signed=False, kind=SlotKind.UINT), **cells, "Fan": Signal()},
                "Temps": {"T1": tenths(), "T2": tenths()},
                "Other": {"X": Signal()},
            },
            "can1": {"Charger": {"Volts": tenths(), "Amps": tenths()}},
        }
    )


class Bench:
    """A mapper with channel 0 on bus can0, fed row by row."""

    def __init__(
        self,
        *entries: MapEntry,
        plan: PlanSpec | None = None,
        threshold_a: float = 0.5,
        counting: Counting | None = None,
        reporting: Mapping[str, str] = NOTHING,
    ) -> None:
        """Make the bench; reporting: by message, the signal that says if the frame is as it ought to be."""
        self.plan = plan or car()
        self.spec: MapSpec = resolve(entries, self.plan, threshold_a=threshold_a, counting=counting)
        if reporting:
            messages = [self._reporting(message, reporting) for message in self.spec.buses[0].messages]
            first = replace(self.spec.buses[0], messages=tuple(messages))
            self.spec = replace(self.spec, buses=(first, *self.spec.buses[1:]))
        self.schema = Schema(self.plan.records + self.spec.records)
        self.mapper = Mapper(self.schema, self.spec)
        self.bind(0)

    def _reporting(self, message: MessageMap, reporting: Mapping[str, str]) -> MessageMap:
        record = self.plan.records[message.record]
        if record.measurement not in reporting:
            return message
        fields = [field.name for field in record.fields]
        return replace(message, protection=fields.index(reporting[record.measurement]))

    def bind(self, channel: int, bus: int = 0, first_tags: int = 1) -> None:
        count = len(self.spec.tag_sets)
        self.mapper.bind(channel, bus, range(first_tags, first_tags + count))

    def put(self, message: str, seconds: float, channel: int = 0, **raw: float | bool) -> list[Row]:
        """Return the rows made of one row."""
        records = [record.measurement for record in self.plan.records]
        samples, out = SampleBatch(self.schema), SampleBatch(self.schema)
        time_ns = START + round(seconds * SECOND)
        samples.append(records.index(message), time_ns, raw, tags=99, channel=channel, id=0x123, nudge_ns=5)
        self.mapper.map(samples, out)
        first, *made = out
        assert repr(first) == repr(next(iter(samples)))  # as text: NaN is not equal to itself
        return made

    def fields(self, message: str, seconds: float, channel: int = 0, **raw: float | bool) -> dict[str, float]:
        """Return the fields of all rows made of one row."""
        return {
            name: value
            for row in self.put(message, seconds, channel, **raw)
            for name, value in row.raw.items()
        }

    def pages(self, pages: Sequence[int], seconds: float = 0.0, cells: Sequence[int] = (0,) * 6) -> list[Row]:
        """Return the rows made of some pages with the voltages `cells` in mV, 10 ms apart."""
        made = []
        for number, page in enumerate(pages):
            raw = {f"Cell{2 * page + 1}": cells[2 * page], f"Cell{2 * page + 2}": cells[2 * page + 1]}
            made += self.put("Cells", seconds + number / 100, Page=page, **raw)
        return made
