"""Words of a service on stderr, whether or not somebody reads them."""

import fcntl
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest

from telemetry.process import process_gauges
from telemetry.stderr_queue import QueuedStderr, dropped_lines, queued_stderr

F_SETPIPE_SZ = 1031
PIPE_BYTES = 4096


class Pipe:
    """What stderr is connected to."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, F_SETPIPE_SZ, PIPE_BYTES)
        self._text = ""

    def line(self) -> str:
        """The next one; waits for it."""
        while "\n" not in self._text:
            self._text += os.read(self.reader, 65536).decode()
        line, self._text = self._text.split("\n", 1)
        return line

    def rest(self) -> str:
        """All that comes until the writer is closed."""
        os.close(self.writer)
        while chunk := os.read(self.reader, 65536):
            self._text += chunk.decode()
        return self._text


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reader)


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


def test_who_writes_does_not_wait_and_what_finds_no_room_is_counted_and_told_in_its_place(pipe: Pipe) -> None:
    queued = QueuedStderr(pipe.writer, max_bytes=3 * PIPE_BYTES)
    queued.start()
    line = "x" * 99 + "\n"
    for _ in range(1000):
        queued.write(line)
    dropped = queued.dropped_lines
    assert 1000 - 5 * PIPE_BYTES // 100 < dropped < 1000
    came = 0
    while (text := pipe.line()) == line.rstrip():
        came += 1
    assert came + dropped == 1000
    assert text.endswith(f": {dropped} lines dropped here: nobody has read stderr in time")
    queued.write("after\n")
    assert pipe.line() == "after"
    assert queued.dropped_lines == dropped
    queued.finish(10.0)
    assert pipe.rest() == ""


def test_a_stream_that_takes_nothing_does_not_hold_the_end_up(pipe: Pipe) -> None:
    queued = QueuedStderr(pipe.writer)
    queued.start()
    for _ in range(2 * PIPE_BYTES // 100):
        queued.write("x" * 99 + "\n")
    queued.finish(0.01)
    queued.write("too late\n")  # which does not wait either


def test_a_reader_that_has_gone_away_costs_the_lines_and_nothing_else(pipe: Pipe) -> None:
    queued = QueuedStderr(pipe.writer)
    queued.start()
    os.close(pipe.reader)
    queued.write("one\ntwo\n")
    queued.finish(10.0)
    assert queued.dropped_lines == 2
    os.close(pipe.writer)
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


def test_all_that_is_written_to_stderr_goes_through_it_and_what_is_dropped_is_a_gauge(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(pipe.writer, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert dropped_lines() == 0
        with queued_stderr():
            assert isinstance(sys.stderr, QueuedStderr)
            print("as text", "in pieces", file=sys.stderr)
            sys.stderr._dropped_lines = 3
            assert (dropped_lines(), process_gauges()["log_lines_dropped"]) == (3, 3.0)
            sys.stderr._told_lines = 3
        assert sys.stderr is stream
    assert pipe.rest() == "as text in pieces\n"


def test_its_thread_takes_no_signal(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with open(pipe.writer, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with queued_stderr():
            (thread,) = [each for each in threading.enumerate() if each.name == "stderr"]
            with open(f"/proc/self/task/{thread.native_id}/status") as status:
                blocked = int(status.read().split("SigBlk:")[1].split()[0], 16)
    assert all(blocked >> number - 1 & 1 for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    os.close(pipe.writer)


def test_a_stream_in_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with queued_stderr():
        assert sys.stderr is stream


def test_without_a_thread_to_be_had_it_is_as_in_any_program(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: QueuedStderr) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(QueuedStderr, "start", refuse)
    with open(pipe.writer, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with queued_stderr():
            assert sys.stderr is stream
    os.close(pipe.writer)
