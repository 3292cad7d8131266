"""The kinds of sinks, by the table of the configuration that each reads.

Promises: a configuration has one sink, of the first kind where it names none. Another kind is one more entry
of KINDS. A kind is imported when it is used.
"""

from collections.abc import Callable

from telemetry.errors import ConfigError
from telemetry.settings.table import TomlTable
from telemetry.sinks.settings import SinkSettings


def _influx() -> type[SinkSettings]:
    from telemetry.sinks.influx.settings import InfluxSettings

    return InfluxSettings


KINDS: dict[str, Callable[[], type[SinkSettings]]] = {"influx": _influx}


def named_sink(top: TomlTable) -> tuple[type[SinkSettings], TomlTable]:
    """Return the kind of a configuration's sink, and its table. Raises ConfigError."""
    named = [kind for kind in KINDS if kind in top]
    tables = {kind: top.take_table(kind) for kind in KINDS}
    if len(named) > 1:
        what = f"is a second sink beside [{named[0]}]"
        raise ConfigError(what, where=tables[named[1]].where(), hint="keep one of them")
    kind = named[0] if named else next(iter(KINDS))
    return KINDS[kind](), tables[kind]


def first_kind() -> type[SinkSettings]:
    """Return the kind whose keys are options of commands."""
    return next(iter(KINDS.values()))()
