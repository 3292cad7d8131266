"""The known protocols by name: of serial ports, and of CAN.

Each is imported when it is asked for: a service needs few of them, and its start waits for no other.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar

from telemetry.protocols.can.table import CanProtocol
from telemetry.protocols.table import SerialProtocol

_Protocol = TypeVar("_Protocol")


class _Known(Mapping[str, _Protocol]):
    """Protocols of one folder: each has a module of its name, with a constant of its name."""

    def __init__(self, folder: str, *names: str) -> None:
        self._folder = folder
        self._names = dict.fromkeys(names)

    def __getitem__(self, name: str) -> _Protocol:
        if name not in self._names:
            raise KeyError(name)
        module = import_module(f"telemetry.protocols.{self._folder}.{name}")
        protocol: _Protocol = getattr(module, name.upper())
        return protocol

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


PROTOCOLS: Mapping[str, SerialProtocol] = _Known(
    "serial",
    *("ant_new", "ant_old", "daly", "daly_modbus", "dlt645", "jbd", "jk_55aa", "jk_nw"),
    *("modbus", "pylontech", "seplos_v2", "vedirect", "vedirect_hex"),
)
CAN_PROTOCOLS: Mapping[str, CanProtocol] = _Known(
    "can", "gbt27930", "chademo", "elcon", "elcon_extended", "huawei_r48xx", "infypower"
)
