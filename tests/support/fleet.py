"""A fleet drawn at random in each run: what docs/queries.md and the dashboards are asked about in tests.

Five weeks up to a `NOW` in the midst of a minute, soon after a change of summer time in `ZONE`. Packs differ
in what hurts a query: one is reported by two buses at once; of one the BMS sends charge and temperatures on
one bus and a shunt the current on another; one has few fields, one is reduced, one has a single row. Most
have rows in the first and the last, partial minute of what is asked about. Counters begin at 0 again,
vehicles fall silent, charges lie over midnight. One vehicle is simulated: tests/support/fleet_drive.py.

`NEV_TELEMETRY_FLEET=SEED` draws a fleet again; a test that fails prints its seed. In CI it is always 1.
"""

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from telemetry.model import point as lineprotocol
from telemetry.model.event_codes import EVENT_CODES
from tests.support.fleet_drive import MORNINGS, drive_lines
from tests.support.raw_answers import Answer, RawPoints, answers
from tests.support.servers import Database

_ANY = 1 if "CI" in os.environ else random.SystemRandom().randrange(10**6)
SEED = int(os.environ.get("NEV_TELEMETRY_FLEET") or _ANY)
ZONE = ZoneInfo("Europe/Berlin")
_draw = random.Random(SEED)
# Both mornings of the drive are over, and the first one is within the week before.
# The first minute asked about is a part of one, with 20 s at least: rows come each 15 s there.
NOW = MORNINGS[1] + timedelta(hours=1, minutes=_draw.randrange(5 * 1_440), seconds=_draw.randrange(5, 40))
assert NOW - timedelta(days=10) < datetime(2026, 3, 29, 1, tzinfo=UTC) < NOW, "no change of summer time"

CELL_COUNT = 12
CHUNK_LINES = 20_000
FRAMES_PER_S = 100
GATEWAY_EVERY_S = 600
STATIONS = ("S-1", "S-2", "S-3", None)
EVENTS = ("cell_imbalance", "overtemperature", "insulation_low", "frames_dropped", "service_start")
_S = 1_000_000_000
_NOW_S = int(NOW.timestamp())
_DAY_S = 86_400
_EDGES_S = tuple(_NOW_S - days * _DAY_S for days in (10, 7, 0))

Fields = Mapping[str, float | bool | str | None]


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack; which source reports current, and which the rest. every_s: between two rows of a message."""

    vehicle: str
    name: str
    every_s: float
    current_from: tuple[str, ...] = ("can0",)
    rest_from: tuple[str, ...] = ("can0",)
    has_health: bool = True


PACKS = (
    Pack("van-1", "main", 60.0),
    Pack("van-2", "main", 150.0, current_from=("can1",)),
    Pack("van-3", "front", 180.0, ("can0", "can1"), ("can0", "can1")),
    Pack("van-3", "rear", 180.0, current_from=(), has_health=False),
    Pack("van-4", "main", 300.0),
    Pack("van-5", "main", 240.0, has_health=False),
)
NEW = Pack("van-6", "main", 60.0)  # has a single row
ARCHIVED = "truck-1"  # known from recordings alone: it has no gateway
VEHICLES = tuple(sorted({pack.vehicle for pack in PACKS}))
SOURCES = ("can0", "can1")
SILENT_SINCE_S = {"van-4": _NOW_S - _draw.randrange(20, 30) * 3_600, "van-5": _NOW_S - 3 * _DAY_S}


@cache
def fleet_lines() -> tuple[bytes, ...]:
    """Return all points. Some are newer than NOW, as of a gateway whose clock is ahead."""
    draw = random.Random(SEED)
    lines: list[bytes] = []
    for pack in PACKS:
        lines += _PackLines(draw, pack).lines()
    lines += _row(
        NEW, "can0", _EDGES_S[1] + 0.5, {"soc_pct": 97.0, "cell_delta_v": 0.01, "capacity_ah": 80.0}
    )
    archived = Pack(ARCHIVED, "main", 60.0)
    lines += _row(archived, "can0", _NOW_S - 9 * _DAY_S, {"soc_pct": 50.0, "cell_delta_v": 0.02})
    for vehicle in VEHICLES:
        lines += _gateway_lines(draw, vehicle)
        lines += _event_lines(draw, vehicle)
        lines += _session_lines(draw, vehicle)
    return (*lines, *_health_lines(random.Random(f"{SEED}/health")), *drive_lines())


@cache
def raw_points() -> RawPoints:
    """Return the same points, to look for answers in."""
    return RawPoints(fleet_lines())


@cache
def true_answers(zone: ZoneInfo | None) -> dict[int, Answer]:
    """Answer all questions of docs/queries.md, by their number; zone: whose days, none: UTC."""
    return answers(raw_points(), NOW, zone or UTC)


def load_fleet(database: Database) -> None:
    """Write it all."""
    load(database, fleet_lines())


def load(database: Database, lines: Sequence[bytes]) -> None:
    """Write these lines."""
    server = database.server
    for first in range(0, len(lines), CHUNK_LINES):
        body = b"\n".join(lines[first : first + CHUNK_LINES])
        if server.kind == "influxdb2":
            answer = server.request("POST", "/api/v2/write", body, org=server.org, bucket=database.name)
        else:
            answer = server.request("POST", "/write", body, db=database.name)
        assert answer.status == 204, answer


def _line(measurement: str, tags: Mapping[str, str], fields: Fields, at_s: float) -> bytes:
    """Never at a whole millisecond: no stamp is that of an edge, which Grafana's time filter includes."""
    return lineprotocol.line(measurement, tags, fields, round(at_s * 1000) * 1_000_000 + 7)


def _row(pack: Pack, source: str, at_s: float, fields: Fields, measurement: str = "battery") -> list[bytes]:
    return [_line(measurement, {"vehicle": pack.vehicle, "pack": pack.name, "source": source}, fields, at_s)]


class _PackLines:
    """Drives, charges, rests and silences of one pack, as its sources report them."""

    def __init__(self, draw: random.Random, pack: Pack) -> None:
        self._draw, self._pack = draw, pack
        self._soc_pct, self._capacity_ah = draw.uniform(30.0, 90.0), draw.uniform(60.0, 120.0)
        self._weak_cell = draw.randrange(CELL_COUNT)
        self._counted: dict[str, dict[str, float]] = {}
        self._energy_wh = 0.0

    def lines(self) -> Iterator[bytes]:
        draw, at_s = self._draw, _EDGES_S[0] - draw_hours(self._draw, 2, 30)
        at_rest = self._pack.vehicle in ("van-1", "van-3")
        end_s = min(SILENT_SINCE_S.get(self._pack.vehicle, _NOW_S + 900), _NOW_S + 900)
        while at_s < end_s:
            activity = draw.choice(("drive", "charge", "charge", "rest", "off", "off"))
            lasts_s = draw_hours(draw, 0.1, 8.0 if activity == "off" else 4.0)
            if draw.random() < 0.4:
                self._counted.clear()  # the service has begun again
            hot_c = draw.choice((0.0, 0.0, 25.0))
            until_s = min(at_s + lasts_s, end_s)
            while at_s < until_s:
                near = any(abs(at_s - edge_s) < 300.0 for edge_s in _EDGES_S)
                every_s = (15.0 if near else self._pack.every_s) * draw.uniform(0.9, 1.1)
                if near:  # what the questions count: hot, full, and charged or at rest
                    self._soc_pct = max(self._soc_pct, 96.0) if at_rest else self._soc_pct
                    yield from self._tick("rest" if at_rest else "charge", at_s, every_s, 52.0)
                elif activity != "off":
                    yield from self._tick(activity, at_s, every_s, hot_c)
                at_s += every_s

    def _tick(self, activity: str, at_s: float, every_s: float, hot_c: float) -> Iterator[bytes]:
        draw, pack = self._draw, self._pack
        low_a, high_a = {"drive": (-150.0, 60.0), "charge": (0.4, 40.0), "rest": (-0.4, 0.4)}[activity]
        if self._soc_pct > 97.0:
            high_a = min(high_a, 1.0)
        current_a = round(draw.uniform(low_a, high_a), 2) if draw.random() < 0.9 else 0.0
        grown_pct = current_a * every_s / 36.0 / self._capacity_ah
        self._soc_pct = min(100.0, max(5.0, self._soc_pct + grown_pct))
        self._capacity_ah -= 1e-6 * every_s
        for number, source in enumerate(pack.current_from):
            yield from self._electrical(source, at_s + 0.3 * number, every_s, current_a)
        for number, source in enumerate(pack.rest_from):
            yield from self._rest(source, at_s + 1.0 + 0.3 * number, current_a, hot_c)
        if current_a > 0.5 and activity == "charge":
            yield self._charger(at_s + 0.7, every_s, current_a)

    def _electrical(self, source: str, at_s: float, every_s: float, current_a: float) -> list[bytes]:
        voltage_v = round(350.0 + 0.5 * self._soc_pct, 1)
        power_w = round(voltage_v * current_a, 1)
        counted = self._counted.setdefault(
            source, dict.fromkeys(("charged_ah", "discharged_ah", "charged_wh", "discharged_wh"), 0.0)
        )
        hours = every_s / 3600.0
        way = "charged" if current_a > 0.0 else "discharged"
        counted[f"{way}_ah"] += abs(current_a) * hours
        counted[f"{way}_wh"] += abs(power_w) * hours
        flags = {"charging": current_a > 0.5, "discharging": current_a < -0.5}
        electrical = {"voltage_v": voltage_v, "current_a": current_a, "power_w": power_w, **flags, **counted}
        return _row(self._pack, source, at_s, electrical)

    def _rest(self, source: str, at_s: float, current_a: float, hot_c: float) -> Iterator[bytes]:
        draw, pack = self._draw, self._pack
        yield from _row(pack, source, at_s, {"soc_pct": round(self._soc_pct, 1)})
        if draw.random() < 0.5:
            coldest_c = round(draw.uniform(-5.0, 22.0) + hot_c, 1)
            temperatures = {"temp_min_c": coldest_c, "temp_max_c": coldest_c + 4.0}
            yield from _row(pack, source, at_s + 0.05, temperatures)
        if draw.random() < 0.5:
            lowest = self._weak_cell if draw.random() < 0.8 else draw.randrange(CELL_COUNT)
            delta_v = round(draw.uniform(0.005, 0.03) + (0.02 if current_a < 0.0 else 0.0), 4)
            cells_v = [3.6] * CELL_COUNT
            cells_v[lowest] = 3.6 - delta_v
            extremes = {"cell_min_v": cells_v[lowest], "cell_max_v": 3.6, "cell_delta_v": delta_v}
            indexes = {"cell_min_index": lowest + 1.0, "cell_max_index": float((lowest + 1) % CELL_COUNT + 1)}
            yield from _row(pack, source, at_s + 0.1, {**extremes, **indexes})
            if draw.random() < 0.1:
                cells = {f"v{number:03d}": volt for number, volt in enumerate(cells_v, 1)}
                yield from _row(pack, source, at_s + 0.1, {**cells, "t001": 20.0, "t002": 22.5}, "cells")
        if pack.has_health and draw.random() < 0.02:
            insulation_kohm = draw.choice((180.0, 2400.0))
            health = {"soh_pct": 95.0, "capacity_ah": round(self._capacity_ah, 3), "cycles": 200.0}
            yield from _row(pack, source, at_s + 0.15, {**health, "insulation_kohm": insulation_kohm})

    def _charger(self, at_s: float, every_s: float, current_a: float) -> bytes:
        power_w = round(420.0 * current_a, 1)
        self._energy_wh += power_w * every_s / 3600.0
        given = {"voltage_v": 420.0, "current_a": current_a, "power_w": power_w, "temp_c": 45.0}
        wanted = {"requested_voltage_v": 430.0, "requested_current_a": current_a + 1.0}
        fields: Fields = {**given, **wanted, "energy_wh": round(self._energy_wh, 1), "phase": "bulk"}
        tags = {"vehicle": self._pack.vehicle, "charger": self._pack.name, "source": "can0"}
        return _line("charger", tags, fields, at_s)


def draw_hours(draw: random.Random, least: float, most: float) -> float:
    """Draw a number of hours, in seconds."""
    return draw.uniform(least, most) * 3600.0


def _health_lines(draw: random.Random) -> Iterator[bytes]:
    """Yield charges of fourteen months as battery health measures them, used or with a reason."""
    for pack in PACKS:
        tags, weak_cell = (
            {"vehicle": pack.vehicle, "pack": pack.name},
            float(draw.randrange(1, CELL_COUNT + 1)),
        )
        at_s, capacity_ah = _NOW_S - 430.0 * _DAY_S, draw.uniform(60.0, 120.0)
        while at_s < _NOW_S + _DAY_S:
            used = draw.random() < 0.7
            fields: dict[str, float | bool | str | None] = {
                "charge_ah": draw.uniform(5.0, 60.0),
                "used": used,
            }
            fields["reason"] = None if used else draw.choice(("soc", "gaps", "window"))
            if used:
                capacity_ah -= draw.uniform(-0.2, 0.4)
                fields |= {"capacity_ah": round(capacity_ah, 3), "soh_pct": round(capacity_ah / 1.3, 2)}
            if draw.random() < 0.5:
                index = weak_cell if draw.random() < 0.7 else float(draw.randrange(1, CELL_COUNT + 1))
                fields |= {"weak_cell_index": index, "weak_cell_ratio": round(draw.uniform(0.88, 0.99), 3)}
            yield _line("battery_health", tags, fields, at_s)
            at_s += draw_hours(draw, 30.0, 300.0)


def _gateway_lines(draw: random.Random, vehicle: str) -> Iterator[bytes]:
    whole, phase_s = {"vehicle": vehicle}, draw.randrange(GATEWAY_EVERY_S)
    outage_s = _NOW_S - draw_hours(draw, 30, 200)
    dropped = dict.fromkeys(SOURCES, 0)
    first_s = (_NOW_S - 12 * _DAY_S) // GATEWAY_EVERY_S * GATEWAY_EVERY_S + phase_s
    started_s = first_s
    for at_s in range(first_s, min(SILENT_SINCE_S.get(vehicle, _NOW_S), _NOW_S + 900), GATEWAY_EVERY_S):
        if outage_s < at_s < outage_s + 9_000:
            started_s = at_s
            continue
        since_s = float(at_s - first_s)
        points = {"points_made": 10.0 * since_s, "points_acknowledged": 9.0 * since_s, "points_dead": 0.0}
        waiting = {"points_waiting_disk": since_s, "points_evicted": 0.0, "spool_bytes": 65_536.0 + since_s}
        spool = {"spool_oldest_s": round(draw.uniform(0.0, 900.0), 1), "spool_written_bytes_per_h": 230_000.0}
        flags = {"spool_volatile": False, "sink_held": False}
        process = {"cpu_s": 0.1 * since_s, "memory_bytes": 57e6, "uptime_s": float(at_s - started_s)}
        version = {"version": f"0.{SEED % 7}.{at_s % 3}"}
        yield _line("gateway", whole, {**points, **waiting, **spool, **flags, **process, **version}, at_s)
        for source in SOURCES:
            dropped[source] += draw.randrange(500) if draw.random() < 0.01 else 0
            # One source writes no 0 where it begins to count: there is nothing before the first loss.
            lost = dropped[source] if dropped[source] or source == "can0" else None
            counts = {"read": FRAMES_PER_S * since_s, "unknown": since_s, "kernel_dropped": lost}
            overflow = {"lost_queue_overflow": float(dropped[source] // 2)}
            yield _line("gateway", {**whole, "source": source}, {**counts, **overflow}, at_s)


def _event_lines(draw: random.Random, vehicle: str) -> Iterator[bytes]:
    for number in range(60):
        code = draw.choice(EVENTS)
        tags = {"vehicle": vehicle, "source": draw.choice(SOURCES), "code": code}
        active = draw.random() < 0.6
        level = float(EVENT_CODES[code].level) if active else 0.0
        at_s = _NOW_S - draw_hours(draw, 0.0, 250.0) + number / 1000.0
        yield _line("event", tags, {"level": level, "active": active, "text": "drawn"}, at_s)


def _session_lines(draw: random.Random, vehicle: str) -> Iterator[bytes]:
    """Whole charges and parts of one, some over midnight; two parts may make up one whole, and are none."""
    at_s: float = _NOW_S - 32 * _DAY_S
    part: range | None = None  # of the one before, which this one completes
    while at_s < _NOW_S:
        if part is None:
            first, last = draw.choice(((10, 80), (5, 85), (10, 80), (10, draw.randrange(30, 60)), (30, 90)))
            part = range(last, 80) if (first, last > 60) == (10, False) else None
        else:
            first, last, part = part.start, part.stop, None
        percents = [pct for pct in range(first, last) if draw.random() > 0.0005]
        yield from _session(draw, vehicle, at_s, percents)
        at_s += draw_hours(draw, 0.1, 1.0) if part and draw.random() < 0.5 else draw_hours(draw, 5.0, 60.0)
        at_s += 90.0 * (last - first)


def _session(draw: random.Random, vehicle: str, start_s: float, percents: list[int]) -> Iterator[bytes]:
    tags = {"vehicle": vehicle, "pack": "main", "charger": "main"}
    outcome = draw.choice(("complete", "complete", "stopped", "error", "failed", "cut", None))
    is_charge, energy_wh = outcome != "failed", 500.0 * len(percents)
    side = draw.choice(("vehicle", "charger", None)) if outcome else None
    fields: Fields = {
        "open": outcome is None,
        "duration_s": 60.0 * len(percents),
        "start_soc_pct": float(percents[0]),
        "energy_wh": energy_wh,
        "energy_vehicle_wh": energy_wh if is_charge else None,
        "energy_charger_wh": 1.02 * energy_wh if is_charge else None,
        "covered_charger_s": 61.0 * len(percents) if is_charge else None,
        "energy_meter_wh": 1.05 * energy_wh if vehicle == "van-1" else None,
        "current_shortfall_mean_a": round(draw.uniform(-5.0, 20.0), 2) if is_charge else None,
        "outcome": outcome,
        "stop_side": side,
        "stop_reason": "soc_reached" if side == "vehicle" else None,
        "station": draw.choice(STATIONS),
        "attempts": 1.0,
    }
    yield _line("charging_session", tags, fields, start_s)
    at_s, session_start = start_s + 20.0, f"{datetime.fromtimestamp(int(start_s), UTC):%FT%TZ}"
    for percent in percents if is_charge else ():
        lasts_s = round(draw.uniform(20.0, 90.0), 3)
        curve: Fields = {"session_start": session_start, "soc_pct": float(percent), "duration_s": lasts_s}
        yield _line("charging_curve", tags, curve, at_s)
        at_s += lasts_s
