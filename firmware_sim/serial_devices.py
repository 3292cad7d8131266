"""The devices that the simulator puts on serial lines: boards over the service battery, and its charger.

Promises: a device of any kind reports the same plant, so that readers of different protocols agree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from firmware_sim.ecus.readings import Readings, of_board
from firmware_sim.ecus.service_battery import ServiceBattery
from firmware_sim.faults.kinds import SERIAL_DEVICES
from firmware_sim.links.serial_line import DeviceEnd
from firmware_sim.links.shared_line import SharedLine
from firmware_sim.wire.ant_new import AntNewLine
from firmware_sim.wire.ant_old import AntOldLine
from firmware_sim.wire.jbd import JbdLine
from firmware_sim.wire.jk_55aa import Jk55aaFirmware, Jk55aaLine
from firmware_sim.wire.jk_nw import JkNwLine
from firmware_sim.wire.pylontech import FIRST_MODULE, PylontechFirmware, PylontechLine
from firmware_sim.wire.seplos_v2 import SeplosFirmware, SeplosLine
from firmware_sim.wire.vedirect import VeDirectLine

# The addresses that devices may have, and the one of a device that is given none.
_ADDRESSES = {
    "jk_55aa": (range(16), 1),
    "seplos_v2": (range(16), 0),
    "pylontech": (range(FIRST_MODULE, 0xF0, 16), FIRST_MODULE),  # of the first module of each group
}


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A device as it is named on the command line: its kind and, where it has one, its address."""

    kind: str
    address: int = 0


def parse_devices(text: str) -> tuple[DeviceName, ...]:
    """`KIND[:ADDRESS][+…]` of one line. Raises ValueError with what is wrong."""
    names = tuple(_parse_device(part) for part in text.split("+"))
    if len(names) > 1 and any(name.kind not in _ADDRESSES for name in names):
        raise ValueError(f"only devices with addresses share a line: {', '.join(_ADDRESSES)}")
    if len(set(names)) < len(names):
        raise ValueError("two devices on a line have one address")
    return names


def _parse_device(text: str) -> DeviceName:
    kind, colon, digits = text.partition(":")
    if kind not in SERIAL_DEVICES:
        raise ValueError(f"no device is called {kind!r}; there are {', '.join(SERIAL_DEVICES)}")
    allowed, usual = _ADDRESSES.get(kind, (range(0), 0))
    if not colon:
        return DeviceName(kind, usual)
    if not allowed:
        raise ValueError(f"{kind} has no address")
    if not digits.isdecimal() or int(digits) not in allowed:
        raise ValueError(f"{kind} has addresses {', '.join(map(str, allowed))}, not {digits!r}")
    return DeviceName(kind, int(digits))


def device_end(names: Sequence[DeviceName], service: ServiceBattery) -> DeviceEnd:
    """The end of a line with these devices."""
    ends = [_MAKERS[name.kind](service, name.address) for name in names]
    return ends[0] if len(ends) == 1 else SharedLine(ends)


def _readings(service: ServiceBattery) -> Callable[[], Readings]:
    return lambda: of_board(service.bms)


_MAKERS: Mapping[str, Callable[[ServiceBattery, int], DeviceEnd]] = {
    "jbd": lambda service, _: JbdLine(service.bms),
    "vedirect": lambda service, _: VeDirectLine(service.solar),
    "jk_nw": lambda service, _: JkNwLine(_readings(service)),
    "jk_55aa": lambda service, address: Jk55aaLine(_readings(service), Jk55aaFirmware(address=address)),
    "seplos_v2": lambda service, address: SeplosLine(_readings(service), SeplosFirmware(address=address)),
    "pylontech": lambda service, address: PylontechLine(
        [_readings(service)], PylontechFirmware(group=address >> 4, wide=(True,))
    ),
    "ant_old": lambda service, _: AntOldLine(_readings(service)),
    "ant_new": lambda service, _: AntNewLine(_readings(service)),
}
