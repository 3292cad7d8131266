"""The demonstration's DC charge: both ends at a plug, simulated into a log that the gateway replays.

Beside the vehicle's bus, so that its many frames do not delay those whose pace is their time. After ten
minutes the charger's status stays away for two seconds: the vehicle gives up, and the second attempt works.
Beside a scenario that is shorter than the charge, all of it is shorter: nobody waits for what is not shown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.charging.report.page import page
from telemetry.charging.report.table import as_table
from telemetry.charging.session import Session
from telemetry.demo.children import Child
from telemetry.errors import writing

PLUG = "plug"  # the source's name
CHARGER = "dc"  # the tag of what it says
PROTOCOL = "gbt27930"
_SHARE = 0.9  # of the time of the run, in which the charge is replayed
_AT_MOST_OFF = 0.005  # of the plant's energy
_WHOLE_S = 1500.0  # of a scenario: beside it the charge goes to 80 %
_LEAST_PART = 0.25  # what flows while the charger is silent, and nobody sees, must be little beside all of it
_FROM_PCT, _TO_PCT, _FAULT_AT_S = 20.6, 80.0, 600.0
_SCENARIO = """\
about = "CCS is gone for two seconds, and the second attempt works"

[pack]
start_soc_pct = {from_pct}
start_temp_c = 22.0

[vehicle]
until_soc_pct = {to_pct:.3f}

[[fault]]
do = "silence"
on = "CCS"
after = "charging"
at_s = {fault_at_s:.3f}
duration_s = 2.0
"""


@dataclass(frozen=True, slots=True)
class PlugTruth:
    """From the simulator's report, and where its log lies."""

    log: Path
    frames: int
    duration_s: float
    attempts: int
    outcome: str
    energy_vehicle_wh: float
    energy_charger_wh: float

    @classmethod
    def from_report(cls, log: Path, report: Mapping[str, Any]) -> "PlugTruth":
        """Take the report as it was written."""
        alike = ("duration_s", "attempts", "outcome", "energy_vehicle_wh", "energy_charger_wh")
        return cls(log, report["frames_total"], **{name: report[name] for name in alike})

    def energies(self, session: Session) -> Iterator[tuple[str, float, float | None]]:
        """Yield each side with its true energy and the one that is stored, in Wh."""
        yield "vehicle", self.energy_vehicle_wh, session.energy_vehicle_wh
        yield "charger", self.energy_charger_wh, session.energy_charger_wh

    def speed(self, run_s: float) -> float:
        """Return how fast its log is replayed to be through before the run is; run_s: of wall time."""
        return max(self.duration_s / (_SHARE * run_s), 1.0)


def simulate(folder: Path, seed: int, origin_ns: int, beside_s: float) -> PlugTruth:
    """Write the log into `folder`. Raises UnavailableError when the simulator fails.

    beside_s: simulated, of the scenario that is played meanwhile.
    """
    part = min(max(beside_s / _WHOLE_S, _LEAST_PART), 1.0)
    scenario, log, report = folder / "plug.toml", folder / "plug.log", folder / "plug.json"
    to_pct = _FROM_PCT + part * (_TO_PCT - _FROM_PCT)
    text = _SCENARIO.format(from_pct=_FROM_PCT, to_pct=to_pct, fault_at_s=part * _FAULT_AT_S)
    scenario.write_text(text, "ascii")
    options = {"scenario": scenario, "log": log, "report": report, "seed": seed, "time-origin": origin_ns}
    words = [f"--{name}={value}" for name, value in options.items()]
    with Child.start("charge", folder, "sim", "dc-charge", *words) as child:
        child.finish()
    return PlugTruth.from_report(log, json.loads(report.read_text("utf-8")))


def plug_faults(truth: PlugTruth, sessions: Sequence[Session]) -> list[str]:
    """Return one sentence for each thing that is not stored as it was."""
    if len(sessions) != 1:
        return [f"one charge was sent, {len(sessions)} are stored"]
    (session,) = sessions
    found = []
    if session.outcome != truth.outcome:
        found.append(f"the charge was {truth.outcome}, {session.outcome} is stored")
    if session.attempts != truth.attempts:
        found.append(f"the charge took {truth.attempts} attempts, {session.attempts} are stored")
    for side, true_wh, stored_wh in truth.energies(session):
        if stored_wh is None or abs(stored_wh - true_wh) > _AT_MOST_OFF * true_wh:
            stored = "none" if stored_wh is None else f"{stored_wh:,.0f} Wh"
            found.append(f"the charge was {true_wh:,.0f} Wh by the {side}, {stored} is stored")
    return found


def session_table(sessions: Sequence[Session]) -> str:
    """Return the sessions as `nev-telemetry sessions` prints them."""
    return "".join(f"  {line}\n" for line in as_table(sessions).splitlines())


def write_report(session: Session, file: Path) -> None:
    """Write the page of a session. Raises StorageError."""
    with writing(file):
        file.write_text(page(session), "utf-8")
