"""A recording that a wide table is made of, and the columns of tables as lists."""

from pathlib import Path
from typing import Any

import telemetry

DBC = """VERSION ""
BU_: A
BO_ 256 Pack: 8 A
 SG_ Page M : 0|8@1+ (1,0) [0|0] "" A
 SG_ Volts m0 : 8|16@1+ (0.1,0) [0|0] "V" A
 SG_ Amps m1 : 8|16@1- (0.1,0) [0|0] "A" A
 SG_ State : 24|8@1+ (1,0) [0|0] "" A
BO_ 257 Motor: 2 A
 SG_ Rpm : 0|8@1- (1,0) [0|0] "rpm" A
 SG_ State : 8|8@1+ (1,0) [0|0] "" A
VAL_ 256 State 0 "off" 1 "on" ;
VAL_ 257 State 0 "off" 1 "on" ;
"""


def load(folder: Path) -> telemetry.Databases:
    """Return DBC, with the words of its values."""
    file = folder / "ev.dbc"
    file.write_text(DBC)
    return telemetry.load_databases(file, value_texts=True)


def read(folder: Path, lines: list[str], databases: telemetry.Databases) -> telemetry.Tables:
    """Decode a candump log of these lines."""
    log = folder / "bus.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    return telemetry.read(log, databases=databases, jobs=1)


def values(table: telemetry.Table) -> dict[str, list[Any]]:
    """Return the columns as lists, with None for what is absent; times in ns."""
    plain = {name: table[name].tolist() for name in table if name != "time"}
    absent = {name: [None if value != value else value for value in each] for name, each in plain.items()}
    return {"time": table["time"].astype("int64").tolist()} | absent
