"""What goes wrong in a scenario, and when: frozen values, and how its [[fault]] tables are read.

`plant.py` does it to batteries, sensors and chargers, `bus.py` to frames, `serial.py` to bytes. Each fault is
named after what is seen of it on a bench.

Promises: any fault in the file is one error of its table, which names the key. The target of a fault must
exist: a message of vehicle.dbc, one of its nodes, a kind of serial device, or a line of the scenario.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar

from firmware_sim.table import Table, key, read
from firmware_sim.units import S_NS
from firmware_sim.wire.broadcast import VEHICLE_DBC
from firmware_sim.wire.layout import load_layouts

CELLS, MODULES = 96, 12  # of the traction battery
BUS = "can"  # the whole bus, as the name of what a fault is on

WEEK_S = 7.0 * 86_400.0

_Kind = TypeVar("_Kind")


def by_name(*kinds: type[_Kind]) -> dict[str, type[_Kind]]:
    """Return kinds of faults as `do` names them: by the words of their class."""
    return {re.sub("(?<!^)(?=[A-Z])", "-", kind.__name__).lower(): kind for kind in kinds}


@dataclass(frozen=True, slots=True)
class Window:
    """When: from `at_s` of simulated time on for `duration_s`, and again every `every_s` if given."""

    at_s: float
    duration_s: float
    every_s: float | None = None

    def round(self, now_ns: int) -> int | None:
        """Return the number of the repetition that is going on, from 0; None: it is not."""
        since_s = now_ns / S_NS - self.at_s
        if since_s < 0.0:
            return None
        number = 0 if self.every_s is None else int(since_s // self.every_s)
        begun_s = since_s - number * (self.every_s or 0.0)
        return number if begun_s < self.duration_s else None

    def active(self, now_ns: int) -> bool:
        """Return whether it is going on."""
        return self.round(now_ns) is not None


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and when."""

    window: Window


# --- in the plant


@dataclass(frozen=True, slots=True)
class CellImbalance(Fault):
    """A cell's charge moves by a share of its capacity, at once."""

    cell: int = key(least=1, most=CELLS)  # from 1
    charge_pct: float = key(least=-100.0, most=100.0)


@dataclass(frozen=True, slots=True)
class WeakCell(Fault):
    """A cell has less capacity and more resistance than it had."""

    cell: int = key(least=1, most=CELLS)  # from 1
    capacity_pct: float = key(absent=100.0, least=10.0, most=100.0)
    resistance_pct: float = key(absent=100.0, least=50.0, most=1000.0)


@dataclass(frozen=True, slots=True)
class OverTemperature(Fault):
    """Something heats a module from outside."""

    module: int = key(least=1, most=MODULES)  # from 1
    heat_w: float = key(above=0.0, most=10_000.0)


@dataclass(frozen=True, slots=True)
class SensorLoss(Fault):
    """A temperature sensor's wire is broken."""

    on: str  # "bms" or "jbd"
    sensor: int  # from 1


@dataclass(frozen=True, slots=True)
class Insulation(Fault):
    """The insulation's resistance falls."""

    resistance_kohm: float = key(above=0.0, most=65_535.0)


@dataclass(frozen=True, slots=True)
class ChargerFault(Fault):
    """The charger's power stage fails, or its cooling."""

    cooling_only: bool


@dataclass(frozen=True, slots=True)
class CurrentError(Fault):
    """The BMS tells a current that is off: by a share, and by a constant."""

    offset_a: float = key(absent=0.0, least=-50.0, most=50.0)
    gain_pct: float = key(absent=0.0, least=-50.0, most=50.0)


@dataclass(frozen=True, slots=True)
class SocError(Fault):
    """The BMS reports a state of charge that is off. Each time that it begins, the errors are others."""

    sd_pct: float = key(absent=0.0, least=0.0, most=20.0)  # right at full, elsewhere slowly varying
    shift_pct: float = key(absent=0.0, least=-100.0, most=100.0)
    resolution_pct: float = key(absent=0.0, least=0.0, most=10.0)


class SocStuck(Fault):
    """The BMS tells the state of charge of the moment that it began."""


PlantFault = (
    CellImbalance
    | WeakCell
    | OverTemperature
    | SensorLoss
    | Insulation
    | ChargerFault
    | CurrentError
    | SocError
    | SocStuck
)


# --- on a bus or a line; `on`: "can", a message, a node ("BMS", "CHG"), or what is on serial lines: all
# devices of a kind ("daly"), one of them ("daly:2"), or the line itself by its name


@dataclass(frozen=True, slots=True)
class PlacedFault(Fault):
    """What goes wrong with something that has a name."""

    on: str


class CounterError(PlacedFault):
    """The alive counter of a message stands still."""


@dataclass(frozen=True, slots=True)
class ChecksumError(PlacedFault):
    """A share of the messages carries a wrong checksum."""

    share: float = key(absent=1.0, above=0.0, most=1.0)


class BusOff(Fault):
    """The controller leaves the bus: an error frame, nothing, and a restart."""


class Silence(PlacedFault):
    """The sender is silent."""


@dataclass(frozen=True, slots=True)
class Garbage(PlacedFault):
    """On a bus frames that no database knows and frames that are too short; on a line, bytes of noise."""

    per_s: float = key(above=0.0, most=1000.0)


@dataclass(frozen=True, slots=True)
class LostBytes(PlacedFault):
    """A share of the bytes that a device says is lost; on a line, of those that it hears as well."""

    share: float = key(above=0.0, most=1.0)


class Unplug(PlacedFault):
    """The port is pulled out, and another one plugged in at the end of the window."""


@dataclass(frozen=True, slots=True)
class ErrorReply(Fault):
    """A share of the requests to a JBD board is answered with an error."""

    share: float = key(absent=1.0, above=0.0, most=1.0)


@dataclass(frozen=True, slots=True)
class HexMessage(Fault):
    """A share of the VE.Direct blocks has a HEX message in the middle."""

    share: float = key(absent=1.0, above=0.0, most=1.0)


@dataclass(frozen=True, slots=True)
class Collision(PlacedFault):
    """Another one talks at the same time as a device, in a share of its messages."""

    share: float = key(above=0.0, most=1.0)


@dataclass(frozen=True, slots=True)
class LateAnswer(PlacedFault):
    """A share of a device's answers comes late: by so many seconds, whatever the time scale is."""

    share: float = key(absent=1.0, above=0.0, most=1.0)
    late_s: float = key(above=0.0, most=60.0)


@dataclass(frozen=True, slots=True)
class SwappedPorts(PlacedFault):
    """The adapters of two lines are swapped: each port leads to the other's devices."""

    other: str


# --- how they are read

NODES = ("BMS", "CHG")

_JBD_SENSORS = 2
_FOR_GOOD = ("cell-imbalance", "weak-cell")


class OnLines(NamedTuple):
    """The serial lines that a fault may be on: by kinds of devices, or by their names."""

    kinds: Collection[str]
    names: Collection[str]


def read_fault(table: Table, lines: OnLines) -> Fault:
    """Read one [[fault]]."""
    kind = table.take_text("do", one_of=FAULT_KINDS)
    window = take_window(table, lasts=kind not in _FOR_GOOD)
    if kind not in _FOR_GOOD:
        every_s = table.take_optional_number("every_s", above=0.0, most=WEEK_S)
        if every_s is not None and every_s < window.duration_s:
            raise table.wrong("every_s", f"is shorter than duration_s = {window.duration_s:g}")
        window = Window(window.at_s, window.duration_s, every_s)
    given = _GIVEN[kind](table, lines) if kind in _GIVEN else {}
    return read(_KINDS[kind], table, window=window, **given)


def take_window(table: Table, *, lasts: bool) -> Window:
    """Read when a fault begins and, if it `lasts` for a time, how long."""
    at_s = table.take_number("at_s", 0.0, least=0.0, most=WEEK_S)
    return Window(at_s, table.take_number("duration_s", WEEK_S, above=0.0, most=WEEK_S) if lasts else WEEK_S)


@cache
def _messages(*, counted: bool = False) -> tuple[str, ...]:
    """Return the names of the messages of vehicle.dbc; counted: of those with an alive counter."""
    layouts = load_layouts(VEHICLE_DBC)
    return tuple(name for name, layout in layouts.items() if not counted or layout.counter_shift is not None)


def _sensor(table: Table, _lines: OnLines) -> Mapping[str, object]:
    on = table.take_text("on", one_of=("bms", "jbd"))
    most = MODULES if on == "bms" else _JBD_SENSORS
    return {"on": on, "sensor": table.take_integer("sensor", least=1, most=most)}


def _swapped(table: Table, lines: OnLines) -> Mapping[str, object]:
    names = tuple(lines.names)
    if len(names) < 2:
        raise table.wrong("do", "swapped-ports needs two lines", "a [[serial]] each")
    return {name: table.take_text(name, one_of=names) for name in ("on", "other")}


def _on_line(others: Callable[[], Collection[str]] = tuple) -> Callable[[Table, OnLines], Any]:
    """Take a kind of serial device, a device of an address, or a line; or one of `others`."""

    def take(table: Table, lines: OnLines) -> Mapping[str, object]:
        on = table.take_text("on")
        kind, colon, digits = on.partition(":")
        known = (*others(), *lines.names)
        if on not in known and not (kind in lines.kinds and (not colon or digits.isdecimal())):
            choice = ", ".join((*others(), *lines.kinds, *lines.names))
            raise table.wrong("on", f"must be one of {choice}, not {on!r}", "a device has KIND:ADDRESS")
        return {"on": on}

    return take


_KINDS: Mapping[str, type[Fault]] = {
    **by_name(CellImbalance, WeakCell, OverTemperature, SensorLoss),
    **by_name(Insulation, ChargerFault),
    "charger-cooling": ChargerFault,
    **by_name(CurrentError, SocError, SocStuck),
    **by_name(CounterError, BusOff, ErrorReply, HexMessage, ChecksumError),
    **by_name(Silence, Garbage, LostBytes, Collision, LateAnswer),
    **by_name(Unplug, SwappedPorts),
}
FAULT_KINDS = tuple(_KINDS)  # as `do` names them
# Of each kind the fields whose bounds the vehicle or the scenario says.
_GIVEN: Mapping[str, Callable[[Table, OnLines], Mapping[str, Any]]] = {
    "sensor-loss": _sensor,
    "charger-fault": lambda _table, _lines: {"cooling_only": False},
    "charger-cooling": lambda _table, _lines: {"cooling_only": True},
    "counter-error": lambda table, _: {"on": table.take_text("on", one_of=_messages(counted=True))},
    "checksum-error": _on_line(lambda: _messages(counted=True)),
    "silence": _on_line(lambda: (*NODES, *_messages())),
    "garbage": _on_line(lambda: (BUS,)),
    "lost-bytes": _on_line(),
    "collision": _on_line(),
    "late-answer": _on_line(),
    "unplug": _on_line(),
    "swapped-ports": _swapped,
}
