"""Profiles by name: those that come with the program, and a user's own by its path.

Promises: a profile that is returned goes together (`telemetry.vehicles.checks`), with all that it extends.
A file of the user's is read whenever it is asked for.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from telemetry.errors import ConfigError
from telemetry.settings.declared import read
from telemetry.settings.document import Where
from telemetry.settings.likeness import closest
from telemetry.settings.table import TomlTable
from telemetry.vehicles.checks import check
from telemetry.vehicles.profile import Profile

READY = Path(__file__).parent  # of the profiles that come with the program


@functools.cache
def names() -> tuple[str, ...]:
    """Return what the profiles that come with the program are called, by the alphabet."""
    return tuple(sorted(file.stem for file in READY.glob("*.toml")))


def is_path(name: str) -> bool:
    """Return whether it names a file of the user's, and no profile that comes with the program."""
    return "/" in name or name.endswith(".toml")


def named(name: str | Path, where: Where | str = "") -> Profile:
    """Return the profile of that name or path. Raises ConfigError. where: what names it, for messages."""
    if isinstance(name, Path) or is_path(name):
        return _whole(Path(name))
    return _ready(checked_name(name, where))


def own_files(profile: Profile) -> tuple[Path, ...]:
    """Return the user's files that it is read from."""
    return tuple(file for file in profile.files if file.parent != READY)


def checked_name(name: str, where: Where | str = "") -> str:
    """Return the name of a profile that comes with the program. Raises ConfigError where none has it."""
    if name not in names():
        near = closest(name.casefold(), names())
        hint = f"did you mean {near}?" if near else "`nev-telemetry vehicles` lists them"
        raise ConfigError(f"no vehicle is called {name!r}", where=where, hint=hint)
    return name


@functools.cache
def _ready(name: str) -> Profile:
    return _whole(READY / f"{name}.toml")


def _whole(file: Path) -> Profile:
    profile = _extended(file, ())
    check(profile)
    return profile


def _extended(file: Path, extending: Sequence[Path]) -> Profile:
    """Return a profile with what it extends. extending: the files on the way to it."""
    table = TomlTable.load(file, {})
    own = read(Profile, table, name=file.stem, file=file)
    if not own.extends:
        return own
    if is_path(own.extends):
        other = table.full_path("extends", own.extends)
    else:
        other = READY / f"{checked_name(own.extends, table.where('extends'))}.toml"
    way = (*extending, file)
    if any(other.resolve() == each.resolve() for each in way):
        circle = " -> ".join(each.name for each in (*way, other))
        raise table.wrong("extends", f"goes in a circle: {circle}", "leave one of them out")
    return own.extending(_extended(other, way))
