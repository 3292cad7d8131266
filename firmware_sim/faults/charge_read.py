"""Reads the [[fault]] tables of a charge's scenario, and knows the variants that fit any of them.

Promises: any fault in the file is one error of its table, which names the key.
"""

from collections.abc import Callable, Mapping
from typing import Any

from firmware_sim.faults import charge_kinds as kinds
from firmware_sim.faults.charge_kinds import SIDES, Planned, Since, TransportFault
from firmware_sim.faults.kinds import (
    MODULES,
    WEEK_S,
    Fault,
    Insulation,
    OverTemperature,
    Silence,
    Window,
    by_name,
)
from firmware_sim.faults.read import take_window
from firmware_sim.table import Table, read, take_choice
from firmware_sim.wire.gbt import BST_BITS, CST_BITS, MESSAGES

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
    **by_name(Silence, kinds.Stop, kinds.Pause, kinds.Excess, kinds.Derating, kinds.Demand, kinds.SocStep),
    **by_name(Insulation, OverTemperature, kinds.PowerLoss, kinds.Unplug),
    **by_name(kinds.UntrustedBits, kinds.ZeroStop, kinds.ShortFrames, kinds.PaddedFrames),
    **by_name(kinds.VendorFrames, kinds.OwnFrames, kinds.ClockStep),
}
_GIVEN: Mapping[str, Callable[[Table], Mapping[str, Any]]] = {
    "silence": lambda table: {"on": table.take_text("on", one_of=SILENT)},
    "stop": _stop,
    "over-temperature": _heat,
}
_IN_TRANSPORT: Mapping[str, type[TransportFault]] = by_name(
    kinds.NoAnswer, kinds.Refusal, kinds.LostPacket, kinds.WrongCount
)
CHARGE_FAULT_KINDS = (*_TIMED, *_IN_TRANSPORT)


# What changes no outcome, on any scenario.
VARIANTS: Mapping[str, tuple[Planned, ...]] = {
    "untrusted-bits": (Planned(kinds.UntrustedBits(_ALWAYS)),),
    "zero-stop": (Planned(kinds.ZeroStop(_ALWAYS)),),
    "short": (Planned(kinds.ShortFrames(_ALWAYS)),),
    "padded-00": (Planned(kinds.PaddedFrames(_ALWAYS, 0x00)),),
    "padded-cc": (Planned(kinds.PaddedFrames(_ALWAYS, 0xCC)),),
    "padded-ff": (Planned(kinds.PaddedFrames(_ALWAYS, 0xFF)),),
    "vendor": (Planned(kinds.VendorFrames(_ALWAYS)),),
    "own-frames": (Planned(kinds.OwnFrames(_ALWAYS)),),
    "pause": (Planned(kinds.Pause(Window(4.0, 180.0), "vehicle"), Since.CHARGING),),
    "soc-back": (Planned(kinds.SocStep(Window(3.0, 2.0), -4.0), Since.CHARGING),),
    "clock-back": (Planned(kinds.ClockStep(Window(3.0, WEEK_S), -3.0), Since.CHARGING),),
    "clock-on": (Planned(kinds.ClockStep(Window(3.0, WEEK_S), 5.0), Since.CHARGING),),
}
