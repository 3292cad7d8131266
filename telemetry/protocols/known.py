"""The known protocols by name: of serial ports, and of CAN.

Each is imported when it is asked for: a service needs few of them, and its start waits for no other. What is
not built in may be a package's (`telemetry.plugins`): it is found by its name, and stands in no list.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from telemetry import plugins

if TYPE_CHECKING:
    from telemetry.protocols.can.table import CanProtocol
    from telemetry.protocols.table import SerialProtocol

_Table = TypeVar("_Table")


class OnDemand(Mapping[str, _Table]):
    """Tables of one package: each has a module of its name, with a constant of its name."""

    def __init__(self, package: str, *names: str, added: str = "") -> None:
        """Name the tables. added: the class of those that packages from outside may add; empty: none."""
        self._package = package
        self._names = dict.fromkeys(names)
        self._added = added
        if added:
            plugins.reserve("protocols", names)

    def __getitem__(self, name: str) -> _Table:
        if name in self._names:
            table: _Table = getattr(import_module(f"{self._package}.{name}"), name.upper())
            return table
        if self._added:
            added: _Table | None = plugins.find("protocols", name, self._of_package)
            if added is not None:
                return added
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names or (isinstance(name, str) and self.get(name) is not None)

    def _of_package(self, table: Any) -> _Table | None:
        module, _, name = self._added.rpartition(".")
        made: _Table | None = table if isinstance(table, getattr(import_module(module), name)) else None
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


PROTOCOLS: Mapping[str, "SerialProtocol"] = OnDemand(
    "telemetry.protocols.serial",
    *("ant_new", "ant_old", "daly", "daly_modbus", "dlt645", "jbd", "jk_55aa", "jk_nw"),
    *("modbus", "pylontech", "seplos_v2", "vedirect", "vedirect_hex"),
    added="telemetry.protocols.table.SerialProtocol",
)
CAN_PROTOCOLS: Mapping[str, "CanProtocol"] = OnDemand(
    "telemetry.protocols.can",
    *("gbt27930", "chademo", "elcon", "elcon_extended", "huawei_r48xx", "infypower"),
    added="telemetry.protocols.can.table.CanProtocol",
)
