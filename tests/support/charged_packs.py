"""A simulated pack charged, driven and rested for years, as a candump log that is written within a second.

The plant is the simulator's, in steps of a tenth of a second to a second, and so are the frames, those of
vehicle.dbc: current, voltage and state of charge each step, temperatures each ten seconds, and a page of
cells each step. What is true stands beside them: the pack's capacity, and each charge as its frames told it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from firmware_sim.ecus.gauge import Gauge
from firmware_sim.plant.pack import Pack, PackSpec
from firmware_sim.wire.broadcast import VEHICLE_DBC
from firmware_sim.wire.layout import load_layouts
from telemetry.decode.health import health_in_logs
from telemetry.health.found import FoundPack, packs

DAY_S = 86_400.0
BEGINS_S = 1_700_006_400  # 15 November 2023, 0:00 UTC
_CELLS_A_PAGE = 4
_LAYOUTS = load_layouts(VEHICLE_DBC)


@dataclass(slots=True)
class TrueCharge:
    """What is true of one charge. told_ah: the integral of the current that was told, from the
    first that was heard to the last, lost frames between them too.
    """

    start_s: float
    capacity_ah: float
    told_ah: float = 0.0
    from_pct: float = 0.0
    to_pct: float = 0.0


@dataclass(slots=True)
class ChargedPack:
    """A pack, the log that it leaves, and what is true. lost: the seconds whose frames nobody heard."""

    spec: PackSpec
    seed: int
    channel: str = "can0"
    step_s: float = 1.0
    lost: Callable[[int], bool] = lambda _second: False
    now_s: float = BEGINS_S
    pack: Pack = field(init=False)
    gauge: Gauge = field(init=False)
    draw: random.Random = field(init=False)
    charges: list[TrueCharge] = field(default_factory=list)
    told_a: list[tuple[float, float]] = field(default_factory=list)  # seconds and current, of all frames
    heard: list[int] = field(default_factory=list)  # those with current, by their number in told_a
    _lines: list[str] = field(default_factory=list)
    _steps: int = 0

    def __post_init__(self) -> None:
        self.pack = Pack(self.spec, self.seed)
        self.gauge = Gauge(self.pack)
        self.draw = random.Random(f"{self.seed}/history")

    def wait(self, seconds: float, soc_pct: float, **spec: float) -> None:
        """Let time pass unheard; then the pack stands at that charge, with what `spec` changes."""
        self.now_s += seconds
        self.spec = replace(self.spec, start_soc_pct=soc_pct, **spec)  # type: ignore[arg-type]  # floats
        self.pack = self.gauge.pack = Pack(self.spec, self.seed)

    def flow(self, current_a: float, seconds: float = 36_000.0, *, until_pct: float | None = None) -> None:
        """Let a current flow for that time, or until that state of charge."""
        for _ in range(round(seconds / self.step_s)):
            if until_pct is not None and (self.pack.soc_pct - until_pct) * current_a >= 0.0:
                return
            self.pack.step(current_a, self.step_s)
            self._tell()
            self.now_s += self.step_s

    def charge(
        self, current_a: float, until_pct: float, *, rest_s: float = 90.0, taper: bool = False
    ) -> None:
        """Rest, charge up to that state of charge, and rest. taper: the last twentieth at a quarter of it."""
        self.flow(0.0, rest_s)
        truth = TrueCharge(self.now_s, self.pack.capacity_ah, from_pct=self.pack.soc_pct)
        self.charges.append(truth)
        self.heard.clear()
        self.flow(current_a, until_pct=until_pct - 5.0 * taper)
        if taper:
            self.flow(current_a / 4.0, until_pct=until_pct)
        truth.to_pct = self.pack.soc_pct
        self.flow(0.0, rest_s)
        truth.told_ah = integral_ah(self.told_a[self.heard[0] : self.heard[-1] + 1])

    def write(self, file: Path) -> Path:
        """Write what was heard since the last time."""
        file.write_text("".join(self._lines), "ascii")
        self._lines.clear()
        return file

    def _tell(self) -> None:
        """Say what each frame of this moment says."""
        pack, gauge, at_s = self.pack, self.gauge, self.now_s
        self.told_a.append((at_s, round(gauge.current_a / 0.05) * 0.05))
        if self.lost(int(at_s)):
            return
        if gauge.current_a > 2.0:
            self.heard.append(len(self.told_a) - 1)
        self._say("BMS_PackPower", {"PackVoltage": pack.voltage_v, "PackCurrent": gauge.current_a})
        self._say("BMS_PackState", {"StateOfCharge": gauge.soc_pct})
        page = self._steps % max(self.spec.cells // _CELLS_A_PAGE, 1)
        if self.spec.cells >= _CELLS_A_PAGE:
            cells = range(page * _CELLS_A_PAGE, (page + 1) * _CELLS_A_PAGE)
            volts = pack.cell_voltages_v()
            self._say("BMS_CellVoltages", {f"Cell{at + 1:02d}Voltage": volts[at] for at in cells}, page)
        if self._steps % round(10.0 / self.step_s) == 0:
            readings = pack.module_temperatures_c
            self._say("BMS_Temperatures", {"TemperatureMin": min(readings), "TemperatureMax": max(readings)})
        self._steps += 1

    def _say(self, message: str, values: Mapping[str, float], page: int = 0) -> None:
        self._lines.append(frame_line(self.now_s, self.channel, message, values, page))


def frame_line(at_s: float, channel: str, message: str, values: Mapping[str, float], page: int = 0) -> str:
    """Return a frame of vehicle.dbc as candump writes it; the bits of signals without a value are 0."""
    layout = _LAYOUTS[message]
    payload = page << (layout.page_shift or 0)
    for bits in layout.pages[page]:
        if bits.name in values:
            payload |= bits.raw_bits(values[bits.name])
    data = payload.to_bytes(layout.byte_count, "little").hex().upper()
    return f"({at_s:.6f}) {channel} {layout.arbitration_id:03X}#{data}\n"


def integral_ah(told_a: Sequence[tuple[float, float]]) -> float:
    """Return the charge by trapezoids."""
    return sum((after - before) * (a + b) / 7200.0 for (before, a), (after, b) in pairwise(told_a))


def gateway_toml(pack: str, health: str, *, cells: int = 0) -> str:
    """Return the configuration of a gateway that hears a pack, on the channel of the same name.

    health: what else `[[health]]` says; cells: how many are mapped.
    """
    signals = {
        "BMS_PackPower.PackVoltage": "battery.voltage_v",
        "BMS_PackPower.PackCurrent": "battery.current_a",
    }
    signals |= {"BMS_PackState.StateOfCharge": "battery.soc_pct"}
    signals |= {
        f"BMS_Temperatures.Temperature{end}": f"battery.temp_{end.lower()}_c" for end in ("Min", "Max")
    }
    signals |= {f"BMS_CellVoltages.Cell{n:02d}Voltage": f"cells.v{n:03d}" for n in range(1, cells + 1)}
    lines = ['vehicle = "van-1"', "[spool]", 'directory = "spool"', "[influx]", 'url = "http://127.0.0.1:1"']
    lines += ['database = "d"', "[[can]]", f'name = "{pack}"', f'interface = "{pack}"']
    lines += [f'databases = ["{VEHICLE_DBC}"]', "[[health]]", f'pack = "{pack}"', health]
    for signal, to in signals.items():
        lines += ["[[map]]", f'signal = "{signal}"', f'to = "{to}"', f'pack = "{pack}"']
    return "\n".join(lines) + "\n"


def health_of(
    pack: ChargedPack, folder: Path, health: str = "rated_ah = 40.0", *, cells: int = 0
) -> FoundPack:
    """Return what the gateway's own way makes of the pack's log: its rows of health."""
    return health_of_log(pack.write(folder / "bus.log"), pack.channel, health, cells=cells)


def health_of_log(log: Path, pack: str, health: str, *, cells: int) -> FoundPack:
    """Return the same of a log that another has written."""
    config = log.with_name("gateway.toml")
    config.write_text(gateway_toml(pack, health, cells=cells))
    points, decoder = health_in_logs([log], config)
    assert not decoder.unread.lines
    (found,) = packs(points) or [FoundPack("van-1", pack)]
    return found
