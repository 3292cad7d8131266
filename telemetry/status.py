"""The status socket: a running service answers each connection with one JSON object and closes it.

Promises: works whatever the server, the disk or the bus do, since it only reads what other threads have
published; one client at a time, each with a second at most; nothing secret is in it. The socket lies in the
spool's directory, which only the service's own user may enter.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from telemetry.errors import DataError, UnavailableError

SOCKET_NAME = "status.sock"
CLIENT_TIMEOUT_S = 1.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024


class StatusServer:
    """Serves `describe()` on a UNIX socket in `directory`, from a thread of its own."""

    def __init__(self, directory: Path, describe: Callable[[], Mapping[str, Any]]) -> None:
        self._path = directory / SOCKET_NAME
        self._describe = describe
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)

    def start(self) -> None:
        """Bind and begin to answer. A socket left by a killed service is replaced."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listener.listen(8)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and remove the socket."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._thread.join(CLIENT_TIMEOUT_S + 1.0)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            with client, contextlib.suppress(OSError):
                client.settimeout(CLIENT_TIMEOUT_S)
                client.sendall(json.dumps(self._describe()).encode())


def query_status(directory: Path) -> dict[str, Any]:
    """What the service whose spool is in `directory` says of itself. Raises UnavailableError."""
    path = directory / SOCKET_NAME
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(3.0)
            client.connect(str(path))
            while chunk := client.recv(65536):
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise DataError("answers more than a status", where=str(path))
    except OSError as error:
        raise UnavailableError(
            f"no service answers: {error.strerror or error}",
            where=str(path),
            hint="is `nev-telemetry run` up?",
        ) from error
    try:
        status = json.loads(answer)
    except ValueError as error:
        raise DataError("answers something that is not a status", where=str(path)) from error
    if not isinstance(status, dict):
        raise DataError("answers something that is not a status", where=str(path))
    return status
