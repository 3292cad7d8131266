"""Which recordings a path names: one file, those of a folder and of all folders in it, or those of a glob."""

import glob
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from telemetry.errors import InputMissingError
from telemetry.logs.archives import is_shown
from telemetry.logs.formats import endings
from telemetry.logs.inflate import ENDINGS


def recording_files(paths: Iterable[Path], warn: Callable[[Iterable[str]], object]) -> list[Path]:
    """Return the files, those of a folder or a glob in the order of their names.

    A path that exists is itself, whatever its letters. Of a folder those are recordings whose names end as
    such do; `warn` takes a line of what is left out, but for what is hidden. Raises InputMissingError where
    no recording is found.
    """
    return [file for path in paths for file in _files(path, warn)]


def _files(path: Path, warn: Callable[[Iterable[str]], object]) -> Iterator[Path]:
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError:  # a name that is too long, a folder that this user may not enter: its reader says so
        is_folder, is_there = False, True
    if (is_there and not is_folder) or not (is_folder or glob.has_magic(str(path))):
        yield path
        return
    known = endings()
    recordings, others = list[Path](), list[Path]()
    if is_folder:
        found = [each for each in path.rglob("*") if is_shown(str(each.relative_to(path)))]
    else:  # Path.glob takes no absolute pattern
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - not absolute
    for file in sorted(each for each in found if each.is_file()):
        (recordings if not is_folder or _ending(file) in known else others).append(file)
    if not recordings:
        what = "holds no file that is named as a recording" if is_folder else "matches no file"
        hint = f"known are {', '.join(f'.{each}' for each in sorted(known))}"
        raise InputMissingError(what, where=str(path), hint=hint)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        warn([f"{path}: left out, since not named as recordings: {others[0].relative_to(path)}{more}"])
    yield from recordings


def _ending(file: Path) -> str:
    """Return how a name ends but for its compression, without the dot; "" if it has no ending."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] in ENDINGS:
        suffixes.pop()
    return suffixes[-1][1:] if suffixes else ""
