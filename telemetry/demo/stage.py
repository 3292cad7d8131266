"""The demonstration from the first process to the last: who is started, who waits for whom, who is stopped.

Promises: everything lives in one temporary folder and in child processes of this one, and both are gone at
the end, after an error or a Ctrl-C too; frames begin only when the gateway listens, so that every one counts.
"""

import contextlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware_sim.broadcast import VEHICLE_DBC
from firmware_sim.player import SimulatedClock
from firmware_sim.scenario import find_scenario, load_scenario
from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.debian_package import cache_folder
from telemetry.demo.children import Child
from telemetry.demo.gateway_config import SOURCE, expected_points, gateway_config, stored_points
from telemetry.demo.readback import InfluxReadback, Readback
from telemetry.demo.report import render
from telemetry.demo.screen import Screen, bar
from telemetry.demo.spool_readback import SpoolReadback
from telemetry.demo.verdict import Outcome, Truth, faults
from telemetry.demo_server import start_influxdb1
from telemetry.errors import UnavailableError
from telemetry.ledger import imbalances
from telemetry.status import query_status

_VCAN = "vcan0"
_START_S = 30.0  # for a process to be ready
_STANDSTILL_S = 20.0  # without a point acknowledged, after the last frame: no more will be
_POLL_S = 0.1
_DATABASE_NICENESS = 5  # a database that works hard must not delay the simulator
_LIVE_EVERY_S = 0.5
# Nothing listens there: the gateway keeps everything in its spool.
_NO_SERVER = {"url": "http://127.0.0.1:9", "api": "v1", "database": "nev"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may choose."""

    scenario: str
    time_scale: float
    seed: int


def perform(options: Options, environment: Mapping[str, str], screen: Screen, clock: Clock) -> bool:
    """Run it and print the report; whether all was as it should be.

    Raises TelemetryError when something could not be started or ended before its time.
    """
    with tempfile.TemporaryDirectory(prefix="nev-demo-") as folder, contextlib.ExitStack() as stack:
        stage = _Stage(options, Path(folder), stack, screen, clock)
        return stage.perform(stage.find_database(environment))


class _Stage:
    """The parts of one demonstration. `stack` ends what was started, in the reverse order."""

    def __init__(
        self, options: Options, folder: Path, stack: contextlib.ExitStack, screen: Screen, clock: Clock
    ) -> None:
        self._options = options
        self._scenario = load_scenario(find_scenario(options.scenario))
        self._folder = folder
        self._stack = stack
        self._screen = screen
        self._clock = clock
        self._spool = folder / "spool"
        self._config = folder / "gateway.toml"
        self._report = folder / "plant.json"
        self._bus = {"interface": _VCAN} if _has_vcan() else {"socket": str(folder / "bus")}
        self._vehicle = f"demo-{clock.unix_ns() // 1_000_000_000}"
        # The run's points shall end about now: its simulated time begins that much earlier.
        now_ns = clock.unix_ns()
        planned_s = sum(phase.duration_s for phase in self._scenario.phases)
        origin_ns = now_ns - round(planned_s + 5.0 * options.time_scale) * 1_000_000_000
        self._time = SimulatedClock(options.time_scale, origin_ns, now_ns)
        self._planned_s = planned_s

    def find_database(self, environment: Mapping[str, str]) -> Mapping[str, str] | None:
        """The keys of [influx]; None: there is no server, and none could be had."""
        if environment.get("INFLUXDB_V2_URL"):
            self._screen.note(f"database   {environment['INFLUXDB_V2_URL']}, as INFLUXDB_V2_URL says")
            return {}
        cache = cache_folder()
        if not (cache / "debian" / "influxdb").exists():
            self._screen.note("database   fetching Debian's influxdb (once, 20 MB or so) ...")
        try:
            server = self._stack.enter_context(
                start_influxdb1(self._folder, cache, self._clock, niceness=_DATABASE_NICENESS)
            )
        except UnavailableError as error:
            self._screen.note(f"database   none: {error}")
            self._screen.note("           the points will be read back from the gateway's spool instead")
            return None
        self._screen.note(f"database   InfluxDB 1 of Debian at {server.url}, data in {self._folder}")
        return {"url": server.url, "api": "v1", "database": "nev"}

    def perform(self, influx: Mapping[str, str] | None) -> bool:
        """Everything after the database."""
        self._write_config(_NO_SERVER if influx is None else influx)
        simulator, gateway = self._start()
        started_s = self._clock.monotonic_s()
        with contextlib.ExitStack() as readers:
            reader = (
                readers.enter_context(contextlib.closing(self._influx_readback()))
                if influx is not None
                else None
            )
            self._watch(simulator, gateway, reader)
            wall_s = self._clock.monotonic_s() - started_s
            truth = Truth.from_report(json.loads(self._report.read_text("utf-8")))
            accounts, waiting_points = self._settle(gateway, truth, delivered=reader is not None)
            gateway.stop()
            gateway.check()
            readback: Readback = reader or SpoolReadback(self._spool, self._clock)
            outcome = Outcome(
                truth=truth,
                measured=readback.measured(),
                stored=_stored(readback, truth),
                accounts=accounts,
                waiting_points=waiting_points,
                delivered=reader is not None,
            )
        self._screen.note("\n" + render(outcome, database=readback.name, wall_s=wall_s))
        return not faults(outcome)

    def _write_config(self, influx: Mapping[str, str]) -> None:
        text = gateway_config(
            vehicle=self._vehicle,
            database=VEHICLE_DBC,
            bus=self._bus,
            time=self._time,
            influx={**influx, "create": True},
        )
        self._config.write_text(text, "utf-8")

    def _influx_readback(self) -> InfluxReadback:
        return InfluxReadback(load_config(self._config).influx, self._vehicle, self._clock)

    # -- processes

    def _start(self) -> tuple[Child, Child]:
        """Simulator and gateway, both ready. On a socket the simulator waits; a bus waits for nobody."""
        if "socket" in self._bus:
            simulator = self._start_simulator("--socket", self._bus["socket"])
            self._wait_until(Path(self._bus["socket"]).exists, simulator)
            return simulator, self._start_gateway()
        gateway = self._start_gateway()
        self._wait_until(lambda: self._source_state() == "receiving", gateway)
        return self._start_simulator("--can", self._bus["interface"]), gateway

    def _start_simulator(self, *link: str) -> Child:
        self._screen.note(
            f"simulator  a 96-cell vehicle ({self._scenario.name}), {self._time.scale:g} x real time,"
            f" on {' '.join(link).lstrip('-')}"
        )
        arguments = {
            "--time-scale": self._time.scale,
            "--time-origin": self._time.origin_ns,
            "--time-wall": self._time.wall_ns,
            "--seed": self._options.seed,
            "--report": self._report,
        }
        words = [str(word) for pair in arguments.items() for word in pair]
        scenario = str(find_scenario(self._options.scenario).resolve())
        simulator = Child.start("simulator", self._folder, "sim", scenario, *link, *words)
        simulator.hurry()  # its pace is the time that its frames tell
        return self._stack.enter_context(simulator)

    def _start_gateway(self) -> Child:
        self._screen.note("gateway    nev-telemetry run gateway.toml")
        return self._stack.enter_context(Child.start("gateway", self._folder, "run", str(self._config)))

    def _wait_until(self, ready: Callable[[], bool], child: Child) -> None:
        for _ in self._ticks(_START_S):
            if ready():
                return
            child.check()
        raise UnavailableError(f"is not ready after {_START_S:.0f} s: {child.last_words}", where=child.name)

    def _ticks(self, limit_s: float = float("inf")) -> Iterator[float]:
        """Seconds passed, now and then, until `limit_s`."""
        never = threading.Event()
        started_s = self._clock.monotonic_s()
        while (elapsed_s := self._clock.monotonic_s() - started_s) < limit_s:
            yield elapsed_s
            self._clock.wait(never, _POLL_S)

    # -- while it runs

    def _status(self) -> dict[str, Any] | None:
        """What the gateway says of itself; None: nothing yet."""
        try:
            return query_status(self._spool)
        except UnavailableError:
            return None

    def _source_state(self) -> str:
        status = self._status()
        return "" if status is None else str(status["state"].get(f"source/{SOURCE}", ""))

    def _watch(self, simulator: Child, gateway: Child, reader: InfluxReadback | None) -> None:
        """Show live values until the simulator is through."""
        next_s = 0.0
        for elapsed_s in self._ticks():
            gateway.check()
            if not simulator.running:
                simulator.check()
                return
            if elapsed_s >= next_s:
                next_s = elapsed_s + _LIVE_EVERY_S
                self._screen.live(self._live_line(elapsed_s, reader), elapsed_s)

    def _live_line(self, elapsed_s: float, reader: InfluxReadback | None) -> str:
        status = self._status()
        accounts = {} if status is None else status["accounts"]
        simulated = datetime.fromtimestamp(self._time.simulated_at(self._clock.unix_ns()) / 1e9, UTC)
        parts = [
            bar(elapsed_s * self._time.scale / self._planned_s),
            f"{simulated:%H:%M:%S}",
            f"{accounts.get(f'bus/{SOURCE}/read', 0):,} frames",
        ]
        if reader is not None:
            parts.append(f"{accounts.get('points/acknowledged', 0):,} points stored")
            # The gateway makes the database with its first batch; before it there is nothing to ask for.
            live = reader.live() if accounts.get("points/acknowledged") else None
            if live is not None:
                parts.append(f"{live.soc_pct:.2f} %  {live.power_w / 1000.0:+.1f} kW")
                parts.append(f"cells {live.cell_min_v:.3f}-{live.cell_max_v:.3f} V")
        return "  ".join(parts)

    def _settle(self, gateway: Child, truth: Truth, *, delivered: bool) -> tuple[Mapping[str, int], int]:
        """The accounts and the waiting points once all is read and, with a database, acknowledged.

        Or as they are when nothing has moved for _STANDSTILL_S: the report will tell what is missing.
        """
        accounts: Mapping[str, int] = {}
        waiting_points, moved_s = 0, 0.0
        for elapsed_s in self._ticks():
            gateway.check()
            status = self._status()
            if status is not None:
                if _progress(status["accounts"]) != _progress(accounts):
                    moved_s = elapsed_s
                accounts, waiting_points = status["accounts"], _waiting_points(status["gauges"])
                all_read = accounts.get(f"bus/{SOURCE}/read", 0) >= truth.frames_sent
                balanced = not list(imbalances(accounts, waiting_points, {}))
                if all_read and balanced and not (delivered and waiting_points):
                    break
            if elapsed_s - moved_s > _STANDSTILL_S:
                break
            self._screen.live(f"waiting for the last points: {waiting_points:,}", elapsed_s)
        return accounts, waiting_points


def _progress(accounts: Mapping[str, int]) -> tuple[int, int]:
    """What grows while frames are read and points are acknowledged."""
    return accounts.get(f"bus/{SOURCE}/read", 0), accounts.get("points/acknowledged", 0)


def _waiting_points(gauges: Mapping[str, float]) -> int:
    return round(gauges["points_waiting_memory"] + gauges["points_waiting_disk"])


def _stored(readback: Readback, truth: Truth) -> dict[str, int]:
    counts = readback.field_counts(expected_points(truth.frames))
    return {measurement: stored_points(measurement, fields) for measurement, fields in counts.items()}


def _has_vcan() -> bool:
    if not hasattr(socket, "AF_CAN") or not os.path.exists(f"/sys/class/net/{_VCAN}"):  # noqa: PTH110  # sysfs
        return False
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except OSError:
        return False
    return True
