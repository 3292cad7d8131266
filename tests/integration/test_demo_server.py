"""A server of one's own: it starts, it ends by its own process id, and it ends with its parent."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.demo.server import start_server
from telemetry.errors import UnavailableError
from tests.support.waiting import wait_until

WEB_SERVER = """\
from pathlib import Path
from telemetry.clock import Clock
from telemetry.demo.server import start_server
import sys, signal
web = lambda port: [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
print(start_server(web, Path(sys.argv[1]), Clock(), ready_path="/").pid, flush=True)
signal.pause()
"""


def web_server(port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_server_is_ready_when_it_is_returned_and_gone_when_it_is_left(tmp_path: Path) -> None:
    with start_server(web_server, tmp_path, Clock(), ready_path="/") as server:
        assert server.running
        assert server.url == f"http://127.0.0.1:{server.port}"
    assert not is_running(server.pid)


def test_another_answer_than_that_of_the_program_is_not_waited_for_in_vain(tmp_path: Path) -> None:
    """A page of another program that took the port first is a 200, where InfluxDB answers 204."""
    with pytest.raises(UnavailableError, match="did not start"):
        start_server(web_server, tmp_path, Clock(), ready_path="/", ready_status=204, timeout_s=0.5)


def test_a_server_that_ends_by_itself_gives_its_last_words(tmp_path: Path) -> None:
    def fail(port: int) -> list[str]:
        return ["sh", "-c", f"echo cannot bind {port}; exit 3"]

    with pytest.raises(UnavailableError, match="did not start: cannot bind"):
        start_server(fail, tmp_path, Clock(), ready_path="/")


def test_a_server_that_does_not_listen_to_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal, sys, http.server; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    stubborn += (
        "http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
    )
    server = start_server(
        lambda port: [sys.executable, "-c", stubborn, str(port)], tmp_path, Clock(), ready_path="/"
    )
    server.stop(grace_s=0.1)
    assert not is_running(server.pid)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv (util-linux)")
def test_a_server_ends_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", WEB_SERVER, str(tmp_path)],
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
