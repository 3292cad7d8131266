"""Recordings whose rows depend on earlier ones, each with what a configuration says of its bus."""

from dataclasses import dataclass
from pathlib import Path

INFLUX = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'

J1939_DBC = """VERSION ""
BU_: BMS
BO_ 2618382068 BCS: 9 BMS
 SG_ Voltage : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ MinutesLeft : 56|16@1+ (1,0) [0|0] "min" BMS
"""
J1939 = ("1CEC56F4#1009000200001100", "1CEB56F4#01FE0E5A0E51414D", "1CEB56F4#022B00FFFFFFFFFF")
J1939_MAP = '[[map]]\nsignal = "BCS.Voltage"\nto = "battery.voltage_v"\n'

UDS_DBC = """VERSION ""
BU_: ECU
BO_ 2024 Answer: 20 ECU
 SG_ PackVoltage : 31|16@0+ (0.1,0) [0|0] "V" ECU
 SG_ Last : 151|8@0+ (1,0) [0|0] "" ECU
"""
UDS = ("7E8#10146201010F9B04", "7E8#2106070809101112", "7E8#22141516171819AA")
UDS_MAP = '[[map]]\nsignal = "Answer.PackVoltage"\nto = "battery.voltage_v"\n'

PROTECTED_DBC = """VERSION ""
BU_: ECU
BO_ 291 Pack: 3 ECU
 SG_ Alive : 8|8@1+ (1,0) [0|0] "" ECU
 SG_ Volts : 16|8@1+ (1,0) [0|0] "V" ECU
"""
PROTECTED_MAP = """[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[protect]]
message = "Pack"
profile = "counter"
counter = "Alive"
"""

CELLS_DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 4 BMS
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ Fault : 16|8@1+ (1,0) [0|0] "" BMS
BO_ 257 Cells: 8 BMS
 SG_ Cell1 : 0|16@1+ (0.001,0) [0|0] "V" BMS
 SG_ Cell2 : 16|16@1+ (0.001,0) [0|0] "V" BMS
"""
CELLS_MAP = """[reduce]
every_s = 1.0
[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[map]]
signal = "Cells.Cell{n}"
to = "cells.v{n}"
[[map]]
signal = "Pack.Fault"
to = "event.bms_fault"
when = [1, 2]
[[limit]]
field = "battery.voltage_v"
above = 400.0
hysteresis = 1.0
code = "pack_overvoltage"
"""

BOUNDS = """[reduce]
shape = "line"
[reduce.bounds]
"battery.voltage_v" = 0.25
"cells.v*" = 0.005
"Pack.Volts" = 5
"""

TRIGGERS = """[[trigger]]
on = ["bms_fault"]
before_s = 0.7
after_s = 1.0
[[trigger]]
field = "battery.voltage_v"
changes_by = 15
within_s = 0.5
before_s = 0.3
only = ["battery", "Pack"]
"""

POWER_DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 4 BMS
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ Amperes : 16|16@1+ (0.1,0) [0|0] "A" BMS
"""
POWER_MAP = """[[session]]
pack = "main"
starts_after_s = 3.0
[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[map]]
signal = "Pack.Amperes"
to = "battery.current_a"
"""


@dataclass(frozen=True)
class Case:
    """A log and what a configuration says of its bus. keys: of the source; rest: tables after it."""

    database: str
    frames: tuple[str, ...]
    keys: str = ""
    rest: str = ""

    def write(self, folder: Path, name: str = "can0") -> Path:
        (folder / "bus.dbc").write_text(self.database)
        log = folder / f"{name}.log"
        stamps = (1_700_000_000_000_000 + 100_000 * number for number in range(len(self.frames)))
        lines = zip(stamps, self.frames, strict=True)
        log.write_text("".join(f"({us // 10**6}.{us % 10**6:06}) {name} {frame}\n" for us, frame in lines))
        return log


def pack(tenths: int, fault: int) -> str:
    return f"100#{tenths.to_bytes(2, 'little').hex()}{fault.to_bytes(2, 'little').hex()}"


def cells(one: int, two: int) -> str:
    return f"101#{one.to_bytes(2, 'little').hex()}{two.to_bytes(2, 'little').hex()}00000000"


def cycle_of_a_pack(number: int) -> str:
    """Return a frame of a voltage that wanders over its limit and back, or of two cells."""
    tenths = 3900 + 200 * (number // 40 % 2) + number % 3
    return cells(3700 + number // 9, 3650) if number % 4 == 3 else pack(tenths, int(number > 100))


CASES = {
    "plain": Case(CELLS_DBC, tuple(pack(3900 + n, 0) for n in range(40))),
    "J1939 transport": Case(J1939_DBC, J1939 * 10, rest=J1939_MAP),
    "ISO-TP": Case(UDS_DBC, UDS * 10, keys='isotp = [{ id = "7E8" }]\n', rest=UDS_MAP),
    "bounds": Case(
        CELLS_DBC,
        tuple(cycle_of_a_pack(n) for n in range(120)),
        rest=BOUNDS + CELLS_MAP.partition("1.0\n")[2],
    ),
    "triggers": Case(
        CELLS_DBC,
        tuple(cycle_of_a_pack(n) for n in range(120)),
        rest=BOUNDS + CELLS_MAP.partition("1.0\n")[2] + TRIGGERS,
    ),
    "protected": Case(
        PROTECTED_DBC,
        tuple(f"123#00{n:02X}{60 + n:02X}" for n in (0, 1, 2, 2, 3, 9, 10, 11, 12)),
        rest=PROTECTED_MAP,
    ),
    "mapped with alarms": Case(
        CELLS_DBC,
        tuple(
            frame
            for n in range(60)
            for frame in (pack(3990 + 30 * (20 <= n < 40), 2 * (30 <= n < 45)), cells(3700 + n, 3600 - n))
        ),
        rest=CELLS_MAP,
    ),
    "charged by power": Case(POWER_DBC, tuple(pack(4000, 100 * (n >= 5)) for n in range(60)), rest=POWER_MAP),
    "masked": Case(
        CELLS_DBC,
        tuple(f"1{n:X}0#A00F0000" for n in range(16)),
        keys='id_masks = ["70F"]\nfirst_wins = true\nvalue_texts = true\n',
    ),
}


def config(folder: Path, kind: str, case: Case) -> Path:
    """Write a configuration whose only source is `kind`, with the keys that the kind needs."""
    own = {"replay": 'name = "log"\nfile = "can0.log"\n', "can": 'name = "can0"\n'}[kind]
    file = folder / f"{kind}.toml"
    source = f'[[{kind}]]\n{own}databases = ["bus.dbc"]\n{case.keys}{case.rest}'
    file.write_text(f'vehicle = "van"\n{INFLUX}[spool]\ndirectory = "spool"\n{source}')
    return file
