"""The kinds of sinks, by the table of the configuration that each reads.

Promises: a configuration has one sink, of the first kind where it names none. Another kind is one more entry
of KINDS, or a package's (`telemetry.plugins`). A kind is imported when it is used.
"""

from collections.abc import Callable
from typing import Any

from telemetry import plugins
from telemetry.errors import ConfigError
from telemetry.settings.table import TomlTable
from telemetry.sinks.settings import SinkSettings


def _influx() -> type[SinkSettings]:
    from telemetry.sinks.influx.settings import InfluxSettings

    return InfluxSettings


KINDS: dict[str, Callable[[], type[SinkSettings]]] = {"influx": _influx}
plugins.reserve("sinks", KINDS)


def named_sink(top: TomlTable) -> tuple[type[SinkSettings], TomlTable]:
    """Return the kind of a configuration's sink, and its table. Raises ConfigError.

    top: without the tables that are something else.
    """
    kinds = dict(KINDS)
    for name in top.tables():
        if added := plugins.find("sinks", name, _settings_of_package):
            kinds[name] = lambda added=added: added  # type: ignore[misc]  # bound now
    named = [kind for kind in kinds if kind in top]
    tables = {kind: top.take_table(kind) for kind in kinds}
    if len(named) > 1:
        what = f"is a second sink beside [{named[0]}]"
        raise ConfigError(what, where=tables[named[1]].where(), hint="keep one of them")
    kind = named[0] if named else next(iter(KINDS))
    return kinds[kind](), tables[kind]


def _settings_of_package(found: Any) -> type[SinkSettings]:
    if not (isinstance(found, type) and issubclass(found, SinkSettings)):
        raise TypeError("is no class of SinkSettings")
    return found


def first_kind() -> type[SinkSettings]:
    """Return the kind whose keys are options of commands."""
    return next(iter(KINDS.values()))()
