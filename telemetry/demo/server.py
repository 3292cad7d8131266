"""A database server for a demonstration or a test: a child process on a free loopback port.

Promises:
- It listens on 127.0.0.1 only, and keeps its data in the folder that the caller names.
- It ends with its parent, as every `Child`: a Ctrl-C or a crash leaves nothing running.
- The system's own server and its data stay untouched.
"""

import http.client
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from telemetry.clock import Clock
from telemetry.demo.children import Child, ticks
from telemetry.demo.debian_package import debian_program
from telemetry.errors import UnavailableError

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
