"""The fleet of tests/support/fleet.py as line protocol, in the data model's measurements, and into a server.

Rows are as sparse as a gateway's: current, charge, cells and temperatures come in messages of their own and
so at stamps of their own, a second apart. One vehicle's are dense: tests/support/fleet_drive.py.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain

from telemetry.model import point as lineprotocol
from telemetry.model.events import Event, begins, ends
from telemetry.model.measurements import EVENT
from tests.support.fleet import (
    CELL_COUNT,
    CHARGER_EFFICIENCY,
    DAY_MIN,
    DAYS,
    GAP_MIN,
    PACKS,
    SENSOR_COUNT,
    SOURCES,
    START,
    VEHICLES,
    Happening,
    Minute,
    Pack,
    happenings,
    insulation_kohm,
    is_heard,
    lost,
    minutes,
    oldest_s,
)
from tests.support.fleet_charges import charge_lines
from tests.support.fleet_drive import drive_lines
from tests.support.servers import Database

CHUNK_LINES = 20_000
FRAMES_PER_MIN = 6_000
_START_NS = int(START.timestamp()) * 1_000_000_000

Fields = Mapping[str, float | bool | str]


def _line(measurement: str, tags: bytes, fields: Fields, minute: int, second: int = 0) -> bytes:
    """Quicker than lineprotocol.line, for names that need no escaping."""
    written = ",".join(f"{name}={_value(value)}" for name, value in fields.items())
    time_ns = _START_NS + (minute * 60 + second) * 1_000_000_000
    return b"%b%b %b %d" % (measurement.encode(), tags, written.encode(), time_ns)


def _value(value: float | bool | str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case _:
            return repr(value)


@cache
def fleet_lines() -> tuple[bytes, ...]:
    """All points."""
    packs = chain.from_iterable(_pack_lines(pack) for pack in PACKS)
    vehicles = chain.from_iterable(
        chain(_charger_lines(vehicle), _gateway_lines(vehicle)) for vehicle in VEHICLES
    )
    return (*packs, *vehicles, *charge_lines(), *_event_lines(), *drive_lines())


def load_fleet(database: Database) -> None:
    """Write it all."""
    lines = fleet_lines()
    server = database.server
    for first in range(0, len(lines), CHUNK_LINES):
        body = b"\n".join(lines[first : first + CHUNK_LINES])
        if server.kind == "influxdb2":
            answer = server.request("POST", "/api/v2/write", body, org=server.org, bucket=database.name)
        else:
            answer = server.request("POST", "/write", body, db=database.name)
        assert answer.status == 204, answer


def _pack_lines(pack: Pack) -> Iterator[bytes]:
    tags = lineprotocol.tag_set({"vehicle": pack.vehicle, "pack": pack.name, "source": pack.source})
    counted = dict.fromkeys(("charged_ah", "discharged_ah", "charged_wh", "discharged_wh"), 0.0)
    for now in minutes(pack):
        if pack.vehicle == "van-7" and now.minute == GAP_MIN.stop:  # the gateway begins at 0 again
            counted = dict.fromkeys(counted, 0.0)
        _count(counted, now)
        yield _line("battery", tags, {**_electrical(now), **_rounded(counted)}, now.minute)
        yield _line(
            "battery",
            tags,
            {"soc_pct": now.soc_pct, "remaining_ah": round(now.soc_pct / 100.0 * now.capacity_ah, 2)},
            now.minute,
            1,
        )
        yield _line("battery", tags, _extremes(now), now.minute, 2)
        temperatures = {"temp_min_c": now.temp_min_c, "temp_max_c": now.temp_max_c}
        yield _line("battery", tags, temperatures, now.minute, 3)
        if now.minute % 10 == 0:
            yield _line("cells", tags, _cells(now), now.minute, 2)
        if now.minute % 60 == 0:
            yield _line("battery", tags, _health(pack, now), now.minute, 4)


def _electrical(now: Minute) -> Fields:
    return {
        "voltage_v": now.voltage_v,
        "current_a": now.current_a,
        "power_w": now.power_w,
        "charging": now.current_a > 0.0,
        "discharging": now.current_a < 0.0,
        "charge_enabled": now.soc_pct < 100.0,
        "discharge_enabled": True,
    }


def _count(counted: dict[str, float], now: Minute) -> None:
    """What has flowed by the end of this minute."""
    counted["charged_ah"] += max(0.0, now.current_a) / 60.0
    counted["discharged_ah"] += max(0.0, -now.current_a) / 60.0
    counted["charged_wh"] += max(0.0, now.power_w) / 60.0
    counted["discharged_wh"] += max(0.0, -now.power_w) / 60.0


def _rounded(counted: dict[str, float]) -> Fields:
    return {name: round(value, 6) for name, value in counted.items()}


def _extremes(now: Minute) -> Fields:
    cells_v = now.cells_v
    return {
        "cell_min_v": min(cells_v),
        "cell_max_v": max(cells_v),
        "cell_delta_v": now.cell_delta_v,
        "cell_min_index": float(cells_v.index(min(cells_v)) + 1),
        "cell_max_index": float(cells_v.index(max(cells_v)) + 1),
        "balancing": now.soc_pct >= 95.0,
    }


def _cells(now: Minute) -> Fields:
    step_c = (now.temp_max_c - now.temp_min_c) / (SENSOR_COUNT - 1)
    return {
        **{f"v{number:03d}": now.cells_v[number - 1] for number in range(1, CELL_COUNT + 1)},
        **{
            f"t{number + 1:03d}": round(now.temp_min_c + number * step_c, 1) for number in range(SENSOR_COUNT)
        },
    }


def _health(pack: Pack, now: Minute) -> Fields:
    return {
        "soh_pct": round(100.0 * now.capacity_ah / pack.capacity_ah, 3),
        "capacity_ah": now.capacity_ah,
        "cycles": round(200.0 + now.throughput_ah / pack.capacity_ah, 3),
        "insulation_kohm": insulation_kohm(pack, now.minute),
    }


def charger_power_w(vehicle: str) -> dict[int, float]:
    """Minute -> what the vehicle's charger gives, where it gives anything."""
    given_w: dict[int, float] = {}
    for pack in (pack for pack in PACKS if pack.vehicle == vehicle):
        for now in minutes(pack):
            if now.power_w > 0.0:
                given_w[now.minute] = given_w.get(now.minute, 0.0) + now.power_w / CHARGER_EFFICIENCY
    return {minute: round(power_w, 1) for minute, power_w in given_w.items()}


def _charger_lines(vehicle: str) -> Iterator[bytes]:
    tags = lineprotocol.tag_set({"vehicle": vehicle, "charger": "main", "source": "can0"})
    given_w, energy_wh = charger_power_w(vehicle), 0.0
    for minute in range(DAYS * DAY_MIN):
        power_w = given_w.get(minute, 0.0)
        if is_heard(vehicle, minute) and (power_w or minute % 30 == 0):
            energy_wh += power_w / 60.0
            fields = {
                "voltage_v": 390.0 if power_w else 0.0,
                "current_a": round(power_w / 390.0, 2),
                "power_w": power_w,
                "requested_voltage_v": 400.0 if power_w else 0.0,
                "requested_current_a": round(power_w / 390.0, 1),
                "max_voltage_v": 450.0,
                "max_current_a": 125.0,
                "energy_wh": round(energy_wh, 1),
                "phase": "bulk" if power_w else "idle",
                "temp_c": 45.0 if power_w else 20.0,
            }
            yield _line("charger", tags, fields, minute, 5)


def _gateway_lines(vehicle: str) -> Iterator[bytes]:
    whole = lineprotocol.tag_set({"vehicle": vehicle})
    for minute in range(0, DAYS * DAY_MIN, 10):
        if not is_heard(vehicle, minute):
            continue
        waits_s = oldest_s(vehicle, minute)
        made, waiting = minute * 600.0, waits_s * 10.0
        fields = {
            "points_made": made,
            "points_acknowledged": made - waiting,
            "points_waiting_memory": 0.0,
            "points_waiting_disk": waiting,
            "points_reduced": 0.0,
            "points_evicted": 0.0,
            "points_damaged": 0.0,
            "points_dead": 0.0,
            "spool_bytes": 65_536.0 + waiting * 6.0,
            "spool_oldest_s": waits_s,
            "spool_written_bytes_per_h": 230_000.0,
            "spool_syncs_per_h": 3_600.0,
            "spool_volatile": False,
            "sink_held": False,
            "frames_waiting": 0.0,
            "cpu_s": minute * 1.5,
            "memory_bytes": 57_000_000.0,
            "uptime_s": minute * 60.0,
        }
        yield _line("gateway", whole, fields, minute, 6)
        for source in SOURCES[vehicle]:
            tags = lineprotocol.tag_set({"vehicle": vehicle, "source": source})
            missed = lost(vehicle, source, minute)
            read = float(minute * FRAMES_PER_MIN)
            accounts = {
                "read": read,
                "decoded": read - missed["lost_queue_overflow"],
                "unknown": 0.0,
                "in_flight": 0.0,
                **{name: float(count) for name, count in missed.items()},
            }
            yield _line("gateway", tags, accounts, minute, 6)


def _event_lines() -> Iterator[bytes]:
    for happening in happenings():
        yield _event_line(happening, begins(happening.code, "begins", happening.source), 0)
        if happening.lasts_min:
            yield _event_line(
                happening, ends(happening.code, "is over", happening.source), happening.lasts_min
            )


def _event_line(happening: Happening, event: Event, after_min: int) -> bytes:
    tags = {
        "vehicle": happening.vehicle,
        "pack": happening.pack,
        "source": event.source,
        "code": event.code,
    }
    fields: Fields = {"level": float(event.level), "active": event.active, "text": event.text}
    return _line(EVENT.name, lineprotocol.tag_set(tags), fields, happening.minute + after_min, 7)
