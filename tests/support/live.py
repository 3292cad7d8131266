"""A small vehicle for tests of live values: one bus with a pack of three cells, a probe, and a map."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.spec import DecimalScale
from telemetry_core.text.lines import LineBuffer

from telemetry.live.state import Entity, LiveState
from telemetry.live.values import Value
from telemetry.model.bit_rate import BitRate
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import SEND_ALL, ReduceSettings
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.plan_specs import Signal, plan

PACK_ID, CELLS_ID, CHARGER_ID = 0x100, 0x101, 0x102
PLAN = plan(
    {
        "can0": {
            "Pack": {
                "volts": Signal(DecimalScale(1, 0, 1), factor=0.1, unit="V"),
                "soc": Signal(start_bit=16),
            },
            "Cells": {
                f"cell{number + 1}": Signal(DecimalScale(1, 0, 3), factor=0.001, start_bit=16 * number)
                for number in range(3)
            },
            "Charger": {"amperes": Signal()},
        }
    },
    is_tight=True,
)
MAP = (
    MapEntry("Pack.volts", "battery.voltage_v"),
    MapEntry("Pack.soc", "battery.soc_pct"),
    MapEntry("Cells.cell{n}", "cells.v{n}"),
    MapEntry("Charger.amperes", "charger.current_a"),
)


class LiveRig:
    """Stages that are observed, on channel 0 of the source `can0`, in injected time."""

    def __init__(
        self,
        *,
        mapped: bool = True,
        entries: Sequence[MapEntry] = MAP,
        counting: Counting | None = None,
        bit_rates: Mapping[str, BitRate] | None = None,
        reduce: ReduceSettings = SEND_ALL,
    ) -> None:
        self.clock = FakeClock()
        self.state = LiveState(self.clock, (bit_rates or {}).get)
        self._mapping = resolve(entries, PLAN, counting=counting) if mapped else None
        self._reduce = reduce
        self._lines = LineBuffer()
        self.reload()

    def reload(self) -> None:
        """Make the stages again, as for another configuration."""
        self.stages = Stages(PLAN, self._mapping, vehicle="van", observer=self.state, reduce=self._reduce)
        self.stages.bind(0, Binding(0, "can0", "can0"))

    def ask_for_messages(self) -> None:
        """Let messages be remembered from now on."""
        self.state.ask_for_messages()
        self.state.snapshot()

    def messages(self) -> tuple[Entity, ...]:
        """Return those that are remembered."""
        messages = self.state.snapshot().messages
        assert messages is not None
        return messages

    def send(self, id: int, *words: int, time_ns: int | None = None, channel: int = 0) -> None:
        """Send one frame, stamped now unless said otherwise."""
        frames = FrameBatch(1)
        stamp_ns = self.clock.unix_ns() if time_ns is None else time_ns
        frames.append(stamp_ns, id, struct.pack(f"<{len(words)}h", *words), channel=channel)
        self.stages.process(frames, self._lines)


def entity(measurement: str, values: Mapping[str, Value], known_s: float = 0.0, **tags: str) -> Entity:
    """Return what is known since then of a record of the source `a`; tags: beside that."""
    return Entity(measurement, {"source": "a", **tags}, known_s, values, dict.fromkeys(values, known_s))


def message(name: str, signals: Mapping[str, object], **other: object) -> dict[str, Any]:
    """Return a message of `can0` as `telemetry.live.view` shows it; other: what differs."""
    known = {"source": "can0", "sender": "", "age_s": 0.1, "rate_per_s": 1.0, "stale": []}
    return {"message": name, **known, "signals": signals, **other}


def example() -> dict[str, Any]:
    """Return a vehicle as `telemetry.live.view` shows it: 96 cells, a charger, a bus, a lost port."""
    cells: list[float | None] = [3.95 + (number * 37 % 23) / 1000 for number in range(96)]
    cells[40] = None
    return {
        "time_ns": 1_700_000_000_500_000_000,
        "vehicle": "van 7",
        "troubles": [
            {"level": 1, "code": "source_lost", "text": "ttyUSB0: waiting for /dev/ttyUSB0: no such device"}
        ],
        "packs": [
            {
                "pack": "main",
                "source": "can0",
                "age_s": 0.1,
                "battery": {
                    "voltage_v": 383.16,
                    "current_a": -6.2,
                    "power_w": -2375.6,
                    "soc_pct": 78.2,
                    "soh_pct": 96.0,
                    "cell_min_v": 3.95,
                    "cell_max_v": 3.972,
                    "cell_delta_v": 0.022,
                    "cell_min_index": 1.0,
                    "cell_max_index": 14.0,
                    "temp_min_c": 14.0,
                    "temp_max_c": 17.5,
                    "discharging": True,
                    "charging": False,
                    "charge_enabled": False,
                    "insulation_kohm": 2400.0,
                    "protection_word": 8.0,
                },
                "cells_v": cells,
                "temps_c": [14.0, 14.5, None, 17.5],
                "counted": None,
                "stale": ["soh_pct", "insulation_kohm"],
            }
        ],
        "chargers": [
            {
                "charger": "main",
                "source": "ttyUSB0",
                "age_s": 35.0,
                "values": {"voltage_v": 28.1, "current_a": 12.0, "phase": "bulk"},
                "stale": ["voltage_v", "current_a", "phase"],
            }
        ],
        "meters": [],
        "sources": [
            {
                "source": "can0",
                "state": "receiving",
                "devices": {},
                "device": "",
                "frames_per_s": 1940.4,
                "bus_load_pct": 44.2,
                "read": 12_345_678,
                "decoded": 12_345_000,
                "unknown": 675,
                "lost": {"error_frame": 3},
            },
            {
                "source": "ttyUSB0",
                "state": "waiting for /dev/ttyUSB0: no such device",
                "devices": {},
                "device": "",
                "frames_per_s": 0.0,
                "bus_load_pct": None,
                "read": 10,
                "decoded": 10,
                "unknown": 0,
                "lost": {},
            },
        ],
        "events": [
            {
                "time_ns": 1_699_999_965_000_000_000,
                "code": "source_lost",
                "level": 1,
                "active": True,
                "text": "no such device",
                "source": "ttyUSB0",
                "pack": "",
                "charger": "main",
            },
            {
                "time_ns": 1_699_999_000_000_000_000,
                "code": "service_start",
                "level": 0,
                "active": True,
                "text": "version 0.1.0",
                "source": "",
                "pack": "",
                "charger": "",
            },
        ],
        "accounts": {
            "bus/can0/read": 12_345_678,
            "bus/ttyUSB0/read": 10,
            "frames/can0/decoded": 12_345_000,
            "frames/can0/lost/error_frame": 3,
            "frames/can0/unknown": 675,
            "frames/ttyUSB0/decoded": 10,
            "points/acknowledged": 24_000_000,
            "points/dead": 2,
            "points/made/battery": 24_000_514,
        },
        "gauges": {
            "points_waiting_memory": 512,
            "points_waiting_disk": 0,
            "spool_bytes": 3_670_016,
            "memory_bytes": 61_341_696,
            "status_age_s": 0.3,
        },
        "state": {"sink": "API v2, last answer 204", "spool": "on disk", "source/can0": "receiving"},
    }
