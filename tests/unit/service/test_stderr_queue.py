"""Words of a service on stderr, whether or not somebody reads them."""

import fcntl
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import NoReturn, TextIO

import pytest

from telemetry.service.figures import process_gauges
from telemetry.service.stderr_queue import QueuedStderr, queued_stderr

F_SETPIPE_SZ = 1031
PIPE_BYTES = 4096


class Pipe:
    """What stderr is connected to."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, F_SETPIPE_SZ, PIPE_BYTES)
        self._text = ""

    def fill(self) -> None:
        """Let it take no byte more."""
        os.write(self.writer, bytes(PIPE_BYTES))

    def empty(self) -> None:
        """Take what has filled it."""
        left = PIPE_BYTES
        while left:
            left -= len(os.read(self.reader, left))

    def line(self) -> str:
        """Wait for the next line, and return it."""
        while "\n" not in self._text:
            self._text += os.read(self.reader, 65536).decode()
        line, self._text = self._text.split("\n", 1)
        return line

    def rest(self) -> str:
        """Close the writer, and return all that has come until then."""
        os.close(self.writer)
        while chunk := os.read(self.reader, 65536):
            self._text += chunk.decode()
        self.writer = -1
        return self._text


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    for descriptor in {made.reader, made.writer} - {-1}:
        os.close(descriptor)


def test_lines_come_out_in_their_order_and_the_last_ones_too(pipe: Pipe) -> None:
    queued = QueuedStderr(pipe.writer)
    lines = [f"line {number}" for number in range(30)]
    queued.write(lines[0] + "\n")  # before it starts
    queued.start()
    for line in lines[1:]:
        queued.write(line + "\n")
    queued.finish(10.0)
    assert pipe.rest().splitlines() == lines
    assert queued.dropped_lines == 0


def test_who_writes_does_not_wait_and_what_finds_no_room_is_counted_and_reported_in_its_place(
    pipe: Pipe,
) -> None:
    pipe.fill()
    queued = QueuedStderr(pipe.writer, max_bytes=10 * (100 + 64))
    queued.start()
    for number in range(1000):
        queued.write(f"{number:099}\n")
    assert queued.dropped_lines == 990
    pipe.empty()
    assert [int(pipe.line()) for _ in range(10)] == list(range(10))
    gap = pipe.line()
    assert gap.endswith(": 990 lines dropped here: nobody has read stderr in time")
    queued.write("after\n")
    assert pipe.line() == "after"
    assert queued.dropped_lines == 990
    queued.finish(10.0)
    assert pipe.rest() == ""


def test_what_was_written_leaves_its_room_to_any_number_of_lines(pipe: Pipe) -> None:
    queued = QueuedStderr(pipe.writer, max_bytes=4 * (10 + 64))
    queued.start()
    for number in range(100):
        queued.write(f"{number:09}\n")
        assert pipe.line() == f"{number:09}"
    assert queued.dropped_lines == 0
    queued.finish(10.0)


def test_a_stream_that_takes_nothing_does_not_hold_the_end_up(pipe: Pipe) -> None:
    pipe.fill()
    queued = QueuedStderr(pipe.writer)
    queued.start()
    queued.write("a line\n")
    queued.finish(0.01)
    queued.write("another\n")  # which does not wait either
    pipe.empty()
    assert [pipe.line(), pipe.line()] == ["a line", "another"]
    queued.finish(10.0)


def test_a_reader_that_has_gone_away_costs_the_lines_and_nothing_else(pipe: Pipe) -> None:
    queued = QueuedStderr(pipe.writer)
    queued.start()
    os.close(pipe.reader)
    queued.write("one\ntwo\n")
    queued.finish(10.0)
    assert queued.dropped_lines == 2
    pipe.reader = os.open(os.devnull, os.O_RDONLY)


def test_a_stream_that_somebody_has_made_non_blocking_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    queued = QueuedStderr(pipe.writer)
    queued.start()
    text = "".join(f"line {number:060}\n" for number in range(2 * PIPE_BYTES // 66))
    queued.write(text)
    assert [pipe.line() for _ in text.splitlines()] == text.splitlines()
    queued.finish(10.0)
    assert pipe.rest() == ""


def test_a_finalizer_may_write_while_its_thread_does(pipe: Pipe) -> None:
    queued = QueuedStderr(pipe.writer)

    class Finalized(str):
        def encode(self, *words: str) -> bytes:
            with queued._changed:  # as where a collection of garbage begins
                queued.write("inner\n")
            return super().encode(*words)

    queued.start()
    queued.write(Finalized("outer\n"))
    queued.finish(10.0)
    assert pipe.rest() == "inner\nouter\n"


@contextmanager
def stderr_into(pipe: Pipe) -> Iterator[TextIO]:
    """Redirect stderr in the test itself: pytest has another stderr in fixtures."""
    with os.fdopen(os.dup(pipe.writer), "w") as stream, redirect_stderr(stream):
        yield stream


def test_all_that_is_written_to_stderr_goes_through_it(pipe: Pipe) -> None:
    with stderr_into(pipe) as stream:
        with queued_stderr():
            assert sys.stderr is not stream
            sys.stderr.write("a line\n")
        assert sys.stderr is stream
    assert pipe.line() == "a line"


def test_lines_that_were_dropped_are_a_gauge_of_the_process(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert process_gauges()["log_lines_dropped"] == 0.0
    monkeypatch.setattr("telemetry.service.stderr_queue.MAX_BYTES", 1000)
    with stderr_into(pipe), queued_stderr():
        sys.stderr.write("x\n" * 1000)
        assert process_gauges()["log_lines_dropped"] == 1000.0
    assert "1000 lines dropped here" in pipe.line()


def test_its_thread_takes_no_signal(pipe: Pipe) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with stderr_into(pipe), queued_stderr():
        (thread,) = [each for each in threading.enumerate() if each.name == "stderr"]
        status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
        blocked = int(status.split("SigBlk:")[1].split()[0], 16)
    assert all(blocked >> number - 1 & 1 for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_stream_in_memory_is_left_alone() -> None:
    with redirect_stderr(io.StringIO()) as stream, queued_stderr():
        assert sys.stderr is stream


def test_without_a_thread_to_be_had_it_is_as_in_any_program(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: QueuedStderr) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(QueuedStderr, "start", refuse)
    with stderr_into(pipe) as stream, queued_stderr():
        assert sys.stderr is stream
