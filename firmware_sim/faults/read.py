"""Reads the [[fault]] tables of a scenario.

Promises: any fault in the file is one ConfigError that names the key. The target of a fault must exist: a
message of vehicle.dbc, one of its nodes, a kind of serial device, or a line of the scenario.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache

from firmware_sim.faults.kinds import (
    BUS,
    SERIAL_DEVICES,
    BusOff,
    CellImbalance,
    ChargerFault,
    ChecksumError,
    Collision,
    CounterError,
    ErrorReply,
    Fault,
    Garbage,
    HexMessages,
    InsulationFault,
    LateAnswers,
    LostBytes,
    OverTemperature,
    PortUnplug,
    SensorLoss,
    Silence,
    SwappedPorts,
    WeakCell,
    Window,
)
from firmware_sim.wire.broadcast import VEHICLE_DBC
from firmware_sim.wire.layout import load_layouts
from telemetry.settings.table import TomlTable

NODES = ("BMS", "CHG")

_WEEK_S = 7.0 * 86_400.0
_CELLS, _MODULES, _JBD_SENSORS = 96, 12, 2


def read_fault(table: TomlTable, lines: Collection[str] = ()) -> Fault:
    """One [[fault]]; lines: names of serial lines that it may be on. Raises ConfigError."""
    kind = table.take_text("do", one_of=FAULT_KINDS)
    at_s = table.take_number("at_s", 0.0, least=0.0, most=_WEEK_S)
    if kind in _LASTING:
        duration_s = table.take_number("duration_s", _WEEK_S, above=0.0, most=_WEEK_S)
        every_s = table.take_optional_number("every_s", above=0.0, most=_WEEK_S)
        if every_s is not None and every_s < duration_s:
            raise table.wrong("every_s", f"is shorter than duration_s = {duration_s:g}")
        window = Window(at_s, duration_s, every_s)
    else:
        window = Window(at_s, _WEEK_S)
    fault = _READERS[kind](table, window) if kind in _READERS else _ON_LINES[kind](table, window, lines)
    table.close()
    return fault


@cache
def _messages() -> tuple[str, ...]:
    return tuple(load_layouts(VEHICLE_DBC))


@cache
def _counted_messages() -> tuple[str, ...]:
    return tuple(
        name for name, layout in load_layouts(VEHICLE_DBC).items() if layout.counter_shift is not None
    )


def _cell(table: TomlTable) -> int:
    return table.take_integer("cell", least=1, most=_CELLS)


def _share(table: TomlTable, default: float | None = None) -> float:
    return table.take_number("share", default, above=0.0, most=1.0)


def _on(table: TomlTable, one_of: tuple[str, ...]) -> str:
    return table.take_text("on", one_of=one_of)


def _cell_imbalance(table: TomlTable, window: Window) -> Fault:
    return CellImbalance(window, _cell(table), table.take_number("charge_pct", least=-100.0, most=100.0))


def _weak_cell(table: TomlTable, window: Window) -> Fault:
    return WeakCell(
        window,
        _cell(table),
        capacity_pct=table.take_number("capacity_pct", 100.0, least=10.0, most=100.0),
        resistance_pct=table.take_number("resistance_pct", 100.0, least=50.0, most=1000.0),
    )


def _over_temperature(table: TomlTable, window: Window) -> Fault:
    module = table.take_integer("module", least=1, most=_MODULES)
    return OverTemperature(window, module, table.take_number("heat_w", above=0.0, most=10_000.0))


def _sensor_loss(table: TomlTable, window: Window) -> Fault:
    on = _on(table, ("bms", "jbd"))
    most = _MODULES if on == "bms" else _JBD_SENSORS
    return SensorLoss(window, on, table.take_integer("sensor", least=1, most=most))


def _insulation(table: TomlTable, window: Window) -> Fault:
    return InsulationFault(window, table.take_number("resistance_kohm", above=0.0, most=65_535.0))


def _on_line(table: TomlTable, lines: Collection[str], *others: str) -> str:
    """A kind of serial device, a device of an address, or a line; or one of `others`."""
    on = table.take_text("on")
    kind, colon, digits = on.partition(":")
    if on in (*others, *lines) or (kind in SERIAL_DEVICES and (not colon or digits.isdecimal())):
        return on
    choice = ", ".join((*others, *SERIAL_DEVICES, *lines))
    raise table.wrong("on", f"must be one of {choice}, not {on!r}", "a device has KIND:ADDRESS")


def _swapped(table: TomlTable, window: Window, lines: Collection[str]) -> Fault:
    names = tuple(lines)
    if len(names) < 2:
        raise table.wrong("do", "swapped-ports needs two lines", "a [[serial]] each")
    return SwappedPorts(window, _on(table, names), table.take_text("other", one_of=names))


_READERS: Mapping[str, Callable[[TomlTable, Window], Fault]] = {
    "cell-imbalance": _cell_imbalance,
    "weak-cell": _weak_cell,
    "over-temperature": _over_temperature,
    "sensor-loss": _sensor_loss,
    "insulation": _insulation,
    "charger-fault": lambda _table, window: ChargerFault(window, cooling_only=False),
    "charger-cooling": lambda _table, window: ChargerFault(window, cooling_only=True),
    "counter-error": lambda table, window: CounterError(window, _on(table, _counted_messages())),
    "bus-off": lambda _table, window: BusOff(window),
    "error-reply": lambda table, window: ErrorReply(window, _share(table, 1.0)),
    "hex-message": lambda table, window: HexMessages(window, _share(table, 1.0)),
}
_Lines = Collection[str]
_ON_LINES: Mapping[str, Callable[[TomlTable, Window, _Lines], Fault]] = {
    "checksum-error": lambda table, window, lines: ChecksumError(
        window, _on_line(table, lines, *_counted_messages()), _share(table, 1.0)
    ),
    "silence": lambda table, window, lines: Silence(window, _on_line(table, lines, *NODES, *_messages())),
    "garbage": lambda table, window, lines: Garbage(
        window, _on_line(table, lines, BUS), table.take_number("per_s", above=0.0, most=1000.0)
    ),
    "lost-bytes": lambda table, window, lines: LostBytes(window, _on_line(table, lines), _share(table)),
    "collision": lambda table, window, lines: Collision(window, _on_line(table, lines), _share(table)),
    "late-answer": lambda table, window, lines: LateAnswers(
        window,
        _on_line(table, lines),
        _share(table, 1.0),
        table.take_number("late_s", above=0.0, most=60.0),
    ),
    "unplug": lambda table, window, lines: PortUnplug(window, _on_line(table, lines)),
    "swapped-ports": _swapped,
}
FAULT_KINDS = (*_READERS, *_ON_LINES)  # as `do` names them
_LASTING = frozenset(FAULT_KINDS) - {"cell-imbalance", "weak-cell"}
