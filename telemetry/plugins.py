"""Packages from outside, which add protocols, formats of logs, sources and sinks by their entry points.

Promises:

- What is built in cannot be replaced: its names are reserved.
- What is installed is listed for a name that is not built in, and for help. Only what is named is imported.
- A package that fails costs what names it: one line says which package, and why.
"""

import contextlib
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from telemetry.errors import MissingPackageError, TelemetryError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
Group = Literal["protocols", "logs", "sources", "sinks"]
GROUPS: tuple[Group, ...] = get_args(Group)

_reserved: dict[Group, set[str]] = {group: set() for group in GROUPS}
_loaded: dict[tuple[Group, str], str] = {}  # the package of each


class Choices(Collection[str]):
    """The names of some tables: `in` knows those of packages too, which only `added` lists."""

    def __init__(self, group: Group, *tables: Mapping[str, Any]) -> None:
        self._group: Group = group
        self._tables = tables

    def __contains__(self, name: object) -> bool:
        return any(name in table for table in self._tables)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(name for table in self._tables for name in table))

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def added(self) -> list[str]:
        """Return what packages add."""
        return listed(self._group)


def reserve(group: Group, names: Iterable[str]) -> None:
    """Note names that are built in."""
    _reserved[group].update(names)


def find(group: Group, name: str, of: Callable[[Any], T | None]) -> T | None:
    """Return what a package adds under `name`; None: none does, or `of`, which checks it, returns None.

    Raises MissingPackageError where it cannot be imported, or where two packages add it.
    """
    entries = () if name in _reserved[group] else _entries(group).get(name, ())
    if not entries:
        return None
    packages = [_package(entry) for entry in entries]
    if len(entries) > 1:
        what = f"{' and '.join(packages)} both add it"
        raise MissingPackageError(what, where=f"{group}: {name}", hint="uninstall one of them")
    with blaming(packages[0], f"{group}: {name}"):
        found = of(entries[0].load())
    if found is not None:
        _loaded[group, name] = packages[0]
    return found


@contextlib.contextmanager
def blaming(package: str, where: str) -> Iterator[None]:
    """Turn what code of a package raises into one line that names the package."""
    try:
        yield
    except TelemetryError:
        raise
    except Exception as error:
        what = f"{package} fails: {type(error).__name__}: {error}"
        raise MissingPackageError(what, where=where, hint="mend or uninstall that package") from error


def package_of(group: Group, name: str) -> str:
    """Return the package that has added what was found under a name."""
    return _loaded[group, name]


def names(group: Group) -> list[str]:
    """Return the names that packages add."""
    return sorted(_entries(group).keys() - _reserved[group])


def known(group: Group) -> list[str]:
    """Return all names, built in or of packages."""
    return sorted(_reserved[group] | _entries(group).keys())


def listed(group: Group) -> list[str]:
    """Return what packages add, each with the package in brackets."""
    return [f"{name} ({', '.join(map(_package, _entries(group)[name]))})" for name in names(group)]


def in_use() -> list[str]:
    """Return what was found in this process, for people."""
    return [f"{group}: {name} is added by {package}" for (group, name), package in _loaded.items()]


@functools.cache
def _entries(group: Group) -> Mapping[str, list["EntryPoint"]]:
    from importlib.metadata import entry_points  # it costs a start that needs none of them

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=f"nev_telemetry.{group}"):
        found.setdefault(entry.name, []).append(entry)
    return found


def _package(entry: "EntryPoint") -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
