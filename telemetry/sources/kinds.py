"""The kinds of sources, by the table of the configuration that each reads.

Promises: a configuration names at least one source, each name stands once, and no two sources need the same
exclusive resource, whatever their kinds. Another kind is one more entry of KINDS, or a package's
(`telemetry.plugins`).

A kind is imported when a configuration names it: a service has few of them, and its start waits for no other.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from telemetry import plugins
from telemetry.errors import ConfigError, Faults
from telemetry.model.finding import Finding, Grade
from telemetry.settings.table import TomlTable
from telemetry.sources.settings import Resource, SourceSettings


def _can() -> type[SourceSettings]:
    from telemetry.sources.can.settings import CanSettings

    return CanSettings


def _python_can() -> type[SourceSettings]:
    from telemetry.sources.python_can.settings import PythonCanSettings

    return PythonCanSettings


def _serial() -> type[SourceSettings]:
    from telemetry.sources.serial.settings import SerialSettings

    return SerialSettings


def _replay() -> type[SourceSettings]:
    from telemetry.sources.replay.settings import ReplaySettings

    return ReplaySettings


KINDS: dict[str, Callable[[], type[SourceSettings]]] = {
    "can": _can,
    "python_can": _python_can,
    "serial": _serial,
    "replay": _replay,
}
plugins.reserve("sources", KINDS)


def _kinds(top: TomlTable) -> Iterator[tuple[str, Callable[[], type[SourceSettings]]]]:
    """Yield the kinds that are built in, then those of packages that the configuration names."""
    yield from KINDS.items()
    for name in top.arrays():
        if added := plugins.find("sources", name, _settings_of_package):
            yield name, lambda added=added: added  # type: ignore[misc]  # bound now


def _settings_of_package(found: Any) -> type[SourceSettings]:
    if not (isinstance(found, type) and issubclass(found, SourceSettings)):
        raise TypeError("is no class of SourceSettings")
    return found


def _read(kind: str, settings: type[SourceSettings], table: TomlTable) -> SourceSettings:
    if kind in KINDS:
        return settings.read(table)
    with plugins.blaming(plugins.package_of("sources", kind), str(table.where())):
        return settings.read(table)


def read_sources(top: TomlTable) -> tuple[SourceSettings, ...]:
    """Return all sources of a configuration. Raises ConfigError."""
    found: dict[str, SourceSettings] = {}
    names: set[str] = set()
    faults = Faults()
    taken: dict[str, tuple[str, Resource]] = {}  # by the resource's name: the first source that needs it
    for kind, settings_of_kind in _kinds(top):
        for table in faults.value(partial(top.take_tables, kind)) or ():
            with faults.gathered():
                source = _read(kind, settings_of_kind(), table)
                name = source.name
                if name in names:
                    raise table.wrong("name", f"another source is already called {name!r}")
                found[name] = source
                for device in source.names[1:]:
                    if device in names or device == name:
                        raise table.wrong("device", f"another source or device is already called {device!r}")
                names.update(source.names)
                for resource in source.resources:
                    owner, other = taken.setdefault(resource.name, (name, resource))
                    if other is not resource and other.exclusive and resource.exclusive:
                        words = f"source {owner!r} {other.use} {other.name} already"
                        hint = (
                            "several devices on one line: [[serial.device]]"
                            if other.key == resource.key == "port"
                            else ""
                        )
                        raise table.wrong(resource.key, words, hint)
    faults.raise_any()
    if not found:
        *first, last = (f"[[{kind}]]" for kind in [*KINDS, *plugins.listed("sources")])
        hint = f"add {', '.join(first)} or {last}"
        raise ConfigError("names no source", where=top.where(), hint=hint)
    return tuple(found.values())


def sharing(sources: Sequence[SourceSettings]) -> Iterator[Finding]:
    """Yield what several sources read at once, for `check`: each of them counts and decodes every frame."""
    readers: dict[tuple[str, str], list[str]] = {}
    for source in sources:
        for resource in source.resources:
            readers.setdefault((resource.key, resource.name), []).append(source.name)
    for (key, name), names in readers.items():
        if len(names) > 1:
            words = f"{key} {name} is read by {' and '.join(names)}: each decodes every frame"
            yield Finding(Grade.WARNING, words)
