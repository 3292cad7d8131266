"""Serial lines of a scenario: [[serial]] with its devices, as frozen values, and the lines that they make.

Promises: a device that is not there, an option that its kind does not have, and a battery without a name are
one error of the table that names the key.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from firmware_sim.ecus.service_battery import ServiceBattery
from firmware_sim.faults.kinds import Fault
from firmware_sim.faults.serial import LineFaults, SerialFaults
from firmware_sim.links.serial_line import Port, SerialLine
from firmware_sim.links.shared_line import Attached, Electrics, Said, SharedLine
from firmware_sim.serial_devices import KINDS, DeviceName, Option, checked, device_end, named, parse_devices
from firmware_sim.table import Table, read


@dataclass(frozen=True, slots=True)
class LineSpec:
    """One line. batteries: of each device the name of its battery; empty: the service battery."""

    name: str  # empty: it has none, and is called by its devices
    devices: tuple[DeviceName, ...]
    batteries: tuple[str, ...]
    electrics: Electrics

    @property
    def title(self) -> str:
        return self.name or "+".join(map(str, self.devices))


class SimulatedLine:
    """The devices of a line, and its faults, before it has a port."""

    def __init__(
        self,
        spec: LineSpec,
        battery_of: Callable[[str], ServiceBattery],
        faults: Sequence[Fault],
        seed: int,
        said: Callable[[Said], None] = lambda _: None,
    ) -> None:
        """battery_of: the battery of a name. said: is called with each message that a device makes."""
        place = f"{seed}/{spec.name}"
        self.spec = spec
        self.faults = LineFaults(spec.name, [str(name) for name in spec.devices], faults, seed)
        self.line = SharedLine(
            [
                Attached(
                    str(name),
                    device_end(name, battery_of(battery), place),
                    SerialFaults(str(name), faults, seed, line=spec.name),
                )
                for name, battery in zip(spec.devices, spec.batteries, strict=True)
            ],
            spec.electrics,
            seed=seed,
            said=said,
        )

    def on(self, port: Port, ended: Callable[[Said], None] = lambda _: None, *, name: str = "") -> SerialLine:
        """Put the line on a port; name: as reports have it; empty: its own."""
        return SerialLine(name or self.spec.title, self.line, port, self.faults, ended)


def line_spec(name: str, lines: Iterable[LineSpec]) -> LineSpec:
    """Return the one of `lines` that has that name, or the devices that it names. Raises ValueError."""
    for line in lines:
        if line.name == name:
            return line
    devices = parse_devices(name)
    return LineSpec("", devices, ("",) * len(devices), Electrics())


def read_lines(tables: Sequence[Table], batteries: Collection[str]) -> tuple[LineSpec, ...]:
    """Read [[serial]]."""
    found: list[LineSpec] = []
    for table in tables:
        line = _read_line(table, batteries)
        if line.name in KINDS or not line.name.replace("-", "_").isidentifier():
            raise table.wrong(
                "name", f"{line.name!r} must be letters, digits, - and _, and not a kind of device"
            )
        if line.name in [other.name for other in found]:
            raise table.wrong("name", f"another line is already called {line.name!r}")
        found.append(line)
    return tuple(found)


def _read_line(table: Table, batteries: Collection[str]) -> LineSpec:
    devices = [_read_device(one, batteries) for one in table.take_tables("device")]
    if not devices:
        raise table.wrong("device", "is missing", "a line has one [[serial.device]] at least")
    try:
        names = checked(tuple(name for name, _ in devices))
    except ValueError as error:
        raise table.wrong("device", str(error)) from None
    return LineSpec(
        table.take_text("name"),
        names,
        tuple(battery for _, battery in devices),
        read(Electrics, table),
    )


def _read_device(table: Table, batteries: Collection[str]) -> tuple[DeviceName, str]:
    kind = table.take_text("kind", one_of=tuple(KINDS))
    battery = table.take_optional_text("battery") or ""
    if battery and battery not in batteries:
        raise table.wrong("battery", f"there is no [[battery]] {battery!r}", ", ".join(batteries))
    options: dict[str, Option] = {}
    for name, wanted in KINDS[kind].options.items():
        if name in table:
            options[name] = _option(table, name, wanted)
    try:
        device = named(kind, table.take_optional_integer("address", least=0, most=10**12 - 1), options)
    except ValueError as error:
        raise table.wrong("address", str(error)) from None
    table.close()
    return device, battery


def _option(table: Table, name: str, wanted: type) -> Option:
    if wanted is bool:
        return table.take_flag(name)
    if wanted is int:
        return table.take_integer(name, least=0, most=1 << 32)
    return table.take_number(name) if wanted is float else table.take_text(name)
