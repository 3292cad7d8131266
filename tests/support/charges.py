"""Scenarios of a DC charge played through, for tests: frames, and what the simulator knows of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from firmware_sim.charge import ChargeSpec, ChargeTruth, DcCharge
from firmware_sim.charge_scenario import (
    GOOD,
    ChargeScenario,
    charge_scenario_names,
    load_charge_scenario,
)
from firmware_sim.faults.charge_kinds import VARIANTS
from firmware_sim.links.can import CandumpLog
from firmware_sim.wire.broadcast import Frame
from firmware_sim.wire.gbt import CHARGER, CODES
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, Control, split_id
from telemetry.settings.table import TomlTable

BEGAN_NS = 1_000_000_000_000_000_000  # of logs by `charge_from`
FAULTS = [name for name in charge_scenario_names() if name != GOOD]  # the 40
# Each in one worker, which plays its charge once for all tests of it.
BY_FAULT = [pytest.param(name, marks=pytest.mark.xdist_group(f"charge {name}")) for name in FAULTS]


@dataclass(frozen=True, slots=True)
class PlayedCharge:
    """A scenario, its frames at ns from the start, and the truth at its end."""

    scenario: ChargeScenario
    frames: Sequence[Frame]
    truth: ChargeTruth

    def write_log(self, file: Path) -> Path:
        """Write the log as candump does, from the scenario's own time on."""
        with file.open("w", encoding="ascii") as stream:
            log = CandumpLog(stream)
            for at_ns, id, data in self.frames:
                log.write(self.scenario.starts_at_ns + at_ns, id, data)
        return file

    def messages(self) -> Iterator[tuple[float, str, bytes]]:
        """Seconds, code and payload; a long message where it is announced, with the announcement."""
        for at_ns, id, data in self.frames:
            pgn, _, source = split_id(id)
            if pgn == CONTROL_PGN and data[0] == Control.RTS:
                yield at_ns / 1e9, CODES[int.from_bytes(data[5:8], "little"), False], data
            elif pgn not in (CONTROL_PGN, DATA_PGN) and (pgn, source == CHARGER) in CODES:
                yield at_ns / 1e9, CODES[pgn, source == CHARGER], data


def scenario_of(name: str) -> ChargeScenario:
    """Return the scenario of this name or number."""
    return load_charge_scenario(name, TomlTable.load)


@cache
def played_charge(name: str, *variants: str) -> PlayedCharge:
    """Play the scenario of this name or number, together with these variants."""
    scenario = scenario_of(name)
    faults = scenario.faults + tuple(plan for variant in variants for plan in VARIANTS[variant])
    spec = ChargeSpec(scenario.pack, scenario.charger, scenario.vehicle, faults)
    charge = DcCharge(spec, 1, starts_at_ns=scenario.starts_at_ns)
    frames = list(charge.frames())
    return PlayedCharge(scenario, frames, charge.truth())


def charge_from(begins_ns: int, soc_pct: int, *, seconds: int = 20, is_over: bool = False) -> list[str]:
    """Lines of charging, for so many seconds at one state of charge, with a stop or cut off."""
    ids = [f"1812F456#050F580EFF{soc_pct:02X}3C00", "181056F4#A00F3C0FFD"]
    codes = ids * seconds + ["101956F4#FFFFFFFF", "181C56F4#FFFFFFFFFFFFFF"] * is_over
    stamps = (begins_ns + number * 500_000_000 for number in range(len(codes)))
    return [
        f"({ns // 10**9}.{ns // 1000 % 10**6:06d}) can0 {code}\n"
        for ns, code in zip(stamps, codes, strict=True)
    ]


def chademo_from(begins_ns: int, soc_pct: int, *, seconds: int) -> list[str]:
    """Lines of a CHAdeMO charge, so many seconds of it with current, ten messages of each end a second."""
    lines = []
    for step in range(10 * (seconds + 6)):
        is_enabled = 20 <= step < 10 * (seconds + 3)
        is_charging = 30 <= step < 10 * (seconds + 3)
        vehicle = bytes([2, 0x9A, 1, 100 * is_enabled, 0, is_enabled | 8 * (not is_charging), soc_pct, 0])
        charger = bytes([2, 0x90, 1, 100 * is_charging, 0, 5 if is_charging else 0x24, 255, 20])
        for number, data in enumerate((vehicle, charger)):
            ns = begins_ns + step * 100_000_000 + number * 1_000_000
            id = (0x102, 0x109)[number]
            lines.append(f"({ns // 10**9}.{ns // 1000 % 10**6:06d}) can0 {id:03X}#{data.hex().upper()}\n")
    return lines


def written(path: Path, *parts: list[str]) -> Path:
    path.write_text("".join(line for part in parts for line in part), "ascii")
    return path
