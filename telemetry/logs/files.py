"""Which recordings a path names: one file, those of a folder and of all folders in it, or those of a glob."""

import glob
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from telemetry import plugins
from telemetry.errors import InputMissingError
from telemetry.logs.inflate import ENDINGS


def recording_files(paths: Iterable[Path], warn: Callable[[Iterable[str]], object]) -> list[Path]:
    """Return the files, those of a folder or a glob in the order of their names.

    A path that exists is itself, whatever its letters. Of a folder those are recordings whose names end as
    such do; `warn` takes a line of what is left out. Raises InputMissingError where there are none.
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
    # Path.glob takes no absolute pattern.
    found = path.rglob("*") if is_folder else map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207
    files = sorted(file for file in found if file.is_file())
    recordings = [file for file in files if not is_folder or _is_named_as_recording(file)]
    if not recordings:
        what = "holds no file that is named as a recording" if is_folder else "matches no file"
        known = ", ".join(f".{each}" for each in plugins.known("logs"))
        raise InputMissingError(what, where=str(path), hint=f"known are {known}")
    if others := [file for file in files if file not in recordings]:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        warn([f"{path}: left out, since not named as recordings: {others[0].relative_to(path)}{more}"])
    yield from recordings


def _is_named_as_recording(file: Path) -> bool:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] in ENDINGS:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1][1:] in plugins.known("logs")
