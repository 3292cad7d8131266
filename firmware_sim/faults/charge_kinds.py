"""What goes wrong in a DC charge, and when: frozen values, read from a scenario's [[fault]] tables.

`charge.py` does it to the two ends and to the frames between them. Silence, insulation and heat are those of
`kinds.py`. Each fault is named after what is seen of it on a bench.
"""

from dataclasses import dataclass
from enum import Enum

from firmware_sim.faults.kinds import Fault
from firmware_sim.table import key
from firmware_sim.wire.gbt import LONG

SIDES = ("vehicle", "charger")


class Since(Enum):
    """From when a fault's `at_s` counts."""

    START = "start"
    CHARGING = "charging"  # the first CCS


# --- at an end


@dataclass(frozen=True, slots=True)
class Stop(Fault):
    """An end ends the charge, and says why."""

    side: str  # of SIDES
    reasons: tuple[str, ...]  # fields of BST or CST


@dataclass(frozen=True, slots=True)
class Pause(Fault):
    """An end permits no charging."""

    side: str = key(name="on", one_of=SIDES)


@dataclass(frozen=True, slots=True)
class Excess(Fault):
    """The charger gives more current than it is asked for."""

    current_a: float = key(above=0.0, most=500.0)


@dataclass(frozen=True, slots=True)
class Derating(Fault):
    """The charger has this share of its highest current."""

    share: float = key(above=0.0, most=1.0)


@dataclass(frozen=True, slots=True)
class Demand(Fault):
    """The vehicle asks for this voltage, whatever its battery needs."""

    voltage_v: float = key(above=0.0, most=6000.0)


@dataclass(frozen=True, slots=True)
class SocStep(Fault):
    """The vehicle reports this much more state of charge than there is."""

    soc_pct: float = key(least=-100.0, most=100.0)


class PowerLoss(Fault):
    """The charger loses its supply."""


class Unplug(Fault):
    """The plug is pulled out: neither current nor frames get through."""


# --- in the transport of long messages


@dataclass(frozen=True, slots=True)
class TransportFault:
    """What goes wrong with a long message, whenever it is sent."""

    on: str = key(one_of=LONG)


@dataclass(frozen=True, slots=True)
class NoAnswer(TransportFault):
    """The charger answers this many announcements with nothing."""

    times: int = key(absent=1, least=1, most=1_000_000)


@dataclass(frozen=True, slots=True)
class Refusal(TransportFault):
    """The charger answers this many announcements with Abort."""

    times: int = key(absent=1, least=1, most=1_000_000)


@dataclass(frozen=True, slots=True)
class LostPacket(TransportFault):
    """This packet is lost on the way, this many times."""

    packet: int = key(least=1, most=255)
    times: int = key(absent=1, least=1, most=1_000_000)


class WrongCount(TransportFault):
    """The announcement's number of packets contradicts its size."""


# --- on the bus


class UntrustedBits(Fault):
    """States, reasons and time-outs of two bits are 10 wherever they would be 00."""


class ZeroStop(Fault):
    """BST and CST are all zero."""


class ShortFrames(Fault):
    """Messages end early, as some nodes send them; BCS is one frame of 8 bytes."""


@dataclass(frozen=True, slots=True)
class PaddedFrames(Fault):
    """Short messages are filled up to 8 bytes."""

    fill: int = key(absent=0xFF, least=0, most=0xFF)


class VendorFrames(Fault):
    """Frames of vendors' extensions and of other nodes, CFC and BFC among them."""


class OwnFrames(Fault):
    """The vehicle's own frames on the plug's bus; they go on when both ends are silent."""


@dataclass(frozen=True, slots=True)
class ClockStep(Fault):
    """The recorder's clock is set by this much."""

    step_s: float = key(least=-1e6, most=1e6)


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, and from when its window counts; one in the transport has none."""

    fault: Fault | TransportFault
    since: Since = Since.START
