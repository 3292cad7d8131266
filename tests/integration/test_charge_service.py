"""Simulated charges through the service, as it runs: over sockets, into its spool.

The clock runs faster than the machine's. What a session must be, the simulator knows, and the contract says.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware_sim.charge_scenario import load_charge_scenario
from telemetry.settings.table import TomlTable
from tests.support.charge_lives import Database, number, text
from tests.support.child import started
from tests.support.command import command
from tests.support.gateway import NO_SERVER, Gateway

DEADLINE_S = 240.0
T = 1_772_445_600_000_000_000  # simulated time at the start
OVER_A_SOCKET = ("03", "11", "13", "19", "39")


@dataclass(frozen=True, slots=True)
class Plug:
    """One charge, on a bus of its own. bus: of [[can]] and of the simulator's options."""

    name: str
    scenario: str
    bus: Callable[[Path], tuple[str, Sequence[str]]]

    def source(self, folder: Path, scale: float, wall_ns: int) -> str:
        return (
            f'[[can]]\nname = "{self.name}"\n{self.bus(folder)[0]}\nprotocol = "gbt27930"\n'
            f'charger = "{self.name}"\ntime_scale = {scale}\ntime_origin_ns = {T}\ntime_wall_ns = {wall_ns}\n'
        )

    def arguments(self, folder: Path, scale: float, wall_ns: int) -> list[str]:
        where = self.bus(folder)[1]
        pace = ["--time-scale", str(scale), "--time-origin", str(T), "--time-wall", str(wall_ns)]
        report = ["--report", str(folder / f"{self.name}.json")]
        # The vehicle's own frames go on after the charge: by them the service sees that it is over.
        return ["dc-charge", "--scenario", self.scenario, "--with", "own-frames", *where, *pace, *report]


def on_a_socket(name: str) -> Callable[[Path], tuple[str, Sequence[str]]]:
    return lambda folder: (f'socket = "{folder}/{name}.sock"', ["--socket", f"{folder}/{name}.sock"])


def played(folder: Path, plugs: Sequence[Plug], scale: float) -> Database:
    """Return what the service has of these charges, once it has read all of their frames."""
    wall_ns = time.time_ns()
    sources = "".join(plug.source(folder, scale, wall_ns) for plug in plugs)
    with Gateway(folder, NO_SERVER, sources) as gateway, ExitStack() as stack:
        simulators = [
            stack.enter_context(started("sim", *plug.arguments(folder, scale, wall_ns))) for plug in plugs
        ]
        for simulator in simulators:
            assert simulator.stdout is not None
            assert simulator.stdout.readline().startswith("time_scale")  # it listens
        gateway.start()
        for simulator in simulators:
            _, errors = simulator.communicate(timeout=DEADLINE_S)
            assert simulator.returncode == 0, errors
        gateway.wait_for(lambda: not any(is_receiving(gateway, plug) for plug in plugs))
        assert gateway.terminate() == 0, gateway.output()
    return stored(folder)


def stored(folder: Path) -> Database:
    """Return what waits in the spool there."""
    database = Database()
    database.take(command("spool", "export", folder / "spool").stdout.encode())
    return database


def is_receiving(gateway: Gateway, plug: Plug) -> bool:
    """Return whether the service has not seen the end of a plug's socket yet."""
    return bool(gateway.status()["state"].get(f"source/{plug.name}", "") == "receiving")


@pytest.fixture(scope="module")
def five_plugs(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("sockets")
    plugs = [Plug(f"bay-{name}", name, on_a_socket(f"bay-{name}")) for name in OVER_A_SOCKET]
    return played(folder, plugs, 2.0)  # a second of the protocol is half a second of the machine


@pytest.mark.xdist_group("five plugs")
@pytest.mark.parametrize("name", OVER_A_SOCKET)
def test_a_fault_over_a_socket_is_one_session_that_ends_as_the_contract_says(
    name: str, five_plugs: Database
) -> None:
    ((_, session),) = five_plugs.of("charging_session", charger=f"bay-{name}")
    ends = load_charge_scenario(name, TomlTable.load).ends
    assert text(session, "outcome") == ends.outcome
    assert text(session, "stop_side") == (ends.side or "")
    assert text(session, "stop_reason") == (ends.reason or "")
    assert number(session, "attempts") == ends.attempts
    phases = [text(row, "phase") for _, row in five_plugs.of("charging_phase", charger=f"bay-{name}")]
    assert phases[-1] == ends.phase


@pytest.mark.long
def test_a_charge_in_fast_time_has_the_energies_of_the_plant(tmp_path: Path) -> None:
    """At a pace at which the machine may stand still for a second."""
    scale = 10.0
    scenario = tmp_path / "fast.toml"
    scenario.write_text("[pack]\nstart_soc_pct = 30.0\n[vehicle]\nuntil_soc_pct = 60.0\n", "utf-8")
    plug = Plug("bay", str(scenario), on_a_socket("bay"))
    database = played(tmp_path, [plug], scale)
    ((_, session),) = database.of("charging_session", charger="bay")
    truth = json.loads((tmp_path / f"{plug.name}.json").read_text("utf-8"))
    assert (text(session, "outcome"), number(session, "attempts")) == ("complete", 1)
    # What the machine was late by, at the beginning and at the end, is time that nobody simulated.
    late_wh = 2 * truth["late_max_s"] * scale * number(session, "peak_power_w") / 3600
    for side in ("vehicle", "charger"):
        name = f"energy_{side}_wh"
        assert number(session, name) == pytest.approx(truth[name], abs=0.005 * truth[name] + late_wh)
    assert number(session, "start_soc_pct") == pytest.approx(truth["soc_start_pct"], abs=1.0)  # by the BMS
    assert number(session, "end_soc_pct") == pytest.approx(truth["soc_end_pct"], abs=1.0)
