"""The known protocols by name: of serial ports, and of CAN.

Each is imported when it is asked for: a service needs few of them, and its start waits for no other.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from telemetry.protocols.can.table import CanProtocol
    from telemetry.protocols.table import SerialProtocol

_Table = TypeVar("_Table")


class OnDemand(Mapping[str, _Table]):
    """Tables of one package: each has a module of its name, with a constant of its name."""

    def __init__(self, package: str, *names: str) -> None:
        self._package = package
        self._names = dict.fromkeys(names)

    def __getitem__(self, name: str) -> _Table:
        if name not in self._names:
            raise KeyError(name)
        table: _Table = getattr(import_module(f"{self._package}.{name}"), name.upper())
        return table

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


PROTOCOLS: Mapping[str, "SerialProtocol"] = OnDemand(
    "telemetry.protocols.serial",
    *("ant_new", "ant_old", "daly", "daly_modbus", "dlt645", "jbd", "jk_55aa", "jk_nw"),
    *("modbus", "pylontech", "seplos_v2", "vedirect", "vedirect_hex"),
)
CAN_PROTOCOLS: Mapping[str, "CanProtocol"] = OnDemand(
    "telemetry.protocols.can", "gbt27930", "chademo", "elcon", "elcon_extended", "huawei_r48xx", "infypower"
)
