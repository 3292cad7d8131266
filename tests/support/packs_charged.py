"""Packs that are driven and charged, second by second, as frames and as a configuration of `[[health]]`.

Currents are constant, so that what a charge holds is to be said by hand.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECOND = 1_000_000_000
START_NS = 1_699_999_800 * SECOND  # 2023-11-14, 22:10 UTC: a now that is not midnight
RATED_AH = 4.0
CHARGE_A = 36.0
PACK_ID = 0x100
PAGE_ID = 0x101

DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 8 BMS
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ Amperes : 16|16@1- (0.1,0) [0|0] "A" BMS
 SG_ Soc : 32|16@1+ (0.01,0) [0|0] "%" BMS
 SG_ Temp : 48|8@1- (1,0) [0|0] "degC" BMS
 SG_ Soh : 56|8@1+ (0.5,0) [0|0] "%" BMS
BO_ 257 Cells: 8 BMS
 SG_ Cell1 : 0|16@1+ (0.001,0) [0|0] "V" BMS
 SG_ Cell2 : 16|16@1+ (0.001,0) [0|0] "V" BMS
 SG_ Cell3 : 32|16@1+ (0.001,0) [0|0] "V" BMS
 SG_ Cell4 : 48|16@1+ (0.001,0) [0|0] "V" BMS
"""
_FIELDS = {
    "Volts": "voltage_v",
    "Amperes": "current_a",
    "Soc": "soc_pct",
    "Temp": "temp_max_c",
    "Soh": "soh_pct",
}

Frame = tuple[int, int, bytes]  # stamp in ns, id, data


def mapped(bus: str, pack: str = "main", signals: Iterable[str] = _FIELDS) -> str:
    """Return the [[map]] of a bus that has these signals of a pack, and its cells."""
    entries = {f"Pack.{name}": f"battery.{_FIELDS[name]}" for name in signals} | {
        "Cells.Cell{n}": "cells.v{n}"
    }
    return "".join(
        f'[[map]]\nbus = "{bus}"\nsignal = "{signal}"\nto = "{to}"\npack = "{pack}"\n'
        for signal, to in entries.items()
    )


def health(pack: str = "main", rest: str = "") -> str:
    return f'[[health]]\npack = "{pack}"\nrated_ah = {RATED_AH}\n{rest}'


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many seconds of one current; steps: of drive, it changes by so much each 5 s."""

    seconds: int
    current_a: float
    step_a: float = 0.0


# 1.8 Ah, 45 % of it; what flows out ends the charge, which else may be a pause of the station.
CHARGE = (Stretch(180, CHARGE_A), Stretch(70, 0.0), Stretch(20, -1.0))
DRIVE = (Stretch(60, -30.0, 6.0), Stretch(130, -33.0), Stretch(20, 0.0))
TWO_CHARGES = (Stretch(20, 0.0), *CHARGE, *DRIVE, *CHARGE)
DAYS = (*TWO_CHARGES, Stretch(7200, 0.0), *DRIVE, *CHARGE)  # over midnight


def frames(
    stretches: Sequence[Stretch] = TWO_CHARGES,
    *,
    start_ns: int = START_NS,
    soc_pct: float = 20.0,
    every_s: float = 1.0,
    capacity_ah: float = RATED_AH,
) -> Iterator[Frame]:
    """Yield a frame of the pack and one of its cells, each `every_s`."""
    time_ns, step_ns = start_ns, round(every_s * SECOND)
    for stretch in stretches:
        for number in range(round(stretch.seconds / every_s)):
            at_s = number * every_s
            current_a = stretch.current_a + stretch.step_a * (int(at_s / 5) % 2)
            soc_pct += 100 * current_a * every_s / 3600 / capacity_ah
            volts = 3.6 + soc_pct / 200
            cells = [round(1000 * (volts + current_a * 0.001 * own)) for own in (1.0, 1.0, 1.0, 1.6)]
            values = (round(40 * volts), round(10 * current_a), round(100 * soc_pct))
            data = b"".join(each.to_bytes(2, "little", signed=each < 0) for each in values) + b"\x19\xc0"
            yield time_ns, PACK_ID, data
            yield (
                time_ns + 20_000_000,
                PAGE_ID,
                b"".join(each.to_bytes(2, "little") for each in cells),
            )
            time_ns += step_ns


def write_log(path: Path, content: Iterable[Frame], channel: str = "can0") -> Path:
    with path.open("w") as log:
        for time_ns, id, data in content:
            us = time_ns // 1000
            log.write(f"({us // 10**6}.{us % 10**6:06}) {channel} {id:03X}#{data.hex()}\n")
    return path


def config(folder: Path, source: str, rest: str = "", *, top: str = "", name: str = "gateway.toml") -> Path:
    """Write a configuration with one source, of these keys without databases, and `rest` after it."""
    (folder / "pack.dbc").write_text(DBC)
    influx = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'
    file = folder / name
    file.write_text(
        f'vehicle = "van"\n{top}{influx}[web]\nlisten = "off"\n[spool]\ndirectory = "spool"\n'
        f'{source}databases = ["pack.dbc"]\n{rest}'
    )
    return file
