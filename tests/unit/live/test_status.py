import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.errors import DataError, UnavailableError
from telemetry.live.status_socket import SOCKET_NAME, StatusServer, query_status
from tests.support.status_server import answering


@pytest.fixture
def server(tmp_path: Path) -> Iterator[None]:
    with answering(tmp_path, lambda _request: {"vehicle": "van"}):
        yield


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
    with answering(tmp_path, lambda _request: {"vehicle": "again"}):
        assert query_status(tmp_path) == {"vehicle": "again"}
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
    with answering(tmp_path, lambda _request: {"vehicle": "van"}):
        assert seen_before == [False]
        assert query_status(tmp_path) == {"vehicle": "van"}
        assert [path.name for path in tmp_path.iterdir()] == [SOCKET_NAME]


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
    with answering(tmp_path, lambda _request: {"vehicle": "van"}):
        assert query_status(tmp_path) == {"vehicle": "van"}


def test_no_service_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"status\.sock: no service answers"):
        query_status(tmp_path)


def test_an_answer_that_is_no_status_is_refused(tmp_path: Path) -> None:
    wrong: Any = [1]  # of a service gone wrong
    with answering(tmp_path, lambda _request: wrong), pytest.raises(DataError):
        query_status(tmp_path)


def test_an_answer_without_end_is_refused_at_the_size_of_the_largest_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(tmp_path, lambda _request: {"vehicle": "v" * 1000}):
        monkeypatch.setattr("telemetry.live.status_socket.MAX_ANSWER_BYTES", len('{"vehicle": ""}') + 1000)
        assert len(query_status(tmp_path)["vehicle"]) == 1000
        monkeypatch.setattr("telemetry.live.status_socket.MAX_ANSWER_BYTES", 1000)
        with pytest.raises(DataError, match="answers more than a status"):
            query_status(tmp_path)


def test_a_folder_that_only_the_service_may_enter_is_reported_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("telemetry.live.status_socket.os.open", refuse)
    with pytest.raises(UnavailableError, match=r"Permission denied \(as the service's user, or by sudo"):
        query_status(tmp_path)


@pytest.mark.parametrize("said", [b"messages\n", b"  messages  ", b""])
def test_a_request_is_the_line_that_a_client_says_or_nothing(tmp_path: Path, said: bytes) -> None:
    with (
        answering(tmp_path, lambda request: {"request": request}),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client,
    ):
        client.settimeout(20.0)
        client.connect(str(tmp_path / SOCKET_NAME))
        client.sendall(said)
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer == b'{"request": "%b"}' % said.strip()


def test_a_status_that_cannot_be_made_costs_its_client_and_not_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = [{"vehicle": "van"}]
    with answering(tmp_path, lambda _request: made[0]):
        given = made.pop()
        with pytest.raises(DataError, match="answers something that is not a status"):
            query_status(tmp_path)
        made.append(given)
        assert query_status(tmp_path) == given
    assert "the status cannot be answered" in caplog.text


def test_closing_ends_the_thread_and_takes_the_socket_away(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with answering(tmp_path, lambda _request: {}):
        assert query_status(tmp_path) == {}
    assert set(threading.enumerate()) <= threads
    assert list(tmp_path.iterdir()) == []


def test_one_that_never_started_can_be_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = StatusServer(tmp_path / "missing", lambda _request: {})
    server.start()
    assert caplog.messages == [f"{tmp_path / 'missing' / SOCKET_NAME}: no status: No such file or directory"]
    server.close()


def test_a_service_that_says_nothing_is_waited_for_for_three_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float | None] = []

    class Silent(socket.socket):
        def settimeout(self, timeout_s: float | None, /) -> None:
            waits_s.append(timeout_s)

        def connect(self, _address: object, /) -> None:
            raise TimeoutError("timed out")

    monkeypatch.setattr("telemetry.live.status_socket.socket.socket", Silent)
    with pytest.raises(UnavailableError, match="no service answers: timed out"):
        query_status(tmp_path)
    assert waits_s == [3.0]
