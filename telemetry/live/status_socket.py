"""The status socket: a running service answers each connection with one JSON object and closes it.

A client may first send one line that names what it wants in addition. A client that says nothing gets the
plain status after REQUEST_TIMEOUT_S.

Promises:
- It works whatever the server, the disk or the bus do, since it only reads what other threads have published.
- It serves one client at a time, each for little more than a second at most.
- Nothing secret is in the answer.
- The socket lies in the spool's directory, which only the service's own user may enter. Its path may have any
  length.
- The service runs without it where the disk takes no socket, or the system gives no thread.
"""

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from telemetry.errors import DataError, UnavailableError
from telemetry.threads import start

LOG = logging.getLogger(__name__)

SOCKET_NAME = "status.sock"
CLIENT_TIMEOUT_S = 1.0
REQUEST_TIMEOUT_S = 0.2
RETRY_S = 1.0
MAX_REQUEST_BYTES = 64
MAX_ANSWER_BYTES = 4 * 1024 * 1024


class StatusServer:
    """Serves `describe(request)` on a UNIX socket in `directory`, from a thread of its own.

    request: the line that the client sent, or nothing.
    """

    def __init__(self, directory: Path, describe: Callable[[str], Mapping[str, Any]]) -> None:
        self._path = directory / SOCKET_NAME
        self._describe = describe
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)

    def start(self) -> None:
        """Bind and begin to answer. A socket left by a killed service is replaced.

        The socket gets its name only when it listens, so a client that sees it is never refused.
        """
        unnamed = self._path.with_name(f"{SOCKET_NAME}.new")
        try:
            with contextlib.suppress(FileNotFoundError):
                unnamed.unlink()
            os.fchmod(self._listener.fileno(), 0o600)  # the file's mode once it is bound
            with _address(unnamed) as address:
                self._listener.bind(address)
            self._listener.listen(8)
            unnamed.replace(self._path)
            start(self._thread)
        except (OSError, UnavailableError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            LOG.warning("%s: no status: %s", self._path, reason)

    def close(self) -> None:
        """Stop answering and remove the socket."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._path.unlink()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._thread.ident is not None:
            self._thread.join(CLIENT_TIMEOUT_S + 1.0)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed; or out of descriptors, which passes
                if self._closing.wait(RETRY_S):
                    return
                continue
            with client:
                try:
                    request = _receive_line(client)
                    client.settimeout(CLIENT_TIMEOUT_S)
                    client.sendall(json.dumps(self._describe(request)).encode())
                except OSError:
                    continue  # the client's trouble
                except Exception:
                    LOG.exception("the status cannot be answered")


def _receive_line(client: socket.socket) -> str:
    """Return what the client says before it waits for its answer. Only one line that comes at once counts."""
    client.settimeout(REQUEST_TIMEOUT_S)
    try:
        return client.recv(MAX_REQUEST_BYTES).decode("ascii", "replace").strip()
    except TimeoutError:
        return ""


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield a name of `path` that fits into the 108 bytes of a socket's address, and is valid inside."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def query_status(directory: Path, request: str = "status") -> dict[str, Any]:
    """Return the status of the service whose spool is in `directory`. Raises UnavailableError without one.

    request: `messages` includes the last values of all messages, from the second answer on.
    """
    path = directory / SOCKET_NAME
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(3.0)
            with _address(path) as address:
                client.connect(address)
            client.sendall(request.encode("ascii") + b"\n")
            while chunk := client.recv(65536):
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise DataError("answers more than a status", where=str(path))
    except OSError as error:
        is_closed = isinstance(error, PermissionError)
        raise UnavailableError(
            f"no service answers: {error.strerror or error}",
            where=str(path),
            hint="as the service's user, or by sudo" if is_closed else "is `nev-telemetry run` up?",
        ) from error
    try:
        status = json.loads(answer)
    except ValueError as error:
        raise DataError("answers something that is not a status", where=str(path)) from error
    if not isinstance(status, dict):
        raise DataError("answers something that is not a status", where=str(path))
    return status
