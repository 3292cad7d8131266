"""What goes wrong in a DC charge, and when: frozen values, how [[fault]] tables are read, and variants.

`charge.py` does it to the two ends and to the frames between them. Silence, insulation and heat are those of
`kinds.py`. Each fault is named after what is seen of it on a bench.

Promises: any fault in the file is one error of its table, which names the key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from firmware_sim.faults.kinds import (
    MODULES,
    WEEK_S,
    Fault,
    Insulation,
    OverTemperature,
    Silence,
    Window,
    by_name,
    take_window,
)
from firmware_sim.table import Table, key, read, take_choice
from firmware_sim.wire.gbt import BST_BITS, CST_BITS, LONG, MESSAGES

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


# --- how they are read

SILENT = (*MESSAGES, "CRM(AA)", "BRO(AA)", "CRO(AA)")

_ALWAYS = Window(0.0, WEEK_S)


def read_charge_fault(table: Table) -> Planned:
    """Read one [[fault]]."""
    kind = table.take_text("do", one_of=CHARGE_FAULT_KINDS)
    if kind in _IN_TRANSPORT:
        return Planned(read(_IN_TRANSPORT[kind], table))
    since = take_choice(table, "after", Since, Since.START)
    window = take_window(table, lasts=kind not in _FOR_GOOD)
    given = _GIVEN[kind](table) if kind in _GIVEN else {}
    return Planned(read(_TIMED[kind], table, window=window, **given), since)


def _stop(table: Table) -> Mapping[str, object]:
    side = table.take_text("on", one_of=SIDES)
    reason = table.take_text("reason", one_of=tuple(BST_BITS if side == "vehicle" else CST_BITS))
    return {"side": side, "reasons": (reason,)}


def _heat(table: Table) -> Mapping[str, object]:
    """Return more heat than a drive's: a charge is short."""
    module = table.take_integer("module", least=1, most=MODULES)
    return {"module": module, "heat_w": table.take_number("heat_w", above=0.0, most=100_000.0)}


_FOR_GOOD = ("stop", "unplug", "power-loss", "clock-step")
_TIMED: Mapping[str, type[Fault]] = {
    **by_name(Silence, Stop, Pause, Excess, Derating, Demand, SocStep),
    **by_name(Insulation, OverTemperature, PowerLoss, Unplug),
    **by_name(UntrustedBits, ZeroStop, ShortFrames, PaddedFrames),
    **by_name(VendorFrames, OwnFrames, ClockStep),
}
_GIVEN: Mapping[str, Callable[[Table], Mapping[str, Any]]] = {
    "silence": lambda table: {"on": table.take_text("on", one_of=SILENT)},
    "stop": _stop,
    "over-temperature": _heat,
}
_IN_TRANSPORT: Mapping[str, type[TransportFault]] = by_name(NoAnswer, Refusal, LostPacket, WrongCount)
CHARGE_FAULT_KINDS = (*_TIMED, *_IN_TRANSPORT)


# What changes no outcome, on any scenario.
VARIANTS: Mapping[str, tuple[Planned, ...]] = {
    "untrusted-bits": (Planned(UntrustedBits(_ALWAYS)),),
    "zero-stop": (Planned(ZeroStop(_ALWAYS)),),
    "short": (Planned(ShortFrames(_ALWAYS)),),
    "padded-00": (Planned(PaddedFrames(_ALWAYS, 0x00)),),
    "padded-cc": (Planned(PaddedFrames(_ALWAYS, 0xCC)),),
    "padded-ff": (Planned(PaddedFrames(_ALWAYS, 0xFF)),),
    "vendor": (Planned(VendorFrames(_ALWAYS)),),
    "own-frames": (Planned(OwnFrames(_ALWAYS)),),
    "pause": (Planned(Pause(Window(4.0, 180.0), "vehicle"), Since.CHARGING),),
    "soc-back": (Planned(SocStep(Window(3.0, 2.0), -4.0), Since.CHARGING),),
    "clock-back": (Planned(ClockStep(Window(3.0, WEEK_S), -3.0), Since.CHARGING),),
    "clock-on": (Planned(ClockStep(Window(3.0, WEEK_S), 5.0), Since.CHARGING),),
}
