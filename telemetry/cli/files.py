"""`nev-telemetry files FOLDER`: writes out what lies beside the program.

The unit, udev and sysctl files, bus settings, a configuration to begin with, and the dashboards of Grafana.
With --retention instead what `retention --apply` installs in a database. A file that is already there stays
as it is.
"""

import argparse
import contextlib
import importlib.metadata
import sys
from pathlib import Path

from telemetry.errors import EXIT_OK, InputMissingError, writing
from telemetry.retention.kept import files

EXAMPLES = ("nev-telemetry-files", "--retention retention")
INSTALLED = "share/nev-telemetry/"  # where a wheel puts them, below the environment
FOLDERS = ("packaging", "dashboards")
_CHECKOUT = Path(__file__).parents[2]
_OF_BUILDERS = ("packaging/debian/", "packaging/compose/")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to; made if it is missing")
    words = "instead the tasks (InfluxDB 2.x) and continuous queries (1.x) that `retention` installs"
    parser.add_argument("--retention", action="store_true", help=words)
    parser.add_argument("--database", default="fleet", metavar="NAME", help="of these (default: fleet)")


def run(arguments: argparse.Namespace) -> int:
    """Write what is missing there; print each file that was written."""
    kept = 0
    if arguments.retention:
        contents = {name: text.encode() for name, text in files(arguments.database)}
    else:
        contents = {name: source.read_bytes() for name, source in sorted(shipped_files().items())}
    for name, content in contents.items():
        target = arguments.folder / name
        with writing(target):
            if target.exists():
                kept += 1
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        print(target)
    if kept:
        are = (
            "file was there already and is as it was"
            if kept == 1
            else "files were there already and are as they were"
        )
        sys.stderr.write(f"{kept} {are}\n")
    return EXIT_OK


def shipped_files(what: str = "files were", named: str = "") -> dict[str, Path]:
    """Return by its name below DIR where each file lies: beside an installed wheel, or in a checkout.

    Raises InputMissingError if nothing was installed, or not what is `named`. what: they are, for that.
    """
    found = {}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # a checkout that is not installed
        for file in importlib.metadata.files("nev-telemetry") or ():
            if INSTALLED in file.as_posix():
                found[file.as_posix().rpartition(INSTALLED)[2]] = Path(str(file.locate()))
    for path in () if found else (path for folder in FOLDERS for path in (_CHECKOUT / folder).rglob("*")):
        name = path.relative_to(_CHECKOUT).as_posix()
        if path.is_file() and path.suffix not in (".py", ".pyc") and not name.startswith(_OF_BUILDERS):
            found[name] = path
    if not found or (named and named not in found):
        hint = "install the wheel, or use a clone"
        raise InputMissingError(f"no {what} installed beside it", where="nev-telemetry", hint=hint)
    return found
