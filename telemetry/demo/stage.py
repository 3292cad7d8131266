"""The demonstration from the first process to the last: what is started, what waits, what is stopped.

Promises: everything but the picture lives in one temporary folder and in child processes of this one. Both
are gone at the end, also after an error or a Ctrl-C.
"""

import contextlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from firmware_sim.links.player import SimulatedClock
from firmware_sim.scenario import find_scenario, load_scenario
from telemetry.charging.session import Session
from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.demo.children import Child, ticks
from telemetry.demo.display import Display, Status, bar, live_lines
from telemetry.demo.gateway_config import SERIAL_DEVICES, SOURCE, expected_points, stored_points
from telemetry.demo.measured import quantities
from telemetry.demo.picture import draw_run
from telemetry.demo.plug import (
    CHARGER,
    PLUG,
    PROTOCOL,
    PlugTruth,
    session_table,
    simulate,
    write_report,
)
from telemetry.demo.rig import Rig
from telemetry.demo.server import start_influxdb1
from telemetry.demo.stored import InfluxReadback, Readback, SpoolReadback
from telemetry.demo.verdict import Outcome, SimulatorReport, faults, render, undecoded
from telemetry.errors import MissingPackageError, UnavailableError
from telemetry.ledger import Counters, imbalances, total
from telemetry.overview.stored_sessions import StoredSessions
from telemetry.ownership import cache_folder
from telemetry.picture.sheet import require_matplotlib
from telemetry.settings.table import TomlTable
from telemetry.sinks.address import checked_url

OWN_BUCKET = "nev-telemetry-demo"
_STANDSTILL_S = 20.0  # without a point acknowledged, after the last frame: no more will be
_DATABASE_NICENESS = 5  # a database that works hard must not delay the simulator
_LIVE_EVERY_S = 0.5
_FOR_EVER_S = 30.0 * 365.0 * 86_400.0
_NS_PER_S = 1_000_000_000
_CHARGE_BEGAN_S = 45 * 60  # ago, so that it ended before now
# Nothing listens there: the gateway keeps everything in its spool.
_NO_SERVER = {"url": "http://127.0.0.1:9", "api": "v1", "database": "nev"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may choose."""

    scenario: str
    time_scale: float
    seed: int
    plot: Path | None  # None: no picture
    stay: bool
    bucket: str = ""  # of the server that the environment names; empty: the demonstration's own


def named_server(environment: Mapping[str, str], bucket: str = "") -> Mapping[str, str | bool] | None:
    """Return the keys of [influx] for the server that the environment names; None: it names none.

    What INFLUXDB_V2_BUCKET names holds somebody's data: only `bucket` can mean it. Raises ConfigError.
    """
    url = environment.get("INFLUXDB_V2_URL")
    if not url:
        return None
    checked_url(url, "INFLUXDB_V2_URL", instead="give a token in INFLUXDB_V2_TOKEN")
    return {"bucket": bucket} if bucket else {"bucket": OWN_BUCKET, "create": True}


def perform(options: Options, environment: Mapping[str, str], display: Display, clock: Clock) -> bool:
    """Run it and print the report; return whether all was as it should be.

    Raises TelemetryError when something could not be started or ended before its time.
    """
    with tempfile.TemporaryDirectory(prefix="nev-demo-") as folder, contextlib.ExitStack() as stack:
        stage = _Stage(options, Path(folder), stack, display, clock)
        influx = stage.find_database(environment)
        is_good = stage.perform(influx)
        if options.stay:
            stage.stay(influx)
        return is_good


class _Stage:
    """The parts of one demonstration. `stack` ends what was started, in the reverse order."""

    def __init__(
        self, options: Options, folder: Path, stack: contextlib.ExitStack, display: Display, clock: Clock
    ) -> None:
        scenario = find_scenario(options.scenario)
        self._options = options
        self._scenario = load_scenario(scenario, TomlTable.load)
        self._folder = folder
        self._stack = stack
        self._display = display
        self._clock = clock
        self._vehicle = f"demo-{clock.unix_ns() // _NS_PER_S}"
        self._rig = Rig(folder, scenario, options.seed, self._vehicle, clock)

    def find_database(self, environment: Mapping[str, str]) -> Mapping[str, str | bool] | None:
        """Return the keys of [influx]; None: there is no server, and none could be started."""
        if (named := named_server(environment, self._options.bucket)) is not None:
            url = environment["INFLUXDB_V2_URL"]
            self._display.note(f"database   {url}, as INFLUXDB_V2_URL says, bucket {named['bucket']}")
            return named
        cache = cache_folder()
        if not (cache / "debian" / "influxdb").exists():
            self._display.note("database   fetching Debian's influxdb (once, 20 MB or so) ...")
        try:
            server = self._stack.enter_context(
                start_influxdb1(self._folder, cache, self._clock, niceness=_DATABASE_NICENESS)
            )
        except UnavailableError as error:
            self._display.note(f"database   none: {error}")
            self._display.note("           the points will be read back from the gateway's spool instead")
            return None
        self._display.note(f"database   InfluxDB 1 of Debian at {server.url}, data in {self._folder}")
        return {"url": server.url, "api": "v1", "database": "nev"}

    def perform(self, influx: Mapping[str, str | bool] | None) -> bool:
        """Play the scenario once, and report. influx: as `find_database` gives it."""
        self._display.live(["simulating a DC charge ..."], 0.0)
        began_ns = self._clock.unix_ns() - _CHARGE_BEGAN_S * _NS_PER_S
        plug = simulate(self._folder, self._options.seed, began_ns, self._scenario.planned_s)
        time = self._fast_clock()
        charge = self._replayed(plug, time)
        self._rig.configure(time, _NO_SERVER if influx is None else influx, web="off", charge=charge)
        self._introduce(time)
        with contextlib.ExitStack() as processes:
            simulator, gateway = self._rig.start(processes, time)
            started_s = self._clock.monotonic_s()
            self._watch(simulator, gateway, time)
            wall_s = self._clock.monotonic_s() - started_s
            truth = SimulatorReport.from_report(json.loads(self._rig.report.read_text("utf-8")))
            status = self._settle(gateway, truth, plug, delivered=influx is not None)
            gateway.stop()
            gateway.check()
        with contextlib.ExitStack() as readers:
            readback, stored = self._readback(influx, readers)
            sessions = [stored.completed(session) for session in stored.found(vehicle=self._vehicle)]
            self._display.live([f"reading it back from {readback.name} ..."], 0.0)
            outcome = Outcome(
                truth=truth,
                quantities=quantities(truth.plant, truth.span_ns, readback),
                stored={
                    measurement: stored_points(measurement, readback.field_counts(measurement, SOURCE))
                    for measurement in expected_points(truth.frames)
                },
                serial_stored={
                    device.name: sum(
                        readback.field_counts(measurement, device.name).get(field, 0)
                        for measurement, field in device.messages
                    )
                    for device in SERIAL_DEVICES
                },
                accounts=status["accounts"],
                incomplete_cycles=round(status["gauges"]["incomplete_cycles"]),
                waiting_points=_waiting_points(status),
                gateway_s=time.scale * status["gauges"]["uptime_s"],
                delivered=influx is not None,
                plug=plug,
                sessions=sessions,
            )
            self._display.note("\n" + render(outcome, database=readback.name, wall_s=wall_s))
            self._draw(readback, truth)
        self._show_charge(sessions)
        return not faults(outcome)

    def _replayed(self, plug: PlugTruth, time: SimulatedClock) -> Mapping[str, object]:
        """Return the keys of [[replay]]: at a speed at which the charge is over before the scenario is."""
        return {
            "name": PLUG,
            "file": str(plug.log),
            "speed": plug.speed(self._scenario.planned_s / time.scale),
            "protocol": PROTOCOL,
            "charger": CHARGER,
        }

    def _show_charge(self, sessions: Sequence[Session]) -> None:
        self._display.note("charges    as `nev-telemetry sessions` lists them:")
        self._display.note(session_table(sessions))
        picture = self._options.plot
        if picture is not None and sessions:
            report = picture.with_suffix(".html")
            write_report(sessions[0], report)
            self._display.note(f"report     {report.resolve()}")

    def stay(self, influx: Mapping[str, str | bool] | None) -> None:
        """Run the scenario again and again, by the machine's own clock, until a KeyboardInterrupt."""
        now_ns = self._clock.unix_ns()
        time = SimulatedClock(1.0, now_ns, now_ns)
        self._rig.configure(time, _NO_SERVER if influx is None else influx, web="127.0.0.1:0")
        with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as processes:
            simulator, gateway = self._rig.start(processes, time, _FOR_EVER_S)
            self._display.note("the vehicle goes on, by the clock now, until Ctrl-C:")
            self._display.note(f"  page      {self._rig.web_address(gateway)}")
            if influx is not None:
                address = load_config(self._rig.config).sink.address
                database = influx.get("database") or str(influx["bucket"]).partition("/")[0]
                self._display.note(f"  InfluxDB  {address}, database {database}, vehicle {self._vehicle}")
            self._watch(simulator, gateway, time)

    def _fast_clock(self) -> SimulatedClock:
        """Return a clock that begins so much earlier that the run's points end about now."""
        scale = self._options.time_scale
        now_ns = self._clock.unix_ns()
        origin_ns = now_ns - round(self._scenario.planned_s + 5.0 * scale) * _NS_PER_S
        return SimulatedClock(scale, origin_ns, now_ns)

    def _introduce(self, time: SimulatedClock) -> None:
        kind, bus = next(iter(self._rig.bus.items()))
        self._display.note(f"simulator  a vehicle ({self._scenario.name}), {time.scale:g} x real time:")
        self._display.note(f"           a battery of 96 cells and a charger on {kind} {bus},")
        self._display.note(
            "           a service battery (JBD) and a solar charger (VE.Direct) on serial ports"
        )
        self._display.note("           a DC charge (GB/T 27930) with one reconnect, replayed from a log")
        self._display.note("gateway    nev-telemetry run gateway.toml")

    def _readback(
        self, influx: Mapping[str, str | bool] | None, readers: contextlib.ExitStack
    ) -> tuple[Readback, StoredSessions]:
        if influx is None:
            spool = SpoolReadback(self._rig.spool, self._clock)
            return spool, StoredSessions(spool)
        tables = load_config(self._rig.config).sink.make_tables(self._clock)
        readback = InfluxReadback(tables, self._vehicle)
        readers.enter_context(contextlib.closing(readback))
        return readback, StoredSessions(readback.tables)

    def _draw(self, readback: Readback, truth: SimulatorReport) -> None:
        file = self._options.plot
        if file is None:
            return
        try:
            require_matplotlib("demo")
        except MissingPackageError as error:
            self._display.note(f"no picture: {error}")
            return
        title = (
            f"{self._scenario.name}: {truth.duration_s / 60.0:.0f} minutes, read back from {readback.name}"
        )
        draw_run(readback, truth.span_ns, title, file)
        self._display.note(f"picture    {file.resolve()}")

    # -- while it runs

    def _watch(self, simulator: Child, gateway: Child, time: SimulatedClock) -> None:
        """Show live values until the simulator is through."""
        next_s = 0.0
        self._display.begin()
        for elapsed_s in ticks(self._clock):
            gateway.check()
            if not simulator.running:
                simulator.check()
                return
            if elapsed_s >= next_s:
                next_s = elapsed_s + _LIVE_EVERY_S
                status = self._rig.status()
                if status is not None:
                    self._display.live(live_lines(status, self._head(elapsed_s, time), time.scale), elapsed_s)

    def _head(self, elapsed_s: float, time: SimulatedClock) -> str:
        simulated = datetime.fromtimestamp(time.simulated_at(self._clock.unix_ns()) / _NS_PER_S, UTC)
        share = elapsed_s * time.scale / self._scenario.planned_s
        return f"{bar(share)}  {simulated:%H:%M:%S}"

    def _settle(self, gateway: Child, truth: SimulatorReport, plug: PlugTruth, *, delivered: bool) -> Status:
        """Return what the gateway says once all is read and, with a database, acknowledged.

        Or as they are when nothing has moved for _STANDSTILL_S: the report will show what is missing.
        """
        last: Status = {"accounts": {}, "gauges": {}}
        moved_s = 0.0
        for elapsed_s in ticks(self._clock):
            gateway.check()
            status = self._rig.status()
            if status is not None:
                if progress(status["accounts"]) != progress(last["accounts"]):
                    moved_s = elapsed_s
                last = status
                if _is_settled(status, truth, plug, delivered=delivered):
                    break
                waiting = f"waiting for the last points: {_waiting_points(status):,}"
                self._display.live([waiting], elapsed_s)
            if elapsed_s - moved_s > _STANDSTILL_S:
                break
        if not last["gauges"]:
            raise UnavailableError("no longer reports its status", where=gateway.name)
        return last


def _is_settled(status: Status, truth: SimulatorReport, plug: PlugTruth, *, delivered: bool) -> bool:
    accounts, waiting_points = status["accounts"], _waiting_points(status)
    all_read = (
        accounts.get(f"bus/{SOURCE}/read", 0) >= truth.frames_sent
        and accounts.get(f"bus/{PLUG}/read", 0) >= plug.frames
        and not any(undecoded(truth, accounts, device) for device in SERIAL_DEVICES)
    )
    balanced = not list(imbalances(accounts, waiting_points, {}))
    return all_read and balanced and not (delivered and waiting_points)


def progress(accounts: Counters) -> tuple[int, int]:
    """Return what grows while frames are read and their points are acknowledged.

    The points that a gateway makes of itself never end, and are no progress.
    """
    read = sum(accounts.get(f"bus/{source}/read", 0) for source in (SOURCE, PLUG))
    of_frames = total(accounts, "points/made/") - accounts.get("points/made/gateway", 0)
    return read, min(accounts.get("points/acknowledged", 0), of_frames)


def _waiting_points(status: Status) -> int:
    gauges: Mapping[str, float] = status["gauges"]
    return round(gauges["points_waiting_memory"] + gauges["points_waiting_disk"])
