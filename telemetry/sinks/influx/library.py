"""influxdb-client, as the service needs it: its models of the server's API come when they are used.

Importing the library imports a model class for everything that a server's API speaks of, a service class for
each of its paths, and numpy where that is installed: 8 MB (29 with numpy) in a process that sends its own
bytes over the client's connections. Promises: `InfluxDBClient` with none of this loaded, and every name of
the library usable as ever, since a deferred module is imported when something in it is first used. Where
somebody imported the library before, this takes it as it is. Other threads import numpy as ever meanwhile.
"""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_LIBRARY = "influxdb_client"
_DEFERRED = (f"{_LIBRARY}.domain.", f"{_LIBRARY}.service.")  # a class to a module, in both


class _DeferredModule(ModuleType):
    """Stands for a module of which nothing was used yet: whatever name is taken from it, it is there."""

    def __getattr__(self, name: str) -> "_DeferredClass":
        if name.startswith("__"):
            raise AttributeError(name)
        return _DeferredClass(self.__name__, name)


class _DeferredClass:
    """Stands for a class of a deferred module; called, asked or inherited from, it is the real one."""

    def __init__(self, module: str, name: str) -> None:
        self._place = (module, name)

    def _real(self) -> Any:
        module, name = self._place
        if isinstance(sys.modules.get(module), _DeferredModule):
            del sys.modules[module]
            _deferring.wanted.add(module)
        return getattr(importlib.import_module(module), name)

    def __call__(self, *values: Any, **named: Any) -> Any:
        return self._real()(*values, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)

    def __mro_entries__(self, _: tuple[object, ...]) -> tuple[type, ...]:
        return (self._real(),)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self._real())


class _Deferring(MetaPathFinder, Loader):
    """Finds a `_DeferredModule` under every name that begins as one of `_DEFERRED`, until it is wanted.

    For the thread that made it there is no numpy, which `Point` would import where there is one.
    """

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self._thread = threading.get_ident()

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname == "numpy" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError("not needed here", name=fullname)
        if not fullname.startswith(_DEFERRED) or fullname in self.wanted:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


_deferring = _Deferring()


@contextmanager
def _only_what_is_used() -> Iterator[None]:
    if _LIBRARY in sys.modules:
        yield
        return
    sys.meta_path.insert(0, _deferring)
    try:
        yield
    finally:
        sys.meta_path.remove(_deferring)


with _only_what_is_used():
    from influxdb_client.client.influxdb_client import InfluxDBClient

__all__ = ["InfluxDBClient"]
