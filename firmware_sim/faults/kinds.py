"""What goes wrong in a scenario, and when: frozen values, read from its [[fault]] tables.

`plant_faults.py` does it to batteries, sensors and chargers, `bus_faults.py` to frames, `serial_faults.py` to
bytes. Each fault is named after what is seen of it on a bench.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

from firmware_sim.table import key
from firmware_sim.units import S_NS

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


PlantFault = CellImbalance | WeakCell | OverTemperature | SensorLoss | Insulation | ChargerFault


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
