import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.errors import DataError, UnavailableError
from telemetry.live.status_socket import SOCKET_NAME, StatusServer, query_status


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StatusServer]:
    server = StatusServer(tmp_path, lambda _request: {"vehicle": "van"})
    server.start()
    yield server
    server.close()


@pytest.mark.usefixtures("server")
def test_a_running_service_answers_with_its_status(tmp_path: Path) -> None:
    assert query_status(tmp_path) == {"vehicle": "van"}
    assert query_status(tmp_path) == {"vehicle": "van"}


@pytest.mark.usefixtures("server")
def test_a_client_that_says_and_reads_nothing_blocks_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.connect(str(tmp_path / SOCKET_NAME))
        assert query_status(tmp_path) == {"vehicle": "van"}


@pytest.mark.usefixtures("server")
def test_the_socket_is_for_its_owner_only(tmp_path: Path) -> None:
    assert (tmp_path / SOCKET_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", [SOCKET_NAME, f"{SOCKET_NAME}.new"])
def test_a_socket_left_by_a_killed_service_is_replaced(tmp_path: Path, name: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / name))
    server = StatusServer(tmp_path, lambda _request: {"vehicle": "again"})
    server.start()
    assert query_status(tmp_path) == {"vehicle": "again"}
    server.close()
    assert not (tmp_path / SOCKET_NAME).exists()


def test_a_client_that_sees_the_socket_is_never_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = socket.socket.listen
    seen_before: list[bool] = []

    def watched(listener: socket.socket, backlog: int) -> None:
        seen_before.append((tmp_path / SOCKET_NAME).exists())
        listen(listener, backlog)

    monkeypatch.setattr(socket.socket, "listen", watched)
    server = StatusServer(tmp_path, lambda _request: {"vehicle": "van"})
    server.start()
    try:
        assert seen_before == [False]
        assert query_status(tmp_path) == {"vehicle": "van"}
        assert [path.name for path in tmp_path.iterdir()] == [SOCKET_NAME]
    finally:
        server.close()


def test_a_connection_that_cannot_be_taken_now_is_taken_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles = [OSError(errno.EMFILE, "Too many open files")]
    accept = socket.socket.accept

    def accept_later(listener: socket.socket) -> tuple[socket.socket, object]:
        if troubles:
            raise troubles.pop()
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", accept_later)
    monkeypatch.setattr("telemetry.live.status_socket.RETRY_S", 0.0)
    server = StatusServer(tmp_path, lambda _request: {"vehicle": "van"})
    server.start()
    assert query_status(tmp_path) == {"vehicle": "van"}
    server.close()


def test_no_service_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"status\.sock: no service answers"):
        query_status(tmp_path)


def test_an_answer_that_is_no_status_is_refused(tmp_path: Path) -> None:
    server = StatusServer(tmp_path, lambda _request: [1])  # type: ignore[arg-type, return-value]  # a service gone wrong
    server.start()
    try:
        with pytest.raises(DataError):
            query_status(tmp_path)
    finally:
        server.close()


def test_an_answer_without_end_is_refused_at_the_size_of_the_largest_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = StatusServer(tmp_path, lambda _request: {"vehicle": "v" * 1000})
    server.start()
    try:
        monkeypatch.setattr("telemetry.live.status_socket.MAX_ANSWER_BYTES", len('{"vehicle": ""}') + 1000)
        assert len(query_status(tmp_path)["vehicle"]) == 1000
        monkeypatch.setattr("telemetry.live.status_socket.MAX_ANSWER_BYTES", 1000)
        with pytest.raises(DataError, match="answers more than a status"):
            query_status(tmp_path)
    finally:
        server.close()


def test_a_folder_that_only_the_service_may_enter_is_reported_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("telemetry.live.status_socket.os.open", refuse)
    with pytest.raises(UnavailableError, match=r"Permission denied \(as the service's user, or by sudo"):
        query_status(tmp_path)
