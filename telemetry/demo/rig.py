"""The demonstration's simulator and gateway: how they are configured, started, and found to be ready.

Promises:
- Frames begin only when the gateway listens, so that every one counts.
- All files lie in the given folder.
- What was started ends with the given stack.
"""

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firmware_sim.links.player import SimulatedClock
from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.clock import Clock
from telemetry.demo.children import Child, ticks
from telemetry.demo.gateway_config import SERIAL_DEVICES, SOURCE, gateway_config
from telemetry.errors import UnavailableError
from telemetry.live.status_socket import query_status

START_S = 30.0  # for a process to be ready
_VCAN = "vcan0"


class Rig:
    """Simulator and gateway in `folder`. The gateway's spool outlives both."""

    def __init__(self, folder: Path, scenario: Path, seed: int, vehicle: str, clock: Clock) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.config = folder / "gateway.toml"
        self.report = folder / "plant.json"
        self.bus = {"interface": _VCAN} if _has_vcan() else {"socket": str(folder / "bus")}
        self._ports = {device.name: folder / device.name for device in SERIAL_DEVICES}
        self._scenario = scenario
        self._seed = seed
        self._vehicle = vehicle
        self._clock = clock

    def configure(
        self,
        time: SimulatedClock,
        influx: Mapping[str, str | bool],
        *,
        web: str,
        charge: Mapping[str, object] | None = None,
    ) -> None:
        """Write the gateway's configuration.

        influx: keys of [influx]; web: where to listen, or `off`; charge: keys of [[replay]].
        """
        text = gateway_config(
            vehicle=self._vehicle,
            database=VEHICLE_DBC,
            bus=self.bus,
            ports=self._ports,
            time=time,
            influx={**influx, "create": True},
            web=web,
            charge=charge,
        )
        self.config.write_text(text, "utf-8")

    def start(
        self, stack: contextlib.ExitStack, time: SimulatedClock, duration_s: float | None = None
    ) -> tuple[Child, Child]:
        """Start both; return them ready. On a socket the simulator waits for the gateway; a bus does not
        wait.

        duration_s: simulated; None: the scenario, once.
        """
        if "socket" in self.bus:
            simulator = self._start_simulator(stack, time, duration_s, "--socket", self.bus["socket"])
            self._wait_until(Path(self.bus["socket"]).exists, simulator)
            return simulator, self._start_gateway(stack)
        gateway = self._start_gateway(stack)
        self._wait_until(lambda: self._state(SOURCE) == "receiving", gateway)
        return self._start_simulator(stack, time, duration_s, "--can", self.bus["interface"]), gateway

    def status(self) -> dict[str, Any] | None:
        """Return the gateway's status; None while it has not answered yet."""
        try:
            return query_status(self.spool)
        except UnavailableError:
            return None

    def web_address(self, gateway: Child) -> str:
        """Return where the gateway's page is, or why it is missing."""
        self._wait_until(lambda: bool(self._state_of("web")), gateway)
        return self._state_of("web")

    def _start_simulator(
        self, stack: contextlib.ExitStack, time: SimulatedClock, duration_s: float | None, *bus: str
    ) -> Child:
        options = [
            ("--time-scale", time.scale),
            ("--time-origin", time.origin_ns),
            ("--time-wall", time.wall_ns),
            ("--seed", self._seed),
            ("--report", self.report),
            *(("--serial-link", f"{name}={port}") for name, port in self._ports.items()),
            *([] if duration_s is None else [("--duration", duration_s)]),
        ]
        words = [str(word) for option in options for word in option]
        simulator = Child.start("simulator", self.folder, "sim", str(self._scenario.resolve()), *bus, *words)
        simulator.hurry()  # its pace is the time in its frames
        return stack.enter_context(simulator)

    def _start_gateway(self, stack: contextlib.ExitStack) -> Child:
        gateway = Child.start("gateway", self.folder, "run", str(self.config))
        gateway.hurry()  # a bus does not wait for it
        return stack.enter_context(gateway)

    def _wait_until(self, ready: Callable[[], bool], child: Child) -> None:
        for _ in ticks(self._clock, START_S):
            if ready():
                return
            child.check()
        raise UnavailableError(f"is not ready after {START_S:.0f} s: {child.last_words}", where=child.name)

    def _state(self, source: str) -> str:
        return self._state_of(f"source/{source}")

    def _state_of(self, name: str) -> str:
        status = self.status()
        return "" if status is None else str(status["state"].get(name, ""))


def _has_vcan() -> bool:
    if not hasattr(socket, "AF_CAN") or not os.path.exists(f"/sys/class/net/{_VCAN}"):  # noqa: PTH110  # sysfs
        return False
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except OSError:
        return False
    return True
