"""Which database files a path names: one file, those of a folder and what lies in it, or those of a glob."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from telemetry.errors import ConfigError

ENDINGS = (".arxml", ".dbc", ".kcd", ".sym")
MOST_ENTRIES = 100_000  # files and folders of a folder that is searched: opendbc has 5,000, a home many more


def database_files(path: Path) -> list[Path]:
    """Return the files, of a folder or a glob in the order of their names.

    A folder is searched in depth, but for hidden folders and links to folders. A path that exists is itself,
    whatever its letters. Raises ConfigError for a folder or a glob without any, for a folder that cannot be
    read, and for one of more than MOST_ENTRIES files and folders.
    """
    text = str(path)
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError:  # a name that is too long, a folder that this user may not enter: its reader says so
        return [path]
    if is_folder:
        found, what = list(_in_depth(path)), "holds no database, in depth"
    elif not is_there and glob.has_magic(text):
        # Path.glob takes no absolute pattern.
        found, what = [Path(name) for name in glob.glob(text, recursive=True)], "matches no database"  # noqa: PTH207
    else:
        return [path]
    files = sorted(file for file in found if file.suffix.lower() in ENDINGS and file.is_file())
    if not files:
        raise ConfigError(what, where=text, hint=f"known are {', '.join(ENDINGS)}")
    return files


def _in_depth(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of the folders in it."""

    def refuse(error: OSError) -> None:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(error.filename)) from error

    entries = 0
    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        entries += len(folders) + len(files)
        if entries > MOST_ENTRIES:
            words = (
                f"is searched for databases in depth, and has more than {MOST_ENTRIES:,} files and folders"
            )
            raise ConfigError(words, where=str(folder), hint="name a folder nearer to them")
        yield from (Path(place, name) for name in files)
