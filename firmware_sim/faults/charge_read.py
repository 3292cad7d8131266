"""Reads the [[fault]] tables of a charge's scenario, and knows the variants that fit any of them.

Promises: any fault in the file is one ConfigError that names the key.
"""

from collections.abc import Callable, Mapping

from firmware_sim.faults import charge_kinds as kinds
from firmware_sim.faults.charge_kinds import Planned, Since, TimedFault, TransportFault
from firmware_sim.faults.kinds import InsulationFault, OverTemperature, Silence, Window
from firmware_sim.wire.gbt import BST_BITS, CST_BITS, MESSAGES
from telemetry.settings.table import TomlTable

SIDES = ("vehicle", "charger")
LONG = ("BRM", "BCP", "BCS", "BMV", "BMT", "BSP")
SILENT = (*MESSAGES, "CRM(AA)", "BRO(AA)", "CRO(AA)")

_WEEK_S = 7.0 * 86_400.0
_MODULES = 12
_ALWAYS = Window(0.0, _WEEK_S)


def read_charge_fault(table: TomlTable) -> Planned:
    """One [[fault]]. Raises ConfigError."""
    kind = table.take_text("do", one_of=CHARGE_FAULT_KINDS)
    if kind in _IN_TRANSPORT:
        planned = Planned(_IN_TRANSPORT[kind](table))
    else:
        since = Since(
            table.take_text("after", Since.START.value, one_of=tuple(since.value for since in Since))
        )
        at_s = table.take_number("at_s", 0.0, least=0.0, most=_WEEK_S)
        duration_s = _WEEK_S
        if kind not in _FOR_GOOD:
            duration_s = table.take_number("duration_s", _WEEK_S, above=0.0, most=_WEEK_S)
        planned = Planned(_TIMED[kind](table, Window(at_s, duration_s)), since)
    table.close()
    return planned


def _side(table: TomlTable) -> str:
    return table.take_text("on", one_of=SIDES)


def _stop(table: TomlTable, window: Window) -> kinds.Stop:
    side = _side(table)
    reason = table.take_text("reason", one_of=tuple(BST_BITS if side == "vehicle" else CST_BITS))
    return kinds.Stop(window, side, (reason,))


def _heat(table: TomlTable, window: Window) -> OverTemperature:
    module = table.take_integer("module", least=1, most=_MODULES)
    return OverTemperature(window, module, table.take_number("heat_w", above=0.0, most=100_000.0))


_FOR_GOOD = ("stop", "unplug", "power-loss", "clock-step")
_TIMED: Mapping[str, Callable[[TomlTable, Window], TimedFault]] = {
    "silence": lambda table, window: Silence(window, table.take_text("on", one_of=SILENT)),
    "stop": _stop,
    "pause": lambda table, window: kinds.Pause(window, _side(table)),
    "excess": lambda table, window: kinds.Excess(
        window, table.take_number("current_a", above=0.0, most=500.0)
    ),
    "derating": lambda table, window: kinds.Derating(window, table.take_number("share", above=0.0, most=1.0)),
    "demand": lambda table, window: kinds.Demand(
        window, table.take_number("voltage_v", above=0.0, most=6000.0)
    ),
    "soc-step": lambda table, window: kinds.SocStep(
        window, table.take_number("soc_pct", least=-100.0, most=100.0)
    ),
    "insulation": lambda table, window: InsulationFault(
        window, table.take_number("resistance_kohm", above=0.0, most=65_535.0)
    ),
    "over-temperature": _heat,
    "power-loss": lambda _table, window: kinds.PowerLoss(window),
    "unplug": lambda _table, window: kinds.Unplug(window),
    "untrusted-bits": lambda _table, window: kinds.UntrustedBits(window),
    "zero-stop": lambda _table, window: kinds.ZeroStop(window),
    "short-frames": lambda _table, window: kinds.ShortFrames(window),
    "padded-frames": lambda table, window: kinds.PaddedFrames(
        window, table.take_integer("fill", 0xFF, least=0, most=0xFF)
    ),
    "vendor-frames": lambda _table, window: kinds.VendorFrames(window),
    "own-frames": lambda _table, window: kinds.OwnFrames(window),
    "clock-step": lambda table, window: kinds.ClockStep(
        window, table.take_number("step_s", least=-1e6, most=1e6)
    ),
}
_IN_TRANSPORT: Mapping[str, Callable[[TomlTable], TransportFault]] = {
    "no-answer": lambda table: kinds.NoAnswer(table.take_text("on", one_of=LONG), _times(table)),
    "refusal": lambda table: kinds.Refusal(table.take_text("on", one_of=LONG), _times(table)),
    "lost-packet": lambda table: kinds.LostPacket(
        table.take_text("on", one_of=LONG), table.take_integer("packet", least=1, most=255), _times(table)
    ),
    "wrong-count": lambda table: kinds.WrongCount(table.take_text("on", one_of=LONG)),
}
CHARGE_FAULT_KINDS = (*_TIMED, *_IN_TRANSPORT)


def _times(table: TomlTable) -> int:
    return table.take_integer("times", 1, least=1, most=1_000_000)


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
    "clock-back": (Planned(kinds.ClockStep(Window(3.0, _WEEK_S), -3600.0), Since.CHARGING),),
    "clock-on": (Planned(kinds.ClockStep(Window(3.0, _WEEK_S), 5.0), Since.CHARGING),),
}
