"""How often `look` finds without a database what a database knows: counters, checksums and voltages.

    python -m benchmarks.looked [LOG DATABASE]…

Judged are recordings of the simulator, traffic that opendbc's own packer makes of its databases (values move
at random, counters and checksums are the packer's), and recordings that are named. A database knows a counter
or a checksum by a signal's name, a voltage by its unit. It is judged where it takes three values in twenty
frames at least. A hit has exactly its bits; of a voltage exactly its bytes. A false alarm is a finding of
that kind that shares no bit with such a signal.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import MagicMock

from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec

from telemetry.databases.bus import BusDatabases
from telemetry.databases.plan_cache import load_plan, user_cache_directory
from telemetry.look.look import findings
from telemetry.look.seen import Place
from telemetry.rules.find_message import bit_positions, find_message
from telemetry.scan.traffic import frames_of_logs
from tests.support.command import printed

KINDS = ("counter", "checksum", "voltage")
_NAMES = {
    "checksum": re.compile(r"checksum|chksum|cksum|crc", re.IGNORECASE),
    "counter": re.compile(r"counter|cntr?$|alive|rolling|msgcnt|_bz", re.IGNORECASE),
}
_VOLTS = ("v", "volt", "volts", "mv")
SIMULATED = ("charge", "cold-morning", "drive", "drive-and-charge", "flaky-bus", "two-lines", "weak-cell")
PACKED = (
    *("chrysler_pacifica_2017_hybrid_generated", "comma_body", "fca_giorgio", "hyundai_canfd_generated"),
    *("psa_aee2010_r3", "subaru_global_2017_generated", "tesla_model3_party", "toyota_new_mc_pt_generated"),
    *("toyota_nodsu_pt_generated", "vw_mlb", "vw_mqb", "vw_pq"),
)
_SECONDS, _PACKED_FRAMES = 900, 600
_LEAST_FRAMES, _LEAST_VALUES = 20, 3


def kind_of(name: str, unit: str, bit_count: int) -> str | None:
    """Return what a database says that a signal is; None: nothing that is judged."""
    if unit.lower() in _VOLTS and bit_count >= 8:
        return "voltage"
    return next((kind for kind, names in _NAMES.items() if bit_count > 1 and names.search(name)), None)


def judged(log: Path, plan: PlanSpec, bus: BusSpec) -> Counter[tuple[str, str]]:
    """Return hits, misses and false alarms by kind."""
    counts: Counter[tuple[str, str]] = Counter()
    for seen in (one for channel in frames_of_logs([log], print).values() for one in channel):
        message = find_message(bus, seen.id)
        if message is None or not message.signals or len(seen.rows) < _LEAST_FRAMES:
            continue
        found = [(one.kind, _bits(one.place)) for one in findings(seen) if one.kind in KINDS and one.place]
        known = list(_known(plan, message, seen.rows))
        for kind, bits in known:
            is_hit = any(
                kind == one and (bits == places or (kind == "voltage" and _bytes(bits) == _bytes(places)))
                for one, places in found
            )
            counts[kind, "hit" if is_hit else "miss"] += 1
        for kind, places in found:
            every = [bits for one, bits in _known(plan, message, ()) if one == kind]
            counts[kind, "false"] += not any(bits & places for bits in every)
    return counts


def _known(
    plan: PlanSpec, message: MessageSpec, rows: Sequence[bytes]
) -> Iterator[tuple[str, frozenset[int]]]:
    """Yield what is judged of a message, and its bits; rows: without any, also what takes no three values."""
    for field, signal in zip(plan.records[message.record].fields, message.signals, strict=False):
        kind = kind_of(field.name, field.unit, signal.bit_count)
        if kind and (not rows or len(set(_raw(signal, rows))) >= _LEAST_VALUES):
            yield kind, frozenset(bit_positions(signal))


def _raw(signal: SignalSpec, rows: Sequence[bytes]) -> Iterator[tuple[int, ...]]:
    places = bit_positions(signal)
    for row in rows:
        if max(places) < 8 * len(row) and signal.condition < 0:
            yield tuple(row[at // 8] >> at % 8 & 1 for at in places)


def _bits(place: Place) -> frozenset[int]:
    begin = 8 * place.byte + place.shift
    return frozenset(range(begin, begin + place.bit_count))


def _bytes(bits: frozenset[int]) -> set[int]:
    return {bit // 8 for bit in bits}


def pack(name: str, log: Path) -> None:
    """Write traffic of a database of opendbc: every message each 20 ms, of signals that move at random."""
    sys.modules.setdefault("capnp", MagicMock())  # of its vehicles, which nothing here needs
    from opendbc.can.packer import CANPacker  # type: ignore[import-untyped]  # it has no types

    draw = random.Random(name)
    packer: Any = CANPacker(name)
    values: dict[tuple[int, str], float] = {}
    with log.open("w") as stream:
        for number in range(_PACKED_FRAMES):
            for address, message in packer.dbc.msgs.items():
                if message.size > 64:
                    continue
                given = {}
                for signal in message.sigs.values():
                    if signal.type == 0 and kind_of(signal.name, "", signal.size) is None:
                        given[signal.name] = _moved(draw, values, address, signal)
                data = bytes(packer.pack(address, given))
                id = f"{address & 0x1FFFFFFF:08X}" if address > 0x7FF else f"{address:03X}"
                separator = "##1" if message.size > 8 else "#"
                stream.write(f"({1000 + number * 0.02:.6f}) can0 {id}{separator}{data.hex().upper()}\n")


def _moved(draw: random.Random, values: dict[tuple[int, str], float], address: int, signal: Any) -> float:
    """Return the next value of a signal: a flag changes seldom, a number by small steps from the middle."""
    key, most = (address, signal.name), (1 << min(signal.size, 32)) - 1
    raw = values.get(key, most * draw.uniform(0.3, 0.6))
    if signal.size < 6:
        raw = draw.randint(0, most) if draw.random() < 0.02 else raw
    else:
        raw = min(max(raw + draw.gauss(0.0, most / 400), 0), most)
    values[key] = raw
    high = 1 << signal.size - 1
    number = int(raw) - (high if signal.is_signed else 0)
    return float(number * signal.factor + signal.offset)


def recordings(folder: Path, named: Sequence[str]) -> Iterator[tuple[str, Path, PlanSpec]]:
    """Yield the name, the log and the plan of each."""
    vehicle = Path(str(files("firmware_sim"))) / "wire" / "vehicle.dbc"
    for scenario in SIMULATED:
        log = folder / f"{scenario}.log"
        printed("sim", scenario, "--output", log, "--duration", _SECONDS)
        yield scenario, log, _plan(vehicle)
    for name in PACKED:
        log = folder / f"{name}.log"
        pack(name, log)
        yield name, log, _plan(_database(name, folder))
    for log_name, database in zip(named[::2], named[1::2], strict=True):
        yield Path(log_name).name, Path(log_name), _plan(Path(database))


def _database(name: str, folder: Path) -> Path:
    """Return the file of a database of opendbc, which makes some when they are asked for."""
    from opendbc import get_generated_dbcs  # type: ignore[import-untyped]  # it has no types

    file = Path(str(files("opendbc"))) / "dbc" / f"{name}.dbc"
    if not file.exists():
        file = folder / file.name
        file.write_text(get_generated_dbcs()[name])
    return file


def _plan(database: Path) -> PlanSpec:
    return load_plan([BusDatabases("b", (database,))], user_cache_directory()).spec


def main(named: Sequence[str]) -> None:
    """Print a row a recording: of each kind hits of what is known, and false alarms."""
    total: Counter[tuple[str, str]] = Counter()
    print(f"{'recording':42}" + "".join(f"{kind:>22}" for kind in KINDS))
    with TemporaryDirectory() as folder:
        for name, log, plan in recordings(Path(folder), named):
            counts = judged(log, plan, plan.buses[0])
            total += counts
            print(_row(name, counts), flush=True)
    print(_row("all", total))


def _row(name: str, counts: Counter[tuple[str, str]]) -> str:
    hits = {kind: counts[kind, "hit"] for kind in KINDS}
    cells = (
        f"{hit} of {hit + counts[kind, 'miss']}, {counts[kind, 'false']} false" for kind, hit in hits.items()
    )
    return f"{name[:40]:42}" + "".join(f"{cell:>22}" for cell in cells)


if __name__ == "__main__":
    main(sys.argv[1:])
