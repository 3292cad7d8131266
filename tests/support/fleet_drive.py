"""The fleet's third vehicle: two mornings of a simulated van, through the gateway's own stages.

Its rows are as dense and as mixed as a drive's: a row of each message each second, current in and out of the
pack within every minute, two runs of the gateway. What is true of it is the plant's own account, tick by tick
(`firmware_sim`), and never what came out of the stages.

The same frames make the rows of two more vehicles, whose values are left out within the bounds of
docs/reduction.md, by each shape; and all rows there are, of UNREDUCED, which is no vehicle of the fleet.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from firmware_sim.ecus.bms import TICK_S, BmsState
from firmware_sim.ecus.messages import bms_messages, charger_messages
from firmware_sim.ecus.service_battery import ServiceSpec
from firmware_sim.plant.load import Profile
from firmware_sim.plant.pack import PackSpec
from firmware_sim.scenario import Charge, Drive, Scenario, Stand
from firmware_sim.simulation import Simulation
from firmware_sim.wire.broadcast import VEHICLE_DBC, Broadcast
from telemetry.charging.plan import charging_plan
from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.demo.gateway_config import MAP
from telemetry.model import point as lineprotocol
from telemetry.model.events import begins
from telemetry.model.events import line as event_line
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages

VEHICLE, PACK, SOURCE = "van-9", "main", "can0"
UNREDUCED = "van-9-whole"
SHAPES = {"van-9-line": "line", "van-9-hold": "hold"}
MORNINGS = (datetime(2026, 3, 28, 7, 30, tzinfo=UTC), datetime(2026, 3, 29, 7, 30, tzinfo=UTC))
MESSAGES = (
    "BMS_PackPower",
    "BMS_PackState",
    "BMS_Limits",
    "BMS_CellExtremes",
    "BMS_CellVoltages",
    "BMS_Temperatures",
    "BMS_Health",
    "CHG_Output",
    "CHG_State",
)
LOST_AFTER_S = 360  # of the first morning
LOST = {"kernel_dropped": 5700, "lost_queue_overflow": 37}
BEHIND_S = 95.0
READ_PER_S = 125
GATEWAY_EVERY_S = 10
RESTS_AFTER_S = 60.0
WEAK_CELL = 41  # counted from 1

_LEVELS = (b"battery,", b"charger,")
_SEED = 10
_SECOND_NS = 1_000_000_000
_BEGINS_NS = tuple(int(morning.timestamp()) * _SECOND_NS for morning in MORNINGS)
_BATCH_FRAMES = 4096
_NIGHTS = (-0.020, -0.024)  # what the weak cell lacks, of its charge, each morning
_PACKS = (
    PackSpec(start_soc_pct=24.0, start_temp_c=8.0, ambient_c=6.0),
    PackSpec(start_soc_pct=30.0, start_temp_c=9.0, ambient_c=6.0),
)
_DAY_1 = (
    Stand(60.0),
    Drive(300.0, Profile.URBAN),
    Drive(60.0, Profile.MOTORWAY),
    Stand(150.0),  # a whole minute at rest
    Charge(500.0, 75_000.0, 90.0),
    Stand(90.0),
)
_DAY_2 = (Stand(60.0), Drive(120.0, Profile.URBAN), Stand(90.0), Charge(150.0, 75_000.0, 90.0), Stand(90.0))


@dataclass(slots=True)
class Morning:
    """What the plant knows of one morning. Energy in Wh, charge in Ah."""

    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    charged_ah: float = 0.0
    least_soc_pct: float = 100.0
    least_delta_v: float = 5.0
    charging_s: float = 0.0  # at a charger, between 20 and 80 %
    lasts_s: float = 0.0


@dataclass(slots=True)
class Truth:
    """What the plant knows of both."""

    mornings: tuple[Morning, Morning] = field(default_factory=lambda: (Morning(), Morning()))
    soc_pct: float = 0.0
    capacities_ah: list[float] = field(default_factory=list)  # at the beginning and end of each
    lowest_cell_ticks: Counter[int] = field(default_factory=Counter)  # cells counted from 1
    charger_wh: float = 0.0
    charger_s: float = 0.0  # while it gave any
    coldest_charging_c: float = 100.0
    delta_at_rest_v: tuple[float, float] = (5.0, 0.0)  # least, most, once the cells have settled
    insulation_kohm: float = 1e9


@dataclass(frozen=True, slots=True)
class Driven:
    """Lines of `battery`, `charger` and `charging_session` by vehicle, and what is true."""

    lines: Mapping[str, tuple[bytes, ...]]
    truth: Truth


class _Watch:
    """Sees the plant of one morning tick by tick, and puts what its ECUs say through gateways' stages."""

    def __init__(self, truth: Truth, morning: Morning, begins_ns: int) -> None:
        self._truth = truth
        self._morning = morning
        self._begins_ns = begins_ns
        self._gateways = [_Gateway(vehicle, reduce) for vehicle, reduce in _reduced().items()]
        self._frames = FrameBatch(_BATCH_FRAMES)
        self._broadcast: Broadcast | None = None
        self._rests_s = RESTS_AFTER_S  # it stood all night

    def __call__(self, simulation: Simulation) -> None:
        if self._broadcast is None:
            values = {**bms_messages(simulation.bms), **charger_messages(simulation.charger)}
            self._broadcast = Broadcast({name: values[name] for name in MESSAGES})
        self._see(simulation)
        for at_ns, id, data in self._broadcast.frames_until(simulation.now_ns):
            self._frames.append(self._begins_ns + at_ns, id, data)
            if len(self._frames) == _BATCH_FRAMES:
                self._take()

    def _see(self, simulation: Simulation) -> None:
        truth, morning = self._truth, self._morning
        bms, pack, charger = simulation.bms, simulation.pack, simulation.charger
        delta_v = bms.cell_max_v - bms.cell_min_v
        morning.charged_ah += max(pack.current_a, 0.0) * TICK_S / 3600.0
        morning.least_soc_pct = min(morning.least_soc_pct, pack.soc_pct)
        morning.least_delta_v = min(morning.least_delta_v, delta_v)
        truth.lowest_cell_ticks[bms.cell_voltages_v.index(bms.cell_min_v) + 1] += 1
        truth.insulation_kohm = min(truth.insulation_kohm, bms.insulation_kohm)
        if bms.state is BmsState.CHARGE and pack.current_a > 0.5:
            truth.coldest_charging_c = min(truth.coldest_charging_c, bms.temp_min_c)
            morning.charging_s += TICK_S if 20.0 <= pack.soc_pct < 80.0 else 0.0
        if charger.power_w > 0.0:
            truth.charger_wh += charger.power_w * TICK_S / 3600.0
            truth.charger_s += TICK_S
        self._rests_s = self._rests_s + TICK_S if pack.current_a == 0.0 else 0.0
        if self._rests_s >= RESTS_AFTER_S:
            least_v, most_v = truth.delta_at_rest_v
            truth.delta_at_rest_v = (min(least_v, delta_v), max(most_v, delta_v))

    def _take(self) -> None:
        for gateway in self._gateways:
            gateway.take(self._frames)
        self._frames.clear()

    def finish(self, simulation: Simulation) -> Iterator[tuple[str, list[bytes]]]:
        """Switch the vehicle off; yield by vehicle what its gateway has written."""
        self._take()
        truth, end = simulation.truth(), self._morning
        end.charged_wh, end.discharged_wh = truth.energy_in_wh, truth.energy_out_wh
        end.lasts_s, self._truth.soc_pct = truth.duration_s, truth.soc_end_pct
        for gateway in self._gateways:
            yield gateway.vehicle, gateway.finish(self._begins_ns + simulation.now_ns)


def _reduced() -> dict[str, ReduceSettings]:
    """Return what each gateway leaves out; bounds: the page's table, and 0 of a number that is no measure."""
    page = (Path(__file__).parents[2] / "docs" / "reduction.md").read_text("utf-8")
    (table,) = re.findall(r"^```toml\n(\[reduce.bounds\]\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    bounds = tomllib.loads(table)["reduce"]["bounds"] | {"battery.cell_min_index": 0.0}
    shapes = {vehicle: ReduceSettings(shape=shape, bounds=bounds) for vehicle, shape in SHAPES.items()}
    return {VEHICLE: ReduceSettings(1.0, {}), UNREDUCED: ReduceSettings(), **shapes}


class _Gateway:
    """The stages of one run of a gateway, and what they have written."""

    def __init__(self, vehicle: str, reduce: ReduceSettings) -> None:
        self.vehicle = vehicle
        plan = build_plan([BusDatabases(SOURCE, (VEHICLE_DBC,))]).spec
        entries = [
            MapEntry(f"{message}.{signal}", to, charger=PACK if to.startswith("charger.") else None)
            for message, signal, to in MAP
            if message in MESSAGES and to != "charger.phase"
        ]
        modelled = model(entries, (), plan, Counting()).map
        assert modelled is not None
        followed = ChargingSettings(sessions=(SessionSettings(charger=PACK),))
        charging = charging_plan(plan.buses, (*plan.records, *modelled.records), (), followed)
        self._stages = Stages(plan, modelled, vehicle=vehicle, reduce=reduce, charging=charging)
        self._stages.bind(0, Binding(0, SOURCE, SOURCE))
        self._lines, self._written = LineBuffer(), bytearray()

    def take(self, frames: FrameBatch) -> None:
        self._stages.process(frames, self._lines)
        self._written += self._lines.take()

    def finish(self, end_ns: int) -> list[bytes]:
        """Return all lines of what the fleet has of it, each row whole, as a server merges its parts.

        Of a session the last one, which has every field.
        """
        self._stages.writing.finish(self._lines, end_ns)
        self._stages.writing.flush(self._lines)
        self._written += self._lines.take()
        lines = bytes(self._written).splitlines()
        ended = [line for line in lines if line.startswith(b"charging_session,") and b"open=false" in line]
        rows: dict[tuple[bytes, bytes], list[bytes]] = {}
        for series, fields, stamp in (line.split(b" ") for line in lines if line[:8] in _LEVELS):
            rows.setdefault((series, stamp), []).append(fields)
        return [
            b" ".join((series, b",".join(parts), stamp)) for (series, stamp), parts in rows.items()
        ] + ended


@cache
def driven() -> Driven:
    """Both mornings."""
    truth = Truth()
    lines: dict[str, list[bytes]] = {}
    for day, begins_ns in enumerate(_BEGINS_NS):
        scenario = Scenario("morning", "", begins_ns, _PACKS[day], ServiceSpec(), (_DAY_1, _DAY_2)[day], ())
        watch = _Watch(truth, truth.mornings[day], begins_ns)
        simulation = Simulation(scenario, _SEED, observe=watch)
        simulation.pack.shift_charge(WEAK_CELL - 1, _NIGHTS[day])
        truth.capacities_ah.append(simulation.pack.capacity_ah)
        for _ in simulation.ticks():
            pass
        truth.capacities_ah.append(simulation.pack.capacity_ah)
        for vehicle, written in watch.finish(simulation):
            lines.setdefault(vehicle, []).extend(written)
    return Driven({vehicle: tuple(written) for vehicle, written in lines.items()}, truth)


def drive_lines() -> Iterator[bytes]:
    """Yield all points of the vehicle and of the two others, its gateway's and its one alarm among them."""
    truth = driven().truth
    for vehicle in (VEHICLE, *SHAPES):
        yield from driven().lines[vehicle]
    whole = {"vehicle": VEHICLE}
    of_source = {**whole, "source": SOURCE}
    for day, (morning, begins_ns) in enumerate(zip(truth.mornings, _BEGINS_NS, strict=True)):
        for after_s in range(0, round(morning.lasts_s), GATEWAY_EVERY_S):
            time_ns = begins_ns + after_s * _SECOND_NS
            behind = {"spool_oldest_s": BEHIND_S if after_s == LOST_AFTER_S else 0.0}
            yield lineprotocol.line("gateway", whole, {"uptime_s": float(after_s), **behind}, time_ns)
            is_lost = day > 0 or after_s >= LOST_AFTER_S
            # A gateway that writes no 0 where it begins to count: there is nothing before the first loss.
            lost = {name: float(count) for name, count in LOST.items()} if is_lost else {}
            accounts = {"read": float(READ_PER_S * after_s), **lost}
            yield lineprotocol.line("gateway", of_source, accounts, time_ns)
    yield event_line(begins("cell_imbalance", "a cell is low", SOURCE), VEHICLE, _BEGINS_NS[0])
