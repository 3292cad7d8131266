"""What goes wrong in a DC charge, and when: frozen values, read from a scenario's [[fault]] tables.

`charge.py` does it to the two ends and to the frames between them. Silence, insulation and heat are those of
`kinds.py`. Each fault is named after what is seen of it on a bench.
"""

from dataclasses import dataclass
from enum import Enum

from firmware_sim.faults.kinds import InsulationFault, OverTemperature, Silence, Window
from firmware_sim.table import key
from firmware_sim.wire.gbt import LONG

SIDES = ("vehicle", "charger")


class Since(Enum):
    """From when a fault's `at_s` counts."""

    START = "start"
    CHARGING = "charging"  # the first CCS


# --- at an end


@dataclass(frozen=True, slots=True)
class Stop:
    """An end ends the charge, and says why."""

    window: Window
    side: str  # of SIDES
    reasons: tuple[str, ...]  # fields of BST or CST


@dataclass(frozen=True, slots=True)
class Pause:
    """An end permits no charging."""

    window: Window
    side: str = key(name="on", one_of=SIDES)


@dataclass(frozen=True, slots=True)
class Excess:
    """The charger gives more current than it is asked for."""

    window: Window
    current_a: float = key(above=0.0, most=500.0)


@dataclass(frozen=True, slots=True)
class Derating:
    """The charger has this share of its highest current."""

    window: Window
    share: float = key(above=0.0, most=1.0)


@dataclass(frozen=True, slots=True)
class Demand:
    """The vehicle asks for this voltage, whatever its battery needs."""

    window: Window
    voltage_v: float = key(above=0.0, most=6000.0)


@dataclass(frozen=True, slots=True)
class SocStep:
    """The vehicle reports this much more state of charge than there is."""

    window: Window
    soc_pct: float = key(least=-100.0, most=100.0)


@dataclass(frozen=True, slots=True)
class PowerLoss:
    """The charger loses its supply."""

    window: Window


@dataclass(frozen=True, slots=True)
class Unplug:
    """The plug is pulled out: neither current nor frames get through."""

    window: Window


# --- in the transport of long messages; `on`: the message


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The charger answers this many announcements with nothing."""

    on: str = key(one_of=LONG)
    times: int = key(absent=1, least=1, most=1_000_000)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The charger answers this many announcements with Abort."""

    on: str = key(one_of=LONG)
    times: int = key(absent=1, least=1, most=1_000_000)


@dataclass(frozen=True, slots=True)
class LostPacket:
    """This packet is lost on the way, this many times."""

    on: str = key(one_of=LONG)
    packet: int = key(least=1, most=255)
    times: int = key(absent=1, least=1, most=1_000_000)


@dataclass(frozen=True, slots=True)
class WrongCount:
    """The announcement's number of packets contradicts its size."""

    on: str = key(one_of=LONG)


# --- on the bus


@dataclass(frozen=True, slots=True)
class UntrustedBits:
    """States, reasons and time-outs of two bits are 10 wherever they would be 00."""

    window: Window


@dataclass(frozen=True, slots=True)
class ZeroStop:
    """BST and CST are all zero."""

    window: Window


@dataclass(frozen=True, slots=True)
class ShortFrames:
    """Messages end early, as some nodes send them; BCS is one frame of 8 bytes."""

    window: Window


@dataclass(frozen=True, slots=True)
class PaddedFrames:
    """Short messages are filled up to 8 bytes."""

    window: Window
    fill: int = key(absent=0xFF, least=0, most=0xFF)


@dataclass(frozen=True, slots=True)
class VendorFrames:
    """Frames of vendors' extensions and of other nodes, CFC and BFC among them."""

    window: Window


@dataclass(frozen=True, slots=True)
class OwnFrames:
    """The vehicle's own frames on the plug's bus; they go on when both ends are silent."""

    window: Window


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The recorder's clock is set by this much."""

    window: Window
    step_s: float = key(least=-1e6, most=1e6)


EndFault = (
    Silence
    | InsulationFault
    | OverTemperature
    | Stop
    | Pause
    | Excess
    | Derating
    | Demand
    | SocStep
    | PowerLoss
)
TransportFault = NoAnswer | Refusal | LostPacket | WrongCount
BusFault = (
    Unplug | UntrustedBits | ZeroStop | ShortFrames | PaddedFrames | VendorFrames | OwnFrames | ClockStep
)
TimedFault = EndFault | BusFault


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, and from when its window counts; one in the transport has none."""

    fault: TimedFault | TransportFault
    since: Since = Since.START
