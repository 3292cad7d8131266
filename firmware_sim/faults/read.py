"""Reads the [[fault]] tables of a scenario.

Promises: any fault in the file is one error of its table, which names the key. The target of a fault must
exist: a message of vehicle.dbc, one of its nodes, a kind of serial device, or a line of the scenario.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from firmware_sim.faults import kinds
from firmware_sim.faults.kinds import BUS, MODULES, WEEK_S, Fault, Window, by_name
from firmware_sim.table import Table, read
from firmware_sim.wire.broadcast import VEHICLE_DBC
from firmware_sim.wire.layout import load_layouts

NODES = ("BMS", "CHG")

_JBD_SENSORS = 2
_FOR_GOOD = ("cell-imbalance", "weak-cell")


class OnLines(NamedTuple):
    """What a fault of a serial line may be on: a kind of device, or a line by its name."""

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
    **by_name(kinds.CellImbalance, kinds.WeakCell, kinds.OverTemperature, kinds.SensorLoss),
    **by_name(kinds.Insulation, kinds.ChargerFault),
    "charger-cooling": kinds.ChargerFault,
    **by_name(kinds.CounterError, kinds.BusOff, kinds.ErrorReply, kinds.HexMessage, kinds.ChecksumError),
    **by_name(kinds.Silence, kinds.Garbage, kinds.LostBytes, kinds.Collision, kinds.LateAnswer),
    **by_name(kinds.Unplug, kinds.SwappedPorts),
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
