"""A status socket that answers while a test looks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from telemetry.live.status_socket import StatusServer


@contextmanager
def answering(directory: Path, describe: Callable[[str], Mapping[str, Any]]) -> Iterator[None]:
    """Answer each request by `describe`, at a socket in `directory`."""
    server = StatusServer(directory, describe)
    server.start()
    try:
        yield
    finally:
        server.close()
