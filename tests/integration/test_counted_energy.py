"""What the service counts agrees with what the simulated batteries know of themselves."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from firmware_sim.ecus.bms import TICK_S
from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.scenario import load_scenario
from firmware_sim.simulation import Simulation
from firmware_sim.wire.broadcast import VEHICLE_DBC
from firmware_sim.wire.jbd import JbdLine
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.serial.jbd import BASIC, request
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.resolve import model
from telemetry.settings.table import TomlTable
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.lineprotocol import Number, parse_line
from tests.support.queries_page import flux_rows, questions
from tests.support.serial_rig import SETTINGS
from tests.support.servers import Database, DatabaseServer

SECOND = 1_000_000_000
BEGIN_NS = 1_772_436_600 * SECOND
NAMES = ("charged_ah", "discharged_ah", "charged_wh", "discharged_wh")
SCENARIO = """\
starts_at = "2026-03-02T07:30:00Z"
[pack]
start_soc_pct = 50.0
start_temp_c = 25.0
[[phase]]
do = "drive"
road = "urban"
duration_s = 60.0
[[phase]]
do = "charge"
max_power_kw = 60.0
until_soc_pct = 50.2
duration_s = 300.0
[[phase]]
do = "stand"
duration_s = 5.0
"""
ENTRIES = (
    MapEntry("BMS_PackPower.PackVoltage", "battery.voltage_v"),
    MapEntry("BMS_PackPower.PackCurrent", "battery.current_a"),
)


class Moved:
    """Charge of one pack by its own current in each tick, Ah."""

    def __init__(self) -> None:
        self.into_ah = self.out_of_ah = 0.0

    def take(self, current_a: float) -> None:
        self.into_ah += max(current_a, 0.0) * TICK_S / 3600.0
        self.out_of_ah -= min(current_a, 0.0) * TICK_S / 3600.0


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "short.toml"
    file.write_text(SCENARIO, "ascii")
    return file


def stages_of(
    plan: PlanSpec, entries: tuple[MapEntry, ...], counting: Counting, every_s: float = 0.0
) -> Stages:
    modelling = model(entries, (), plan, counting)
    stages = Stages(plan, modelling.map, vehicle="van", reduce=ReduceSettings(every_s, {}))
    stages.bind(0, Binding(0, "it", "it"))
    return stages


def bus_stages(every_s: float = 0.0) -> Stages:
    plan = build_plan([BusDatabases("it", (VEHICLE_DBC,))]).spec
    return stages_of(plan, ENTRIES, Counting(), every_s)


def counted(written: bytes) -> dict[str, float]:
    """Return the newest value of each counter, and check that they only grew."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for text in written.splitlines():
        if text.startswith(b"battery,"):
            for name, value in parse_line(text).fields.items():
                if name in found:
                    assert isinstance(value, Number)
                    found[name].append(float(value))
    assert all(before <= after for values in found.values() for before, after in pairwise(values))
    return {name: values[-1] for name, values in found.items()}


def through(stages: Stages, simulation: Simulation, *, batch_frames: int = 4096) -> bytes:
    """Return what the stages make of all frames of the simulation."""
    frames, lines, written = FrameBatch(batch_frames), LineBuffer(), b""
    for at_ns, id, data in simulation.frames():
        frames.append(BEGIN_NS + at_ns, id, data)
        if len(frames) == batch_frames:
            stages.process(frames, lines)
            frames.clear()
            written += lines.take()
    stages.process(frames, lines)
    stages.writing.flush(lines)
    return written + lines.take()


def test_a_bms_on_a_bus_is_counted_as_by_the_pack_itself_within_the_signals_resolution(
    scenario: Path,
) -> None:
    moved = Moved()
    simulation = Simulation(
        load_scenario(scenario, TomlTable.load),
        1,
        observe=lambda simulation: moved.take(simulation.pack.current_a),
    )
    counters = counted(through(bus_stages(), simulation))
    truth = simulation.truth()
    assert truth.energy_in_wh > 100.0
    assert truth.energy_out_wh > 40.0
    # Half a step of PackCurrent all the time, at less than 400 V; what is lost where it changes is less.
    off_ah = 0.025 * truth.duration_s / 3600.0
    assert counters["charged_wh"] == pytest.approx(truth.energy_in_wh, abs=400.0 * off_ah)
    assert counters["discharged_wh"] == pytest.approx(truth.energy_out_wh, abs=400.0 * off_ah)
    assert counters["charged_ah"] == pytest.approx(moved.into_ah, abs=off_ah)
    assert counters["discharged_ah"] == pytest.approx(moved.out_of_ah, abs=off_ah)


def test_batches_make_no_difference_and_reducing_keeps_the_last_of_each_interval(scenario: Path) -> None:
    def whole(batch_frames: int, every_s: float = 0.0) -> bytes:
        simulation = Simulation(load_scenario(scenario, TomlTable.load), 1, duration_s=30.0)
        return through(bus_stages(every_s), simulation, batch_frames=batch_frames)

    assert whole(7) == whole(4096)
    assert counted(whole(4096, 10.0)) == counted(whole(4096))


def test_a_jbd_that_is_asked_each_second_is_counted_within_a_hundredth_of_the_batterys_own_energy() -> None:
    entries = tuple(SETTINGS.map_entries())
    counting = Counting({"bms": SETTINGS.count_gap_ns})
    stages = stages_of(SETTINGS.extended(PlanSpec((), ())), entries, counting)
    battery, moved = ServiceBattery(ServiceSpec(solar_peak_w=150.0), 3), Moved()
    device, framer = JbdLine(battery.bms.readings), PROTOCOLS["jbd"].make_framer()
    frames, lines = FrameBatch(4096), LineBuffer()
    ticks_a_second = round(1 / TICK_S)
    for tick in range(3600 * ticks_a_second):
        if tick % ticks_a_second == 0:
            (reply,) = device.feed(request(BASIC))
            framer.feed(reply, BEGIN_NS + tick // ticks_a_second * SECOND, frames)
        battery.tick(TICK_S)
        moved.take(battery.pack.current_a)
    stages.process(frames, lines)
    counters = counted(lines.take())
    assert battery.pack.energy_in_wh > 10.0
    assert battery.pack.energy_out_wh > 10.0
    assert counters["charged_wh"] == pytest.approx(battery.pack.energy_in_wh, rel=0.01)
    assert counters["discharged_wh"] == pytest.approx(battery.pack.energy_out_wh, rel=0.01)
    assert counters["charged_ah"] == pytest.approx(moved.into_ah, rel=0.01)
    assert counters["discharged_ah"] == pytest.approx(moved.out_of_ah, rel=0.01)


ENERGY_IN = next(question for question in questions() if question.number == 3)

# Written before and after a restart: 5 Wh, and 3 Wh more.
RESTARTED = ((60, 0.0), (50, 2.0), (40, 5.0), (30, 0.0), (20, 1.0), (10, 3.0))


def write_counters(database: Database, now: datetime) -> None:
    now_ns = int(now.timestamp()) * SECOND
    lines = [
        b"battery,vehicle=van,pack=main,source=it charged_wh=%f %d" % (wh, now_ns - minutes * 60 * SECOND)
        for minutes, wh in RESTARTED
    ]
    path, scope = "/write", {"db": database.name}
    if database.server.kind == "influxdb2":
        path, scope = "/api/v2/write", {"org": database.server.org, "bucket": database.name}
    assert database.server.request("POST", path, b"\n".join(lines), **scope).status == 204


@pytest.mark.server("influxdb2")
def test_the_pages_flux_adds_up_counters_over_a_restart(influxdb2: DatabaseServer) -> None:
    database, now = influxdb2.fresh_database(), datetime.now(UTC)
    write_counters(database, now)
    query = ENERGY_IN.flux.replace('"fleet"', f'"{database.name}"')
    found_kwh = [float(row["_value"]) for row in flux_rows(database, query, now)]
    assert sum(found_kwh) == pytest.approx(0.008)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.server(kind)) for kind in ("influxdb2", "influxdb1")]
)
def test_the_pages_influxql_adds_up_counters_over_a_restart(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    database = server.fresh_database()
    write_counters(database, datetime.now(UTC))
    (series,) = database.query(ENERGY_IN.influxql)["series"]
    assert series["tags"] == {"vehicle": "van", "pack": "main"}
    assert sum(value for _, value in series["values"]) == pytest.approx(0.008)
