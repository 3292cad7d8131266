"""A database server for a demonstration or a test: a child process on a free loopback port.

Promises:
- It listens on 127.0.0.1 only, and keeps its data in the folder that the caller names.
- It ends by its own process id, and with its parent (PR_SET_PDEATHSIG, through setpriv of util-linux): a
  Ctrl-C or a crash leaves nothing running.
- The system's own server and its data stay untouched.
"""

import http.client
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from telemetry.clock import Clock
from telemetry.demo.debian_package import debian_program
from telemetry.errors import UnavailableError

_START_ATTEMPTS = 3  # another process may take the free port before the server binds it
_POLL_S = 0.05

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


class ServerProcess:
    """A running server. Use as a context manager, or call `stop`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self._process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def stop(self, grace_s: float = 5.0) -> None:
        """End the process by its id: SIGTERM, then SIGKILL after `grace_s`."""
        end_process(self._process, grace_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def end_process(process: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """SIGTERM, and SIGKILL after `grace_s`; returns when the process has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def start_server(
    arguments: Callable[[int], Sequence[str]],
    folder: Path,
    clock: Clock,
    *,
    ready_path: str,
    ready_status: int | None = None,
    timeout_s: float = 30.0,
    environment: Mapping[str, str] | None = None,
    niceness: int = 0,
) -> ServerProcess:
    """Start the program `arguments(port)` and wait until GET `ready_path` is answered as by that program.

    ready_status: of that answer; None: any 2xx. niceness: 0 to 19, how far it gives way to other
    processes. The program's output goes to `folder`/server.log. Raises UnavailableError with its last line
    when it ends by itself or is not ready after `timeout_s`.
    """
    log = folder / "server.log"
    for _ in range(_START_ATTEMPTS):
        port = _free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*ends_with_parent("KILL"), "nice", f"-n{niceness}", *arguments(port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(environment or {})},
            )
        server = ServerProcess(process, port, log)
        if _wait_until_ready(server, ready_path, ready_status, clock, timeout_s):
            return server
        server.stop()
    last_words = log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
    raise UnavailableError(f"did not start: {last_words[-1][:300]}", where=str(arguments(0)[0]))


def start_influxdb1(
    folder: Path, cache: Path, clock: Clock, *, auth_enabled: bool = False, niceness: int = 0
) -> ServerProcess:
    """Debian's InfluxDB 1.6.7, with its data in `folder`.

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


def ends_with_parent(signal_name: str) -> list[str]:
    """What to put before a command so that it gets this signal when its parent ends, however that ends."""
    return ["setpriv", "--pdeathsig", signal_name, "--"] if shutil.which("setpriv") else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(
    server: ServerProcess, path: str, status: int | None, clock: Clock, timeout_s: float
) -> bool:
    never = threading.Event()
    deadline_s = clock.monotonic_s() + timeout_s
    while server.running() and clock.monotonic_s() < deadline_s:
        if _answers(server.port, path, status):
            return server.running()
        clock.wait(never, _POLL_S)
    return False


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
