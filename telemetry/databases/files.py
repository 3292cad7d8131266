"""Which database files a path names: one file, those of a folder, or those of a glob."""

import glob
from pathlib import Path

from telemetry.errors import ConfigError

ENDINGS = (".arxml", ".dbc", ".kcd", ".sym")


def database_files(path: Path) -> list[Path]:
    """Return the files, of a folder or a glob in the order of their names.

    A path that exists is itself, whatever its letters. Raises ConfigError for a folder or a glob without any.
    """
    text = str(path)
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError:  # a name that is too long, a folder that this user may not enter: its reader says so
        return [path]
    if is_folder:
        found, what = list(path.iterdir()), "holds no database"
    elif not is_there and glob.has_magic(text):
        # Path.glob takes no absolute pattern.
        found, what = [Path(name) for name in glob.glob(text, recursive=True)], "matches no database"  # noqa: PTH207
    else:
        return [path]
    files = sorted(file for file in found if file.suffix.lower() in ENDINGS and file.is_file())
    if not files:
        raise ConfigError(what, where=text, hint=f"known are {', '.join(ENDINGS)}")
    return files
