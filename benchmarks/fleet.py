"""A thousand vehicles and thirty days in an InfluxDB, made of days that were simulated.

A few days of drives and charges go through the gateway's own stages, reduced as a fleet would have it. Each
day of each vehicle is one of them, with a stamp, a name and a beginning of its own: the bytes of a day are
copied and written over in place, so a minute of one processor makes a gigabyte of line protocol.

    python -m benchmarks.fleet --url http://127.0.0.1:8086 --database fleet --vehicles 1000 --days 30
"""

import argparse
import random
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import urllib3
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from firmware_sim.ecus.service_battery import ServiceSpec
from firmware_sim.plant.load import Profile
from firmware_sim.plant.pack import PackSpec
from firmware_sim.scenario import Charge, Drive, Scenario, Stand
from firmware_sim.simulation import Simulation
from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.demo.gateway_config import MAP
from telemetry.model import point
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages

DAY_S = 86_400
Value = float | bool | str
CUTS = (0.2, 0.45, 0.7, 1.0)  # of the simulated day: how much of it a vehicle has had when it is switched off
GATEWAY_EVERY_S = 600
REDUCED = ReduceSettings(
    30.0, {"charger": 60.0}, flags_every_s_by_measurement={"battery": 60.0, "charger": 60.0}
)
CELLS = ("cells.v{n}", "cells.t{n}")  # no fleet pays for these each half minute
VEHICLE = "van-0000"  # in the bytes of a day; all names are as long
_BEGINS_S = 1_000_000_000  # of the bytes of a day: as many digits as any stamp of these years
_FRAMES = 4096
_COUNTER = re.compile(rb"#{10}")
_DIGITS = 10 ** np.arange(9, -1, -1)


def simulated_day(seed: int) -> bytes:
    """Return the lines of one day of one vehicle, stamps in seconds: two drives and the charge after them."""
    pack = PackSpec(
        start_soc_pct=58.0 + 4.0 * seed, start_temp_c=4.0 + 3.0 * seed, ambient_c=2.0 + 3.0 * seed
    )
    town = 1200.0 + 300.0 * seed
    phases = (
        *(Stand(60.0), Drive(town, Profile.URBAN), Stand(900.0), Drive(900.0, Profile.MOTORWAY)),
        *(Drive(town, Profile.URBAN), Stand(300.0), Charge(5400.0, 11_000.0, 90.0), Stand(300.0)),
    )
    scenario = Scenario("day", "", 0, pack, ServiceSpec(), phases, ())
    plan = build_plan([BusDatabases("can0", (VEHICLE_DBC,))]).spec
    entries = [
        MapEntry(f"{message}.{signal}", to, charger="main" if to.startswith("charger.") else None)
        for message, signal, to in MAP
        if to not in ("charger.phase", *CELLS)
    ]
    stages = Stages(plan, model(entries, (), plan, Counting()).map, vehicle=VEHICLE, reduce=REDUCED)
    stages.bind(0, Binding(0, "can0", "can0"))
    frames, lines, written = FrameBatch(_FRAMES), LineBuffer(), bytearray()
    for at_ns, id, data in Simulation(scenario, seed).frames():
        frames.append(_BEGINS_S * 10**9 + at_ns, id, data)
        if len(frames) == _FRAMES:
            stages.process(frames, lines)
            frames.clear()
            written += lines.take()
    stages.process(frames, lines)
    stages.writing.flush(lines)
    written += lines.take()
    return b"".join(
        line[:-9] + b"\n"
        for line in bytes(written).splitlines()
        if line.startswith((b"battery,", b"charger,"))
    )


@dataclass(frozen=True, slots=True)
class Template:
    """Lines whose bytes are written over: the offsets of stamps and their seconds, of names, of counters."""

    text: np.ndarray
    stamps: np.ndarray
    seconds: np.ndarray
    names: np.ndarray
    counted: np.ndarray

    @classmethod
    def of(cls, text: bytes) -> "Template":
        """Take the text apart: stamps are ten digits at a line's end, a counter is `##########`."""
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        seconds = np.array([int(text[end - 10 : end]) for end in ends.tolist()]) - _BEGINS_S
        lines = text.splitlines(keepends=True)
        counted, at = [], 0
        for number, line in enumerate(lines):
            counted += [(at + match.start(), number) for match in _COUNTER.finditer(line)]
            at += len(line)
        names = [match.start() for match in re.finditer(VEHICLE.encode(), text)]
        return cls(
            np.frombuffer(text, np.uint8).copy(),
            ends - 10,
            seconds,
            np.array(names),
            np.array(counted, np.int64).reshape(-1, 2),
        )

    def lines(self, vehicle: str, begins_s: int, counts_from_s: int) -> bytes:
        """Return the lines of a vehicle whose day begins then; its counters grow by one a second since."""
        text, stamps_s = self.text.copy(), self.seconds + begins_s
        text[self.stamps[:, None] + np.arange(10)] = _text(stamps_s)
        text[self.names[:, None] + np.arange(len(VEHICLE))] = np.frombuffer(vehicle.encode(), np.uint8)
        if len(self.counted):
            places, lines = self.counted.T
            text[places[:, None] + np.arange(10)] = _text(stamps_s[lines] - counts_from_s)
        return text.tobytes()


def _text(numbers: np.ndarray) -> np.ndarray:
    return (numbers[:, None] // _DIGITS % 10 + ord("0")).astype(np.uint8)


def gateway_day(version: str, *, is_lossy: bool, is_behind: bool) -> bytes:
    """Return what a gateway says of itself in a day: everything else, and the accounts of its one bus."""
    count = "##########"
    waiting = count if is_behind else "0"
    dropped = f"{count}e-4" if is_lossy else "0"
    flags = "spool_volatile=false,sink_held=false"
    points = f"points_made={count},points_acknowledged={count},points_dead=0,points_evicted=0"
    waits = f"points_waiting_disk={waiting},spool_bytes={waiting},spool_oldest_s={waiting}"
    process = f'cpu_s={count}e-1,memory_bytes=57e6,uptime_s={count},version="{version}"'
    frames = f"read={count},decoded={count},unknown=0,without_signals=0,in_flight=0,kernel_dropped={dropped}"
    lines = []
    for at_s in range(_BEGINS_S, _BEGINS_S + DAY_S, GATEWAY_EVERY_S):
        lines.append(f"gateway,vehicle={VEHICLE} {points},{waits},{flags},{process} {at_s}\n")
        lines.append(f"gateway,source=can0,vehicle={VEHICLE} {frames},lost_queue_overflow=0 {at_s}\n")
    return "".join(lines).encode()


def charge_day(starts_s: int) -> bytes:
    """Return the session, the phase, the curve and the events of the charge of a simulated day."""
    tags = {"vehicle": VEHICLE, "pack": "main", "charger": "main"}
    at = _BEGINS_S + starts_s
    start = f"{datetime.fromtimestamp(at, UTC):%FT%TZ}"
    session: Mapping[str, Value] = {
        "open": False,
        "duration_s": 5400.0,
        "energy_wh": 15_500.0,
        "energy_charger_wh": 15_500.0,
        "covered_charger_s": 5400.0,
        "outcome": "complete",
    }
    lines = [
        point.line("charging_session", tags, session, at),
        point.line("charging_phase", tags, {"session_start": start, "phase": "charging", "attempt": 1.0}, at),
    ]
    for percent in range(20):
        curve: Mapping[str, Value] = {
            "session_start": start,
            "soc_pct": 50.0 + percent,
            "power_w": 10_900.0,
            "duration_s": 270.0,
        }
        lines.append(point.line("charging_curve", tags, curve, at + 270 * percent))
    for active, after_s in ((True, 60), (False, 600)):
        event: Mapping[str, Value] = {"level": float(active), "active": active, "text": "a cell is low"}
        bus = {"vehicle": VEHICLE, "source": "can0", "code": "cell_imbalance"}
        lines.append(point.line("event", bus, event, at + after_s))
    return b"\n".join(lines) + b"\n"


@dataclass(frozen=True, slots=True)
class Fleet:
    """The vehicles, and the days of UTC up to `ends_s`."""

    vehicles: int
    days: int
    ends_s: int
    folder: Path  # of the simulated days

    def requests(self) -> Iterator[bytes]:
        """Yield bodies of line protocol with stamps in seconds, day by day as a fleet would send them."""
        rows = simulated(self.folder).splitlines(keepends=True)
        lasts_s = int(rows[-1][-11:]) - _BEGINS_S
        driven = [
            Template.of(
                b"".join(rows[: int(cut * len(rows))]) + (charge_day(lasts_s - 5700) if cut == 1.0 else b"")
            )
            for cut in CUTS
        ]
        own = {
            (version, *which): Template.of(
                gateway_day(f"1.{version}.0", is_lossy=which[0], is_behind=which[1])
            )
            for version in range(5)
            for which in product((False, True), repeat=2)
        }
        for day in range(self.days, 0, -1):
            begins_s = self.ends_s - day * DAY_S
            waiting: list[bytes] = []
            for number in range(self.vehicles):
                draw = random.Random(number * 1000 + day)
                name = f"van-{number:04}"
                if number % 97 == 0 and day < 1 + number % 7:
                    continue  # not heard any more
                which = (number % 41 == 0 and day < 6, number % 53 == 0 and day == 1)
                version = (number * 7) % 5
                waiting.append(
                    own[version, *which].lines(
                        name, begins_s + number % GATEWAY_EVERY_S, self.ends_s - 31 * DAY_S
                    )
                )
                if draw.random() < 0.8:
                    after_s = draw.randrange(DAY_S // 4, DAY_S // 2)
                    waiting.append(draw.choice(driven).lines(name, begins_s + after_s, 0))
                if sum(map(len, waiting)) > 4_000_000:
                    yield b"".join(waiting)
                    waiting.clear()
            yield b"".join(waiting)


def simulated(folder: Path) -> bytes:
    """Return the lines of the simulated day, out of a folder where they are there already."""
    file = folder / "day"
    if not file.exists():
        file.write_bytes(simulated_day(0))
    return file.read_bytes()


def main() -> None:
    """Write the fleet, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", required=True, action="append", help="URL of /write or /api/v2/write, precision s"
    )
    parser.add_argument("--token", default="")
    parser.add_argument("--vehicles", type=int, default=1000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--ends", default=f"{datetime.now(UTC):%F}", help="the day before which they end")
    parser.add_argument("--folder", type=Path, required=True, help="where simulated days are kept")
    arguments = parser.parse_args()
    ends_s = int(datetime.fromisoformat(f"{arguments.ends}+00:00").timestamp())
    pool, lines, started_s = urllib3.PoolManager(), 0, time.monotonic()
    headers = {"Authorization": f"Token {arguments.token}"} if arguments.token else {}
    for body in Fleet(arguments.vehicles, arguments.days, ends_s, arguments.folder).requests():
        lines += body.count(b"\n")
        for url in arguments.write:
            answer = pool.request("POST", url, body=body, headers=headers, retries=False, timeout=300.0)
            if answer.status != 204:
                sys.exit(f"{url}: {answer.status} {answer.data[:300]!r}")
        print(f"{lines} lines, {time.monotonic() - started_s:.0f} s", flush=True)


if __name__ == "__main__":
    main()
