"""nev-telemetry: battery and charging telemetry from vehicle buses into InfluxDB.

For Python: `telemetry.read("drive.blf", databases="ev.dbc")["PackState"].to_pandas()`; docs/python.md has
the rest.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telemetry.errors import TelemetryError as TelemetryError
    from telemetry.overview.notebook import plot as plot
    from telemetry.overview.notebook import sessions as sessions
    from telemetry.overview.notebook import signals as signals
    from telemetry.tables.databases import Databases as Databases
    from telemetry.tables.databases import load_databases as load_databases
    from telemetry.tables.log import Log as Log
    from telemetry.tables.log import open_log as open_log
    from telemetry.tables.read import open as open  # noqa: A004  called telemetry.open
    from telemetry.tables.read import read as read
    from telemetry.tables.table import Table as Table
    from telemetry.tables.table import Tables as Tables

__version__ = "0.1.0"

_MODULES = {  # imported when asked for: commands and the service import this package too
    "Databases": "tables.databases",
    "Log": "tables.log",
    "Table": "tables.table",
    "Tables": "tables.table",
    "TelemetryError": "errors",
    "load_databases": "tables.databases",
    "open": "tables.read",
    "open_log": "tables.log",
    "plot": "overview.notebook",
    "read": "tables.read",
    "sessions": "overview.notebook",
    "signals": "overview.notebook",
}
__all__ = [*_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
