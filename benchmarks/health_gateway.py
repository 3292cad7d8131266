"""What battery health costs a gateway: a pack of 96 cells on a bus of 8,000 frames/s, with it and without.

The pack sends its current each 10 ms and a page of four cells each 20 ms; other frames are the workload's.
"""

import statistics
import time
from itertools import cycle, islice
from pathlib import Path

from benchmarks.feeder import Feeder
from benchmarks.gateway import cpu_ns, gateway_on, resident_mb, started
from benchmarks.null_server import NullServer
from benchmarks.report import Section, goal
from benchmarks.workload import CAN_FRAME, Workload

FRAMES_PER_S = 8_000
WARM_UP_S = 3
CELLS, PAGE_CELLS = 96, 4
PACK_ID, FIRST_PAGE_ID = 0x700, 0x701
MOST_RATIO = 1.02  # times the processor time without
MOST_MB = 1.0  # a pack


def database() -> str:
    """Return the DBC of the pack."""
    pages = "".join(
        f"BO_ {FIRST_PAGE_ID + page} Cells{page}: 8 BMS\n"
        + "".join(
            f' SG_ Cell{page * PAGE_CELLS + cell + 1} : {16 * cell}|16@1+ (0.0001,0) [0|0] "V" BMS\n'
            for cell in range(PAGE_CELLS)
        )
        for page in range(CELLS // PAGE_CELLS)
    )
    return (
        'VERSION ""\nBU_: BMS\n'
        f"BO_ {PACK_ID} Pack: 8 BMS\n"
        ' SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" BMS\n SG_ Amperes : 16|16@1- (0.1,0) [0|0] "A" BMS\n'
        ' SG_ Soc : 32|16@1+ (0.01,0) [0|0] "%" BMS\n SG_ Temp : 48|8@1- (1,0) [0|0] "degC" BMS\n' + pages
    )


def _map() -> str:
    fields = {
        "Pack.Volts": "battery.voltage_v",
        "Pack.Amperes": "battery.current_a",
        "Pack.Soc": "battery.soc_pct",
        "Pack.Temp": "battery.temp_max_c",
    } | {f"Cells{page}.Cell{{n}}": "cells.v{n}" for page in range(CELLS // PAGE_CELLS)}
    return "".join(f'[[map]]\nsignal = "{signal}"\nto = "{to}"\n' for signal, to in fields.items())


def bus(workload: Workload, seconds: int) -> bytes:
    """Return the frames of so many seconds: a charge whose current has a step each 5 s."""
    others = cycle(frame for frame in workload.frames if frame.id < PACK_ID)
    made = bytearray()
    for tick in range(100 * seconds):
        amperes = 60.0 + 40.0 * (tick // 500 % 2)
        soc = 3000 + tick // 20
        values = (3500 + tick // 100, round(10 * amperes), soc)
        frames: list[tuple[int, bytes]] = [
            (PACK_ID, b"".join(value.to_bytes(2, "little") for value in values) + b"\x19\0")
        ]
        if tick % 2 == 0:
            page = tick // 2 % (CELLS // PAGE_CELLS)
            volts = [36_000 + tick // 10 + round(amperes) + cell for cell in range(PAGE_CELLS)]
            frames.append((FIRST_PAGE_ID + page, b"".join(volt.to_bytes(2, "little") for volt in volts)))
        frames += [(frame.id, frame.data) for frame in islice(others, 80 - len(frames))]
        for id, data in frames:
            made += CAN_FRAME.pack(id, len(data), data)
    return bytes(made)


def measure_health(workload: Workload, folder: Path, rounds: int, seconds: int) -> Section:
    """Measure pairs of gateways, one after the other. seconds: that each is fed."""
    (workload.dbc.parent / "pack.dbc").write_text(database())
    frames = bus(workload, WARM_UP_S + seconds)
    ratios, grown = [], []
    for number in range(rounds):
        order = (False, True) if number % 2 else (True, False)
        found = {
            has_health: _measure(
                workload, folder / f"health-{number}-{has_health}", frames, has_health=has_health
            )
            for has_health in order
        }
        ratios.append(found[True][0] / found[False][0])
        grown.append(found[True][1] - found[False][1])
    ratio, grown_mb = statistics.median(ratios), statistics.median(grown)
    return Section(
        "Battery health",
        f"`nev-telemetry run` on a bus of {FRAMES_PER_S:,} frames/s with a pack of {CELLS} cells, everything "
        f"sent, with `[[health]]` by without: processor time over {seconds} s, and resident memory; the "
        f"medians of {rounds} pairs.",
        ("processor time", "goal", "met", "MB more", "goal", "met"),
        (
            (
                f"{ratio:.3f}",
                *goal(ratio, at_most=MOST_RATIO),
                f"{grown_mb:.2f}",
                *goal(grown_mb, at_most=MOST_MB),
            ),
        ),
    )


def _measure(workload: Workload, folder: Path, frames: bytes, *, has_health: bool) -> tuple[int, float]:
    """Return the processor time in ns, and what is resident at the end."""
    folder.mkdir()
    rest = _map() + ("[[health]]\nrated_ah = 150\n" if has_health else "")
    warm_up = WARM_UP_S * FRAMES_PER_S * CAN_FRAME.size
    pack_dbc = workload.dbc.parent / "pack.dbc"
    described = f'databases = ["{workload.dbc}", "{pack_dbc}"]\n{rest}'
    with Feeder(folder) as feeder, NullServer() as server:
        pipeline = gateway_on(
            feeder.path, described, folder, server.url, f'cache_directory = "{workload.dbc.parent / "plans"}"'
        )
        with started(pipeline, folder) as process:
            feeder.accept()
            feeder.send(frames[:warm_up], FRAMES_PER_S)
            before_ns = cpu_ns(process)
            feeder.send(frames[warm_up:], FRAMES_PER_S)
            while feeder.unread_bytes():
                time.sleep(0.01)
            return cpu_ns(process) - before_ns, resident_mb(process)
