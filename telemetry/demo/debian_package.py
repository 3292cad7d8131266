"""Programs out of Debian packages, for those who may not install any: the demonstration and the tests.

Promises: no root, no change outside `cache`, no service started; a package is downloaded once. Relies on
apt-get and dpkg-deb, on the machine's own sources.list, and on the network the first time. The package lists
are fetched into `cache` too, since those of the machine may be stale, absent or not ours to update.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from telemetry.errors import UnavailableError
from telemetry.ownership import make_own_directories, own_folder

_COMMAND_TIMEOUT_S = 300.0


def debian_program(package: str, program: str, cache: Path) -> Path:
    """Return the path of `program` (such as `usr/bin/influxd`), unpacked from `package` into `cache`.

    Raises UnavailableError where there is no apt-get, no network or no such package.
    """
    unpacked = cache / "debian" / package
    try:
        make_own_directories(unpacked.parent)
        with own_folder(unpacked.parent):
            pass  # what is in it will be run
    except OSError as error:
        raise UnavailableError(f"cannot be used: {error.strerror}", where=str(unpacked.parent)) from error
    if not (unpacked / program).is_file():
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise UnavailableError(
                f"{package} cannot be had", where="apt-get", hint="this is no Debian; set INFLUXDB_V2_URL"
            )
        with tempfile.TemporaryDirectory(dir=cache, prefix="apt-") as work:
            _unpack(package, Path(work))
            if not (Path(work) / "root" / program).is_file():
                raise UnavailableError(f"has no {program}", where=f"Debian package {package}")
            try:
                (Path(work) / "root").rename(unpacked)
            except OSError as error:
                if not (unpacked / program).is_file():  # otherwise another process was faster
                    raise UnavailableError(f"cannot be written: {error}", where=str(unpacked)) from error
    return unpacked / program


def _unpack(package: str, work: Path) -> None:
    for folder in ("state/lists/partial", "cache/archives/partial", "root"):
        (work / folder).mkdir(parents=True)
    options = [
        f"Dir::State={work}/state",
        "Dir::State::status=/var/lib/dpkg/status",
        f"Dir::Cache={work}/cache",
        "APT::Sandbox::User=",  # the user _apt could not write into our folder
        "Acquire::Languages=none",
    ]
    apt_get = ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]
    _run([*apt_get, "update"], work)
    _run([*apt_get, "download", package], work)
    archives = list(work.glob("*.deb"))
    if not archives:
        raise UnavailableError("was not downloaded", where=f"Debian package {package}")
    _run(["dpkg-deb", "-x", str(archives[0]), str(work / "root")], work)


def _run(command: list[str], folder: Path) -> None:
    try:
        finished = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"did not run: {error}", where=command[0]) from error
    if finished.returncode != 0:
        words = finished.stderr.strip().splitlines() or [f"exit code {finished.returncode}"]
        raise UnavailableError(words[-1], where=command[0], hint="is the network there?")
