"""A small vehicle for tests of live values: one bus with a pack of three cells, a probe, and a map."""

import struct
from collections.abc import Mapping

from telemetry_core.frames import FrameBatch
from telemetry_core.lines import LineBuffer
from telemetry_core.spec import (
    BusSpec,
    DecimalScale,
    FieldSpec,
    MessageSpec,
    PlanSpec,
    RecordSpec,
    SignalSpec,
    SlotKind,
)

from telemetry.line import Line
from telemetry.live import BitRate, LiveState
from telemetry.map_entry import MapEntry
from telemetry.mapping import resolve
from tests.support.clock import FakeClock

PACK_ID, CELLS_ID, CHARGER_ID = 0x100, 0x101, 0x102
_MILLIVOLTS = DecimalScale(1, 0, 3)


def _number(name: str, scale: DecimalScale | None = None) -> FieldSpec:
    return FieldSpec(name, SlotKind.INT, scale=scale)


def _words(count: int) -> tuple[SignalSpec, ...]:
    return tuple(SignalSpec(16 * index, 16, True, True, False) for index in range(count))


PLAN = PlanSpec(
    records=(
        RecordSpec("Pack", (_number("volts", DecimalScale(1, 0, 1)), _number("soc"))),
        RecordSpec("Cells", tuple(_number(f"cell{number}", _MILLIVOLTS) for number in (1, 2, 3))),
        RecordSpec("Charger", (_number("amperes"),)),
    ),
    buses=(
        BusSpec(
            "can0",
            (
                MessageSpec("Pack", PACK_ID, False, 4, _words(2), (), record=0),
                MessageSpec("Cells", CELLS_ID, False, 6, _words(3), (), record=1),
                MessageSpec("Charger", CHARGER_ID, False, 2, _words(1), (), record=2),
            ),
        ),
    ),
)
MAP = (
    MapEntry("Pack.volts", "battery.voltage_v"),
    MapEntry("Pack.soc", "battery.soc_pct"),
    MapEntry("Cells.cell{n}", "cells.v{n}"),
    MapEntry("Charger.amperes", "charger.current_a"),
)


class LiveRig:
    """A line that is observed, on channel 0 of the source `can0`, in injected time."""

    def __init__(self, *, mapped: bool = True, bit_rates: Mapping[str, BitRate] | None = None) -> None:
        self.clock = FakeClock()
        self.state = LiveState(self.clock, bit_rates)
        mapping = resolve(MAP, PLAN) if mapped else None
        self.line = Line(PLAN, mapping, vehicle="van", observer=self.state)
        self.line.bind(0, bus=0, source="can0", tag="can0")
        self._lines = LineBuffer()

    def send(self, id: int, *words: int, time_ns: int | None = None) -> None:
        """One frame, stamped now unless said otherwise."""
        frames = FrameBatch(1)
        stamp_ns = self.clock.unix_ns() if time_ns is None else time_ns
        frames.append(stamp_ns, id, struct.pack(f"<{len(words)}h", *words))
        self.line.process(frames, self._lines)
