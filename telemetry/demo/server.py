"""A database server for a demonstration or a test, a child process on a free loopback port; and its program,
out of a Debian package for those who may not install any.

Promises:
- It listens on 127.0.0.1 only, and keeps its data in the folder that the caller names.
- It ends with its parent, as every `Child`: a Ctrl-C or a crash leaves nothing running.
- The system's own server and its data stay untouched.
- A package is downloaded once. It takes no root, changes nothing outside `cache` and starts no service.
  Package lists are fetched into `cache` too, since those of the machine may be stale, absent or not ours to
  update.

Relies on apt-get and dpkg-deb, on the machine's own sources.list, and on the network the first time.
"""

import http.client
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from telemetry.clock import Clock
from telemetry.demo.children import Child, ticks
from telemetry.errors import UnavailableError
from telemetry.ownership import make_own_directories, own_folder

_START_ATTEMPTS = 3  # another process may take the free port before the server binds it

_INFLUXDB1_CONFIGURATION = """\
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = {auth_enabled}
log-enabled = false
flux-enabled = true
[logging]
level = "warn"
"""
_COMMAND_TIMEOUT_S = 300.0


class ServerProcess(Child):
    """A running server."""

    def __init__(self, command: Sequence[str], folder: Path, port: int) -> None:
        super().__init__(command[0], command, folder / "server.log", cwd=folder, at_end="KILL")
        self.port = port
        self.url = f"http://127.0.0.1:{port}"


def start_server(
    arguments: Callable[[int], Sequence[str]],
    folder: Path,
    clock: Clock,
    *,
    ready_path: str,
    ready_status: int | None = None,
    timeout_s: float = 30.0,
    niceness: int = 0,
) -> ServerProcess:
    """Start the program `arguments(port)` and wait until GET `ready_path` is answered as by that program.

    ready_status: of that answer; None: any 2xx. niceness: 0 to 19, how far it gives way to other
    processes. The program's output goes to `folder`/server.log. Raises UnavailableError with its last line
    when it ends by itself or is not ready after `timeout_s`.
    """
    for _ in range(_START_ATTEMPTS):
        port = _free_port()
        server = ServerProcess(["nice", f"-n{niceness}", *arguments(port)], folder, port)
        for _ in ticks(clock, timeout_s):
            if not server.running:
                break
            if _answers(port, ready_path, ready_status) and server.running:
                return server
        server.stop()
    raise UnavailableError(f"did not start: {server.last_words}", where=str(arguments(0)[0]))


def start_influxdb1(
    folder: Path, cache: Path, clock: Clock, *, auth_enabled: bool = False, niceness: int = 0
) -> ServerProcess:
    """Start Debian's InfluxDB 1.6.7, with its data in `folder`.

    auth_enabled: requests need a user; the request that makes the first one (CREATE USER) does not.
    """
    program = debian_program("influxdb", "usr/bin/influxd", cache)
    configuration = folder / "influxdb.conf"

    def arguments(port: int) -> Sequence[str]:
        configuration.write_text(
            _INFLUXDB1_CONFIGURATION.format(
                folder=folder, port=port, auth_enabled="true" if auth_enabled else "false"
            ),
            "utf-8",
        )
        return [str(program), "-config", str(configuration)]

    # A page of another program that took the port first is not an answer of InfluxDB.
    return start_server(arguments, folder, clock, ready_path="/ping", ready_status=204, niceness=niceness)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str, wanted: int | None) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
        return 200 <= status < 300 if wanted is None else status == wanted
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


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
