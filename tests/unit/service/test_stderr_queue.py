"""Words of a service on stderr, whether or not somebody reads them.

The journal gets the priority of each line, as sd-daemon(3) writes it, and nobody else does.
"""

import fcntl
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.service.figures import process_gauges
from telemetry.service.stderr_queue import (
    ERROR,
    JournalFormatter,
    JsonFormatter,
    Marker,
    QueuedStderr,
    TextFormatter,
    is_journal,
    marked,
    queued_stderr,
)

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


@contextmanager
def ends_of_a_pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def name_of(descriptor: int) -> str:
    """Return a stream's name, as systemd gives it in JOURNAL_STREAM."""
    status = os.fstat(descriptor)
    return f"{status.st_dev}:{status.st_ino}"


def test_the_journal_reads_what_it_is_named_for_and_nothing_that_was_redirected() -> None:
    with ends_of_a_pipe() as (_, journal), ends_of_a_pipe() as (_, other):
        environment = {"JOURNAL_STREAM": name_of(journal)}
        assert is_journal(journal, environment)
        assert not is_journal(other, environment)
        assert not is_journal(journal, {})
        assert not is_journal(journal, {"JOURNAL_STREAM": ""})
    assert not is_journal(-1, environment)


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.CRITICAL, 2),
        (logging.ERROR, 3),
        (logging.WARNING, 4),
        (logging.INFO, 6),
        (logging.DEBUG, 7),
        (1, 7),
    ],
)
def test_each_line_of_a_message_has_the_priority_of_its_level(level: int, priority: int) -> None:
    record = logging.LogRecord("n", level, "f", 1, "one\n<0>two", None, None)
    assert JournalFormatter(logging.Formatter()).format(record) == f"<{priority}>one\n<{priority}><0>two"


def test_a_traceback_in_a_message_is_marked_to_its_last_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("n", logging.ERROR, "f", 1, "failed", None, sys.exc_info())
    lines = JournalFormatter(TextFormatter()).format(record).split("\n")
    assert len(lines) > 4
    assert all(line.startswith("<3>") for line in lines)


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_record_in_json_is_one_line_with_all_of_it(is_marked: bool) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord(
            "n.m", logging.WARNING, "f", 1, '5 %s\nof "%s"', ("°C", "x"), sys.exc_info()
        )
    record.created = 1796034150.7637
    line = (JournalFormatter(JsonFormatter()) if is_marked else JsonFormatter()).format(record)
    assert "\n" not in line
    assert line.startswith("<4>{" if is_marked else "{")
    found = json.loads(line.removeprefix("<4>"))
    assert found.pop("exception").endswith("ValueError: first\nsecond")
    assert found == {
        "time": "2026-11-30T10:22:30.763+00:00",
        "level": "warning",
        "logger": "n.m",
        "message": '5 °C\nof "x"',
    }


TEXTS = st.lists(st.sampled_from(("a", "<4>b", "\n", "<", "x<3>", "\n\n", "<7>\n")), max_size=12).map("".join)


@given(TEXTS, st.lists(st.integers(0, 40), max_size=5))
def test_whole_pieces_or_parts_every_line_has_exactly_one_priority_and_its_words(
    text: str, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    lines = text.split("\n")
    # A priority that is cut in two is one of words: nobody writes it so.
    if any(text[place - 1 : place] == "<" or text[place - 2 : place - 1] == "<" for place in places):
        places = [0, len(text)]
    marker = Marker()
    pieces = pairwise(places)
    out = "".join(marker.mark(text[start:end]) for start, end in pieces).split("\n")
    assert len(out) == len(lines)
    for line, written in zip(lines, out, strict=True):
        is_marked = line[:1] == "<" and line[1:2] in "01234567" and line[2:3] == ">" and len(line) > 1
        assert written == (line if is_marked or not line else f"<3>{line}")


def test_what_was_dropped_is_a_warning_and_all_else_that_nobody_marked_an_error() -> None:
    with ends_of_a_pipe() as (reader, writer):
        queued = QueuedStderr(writer, max_bytes=1000, for_journal=True)
        queued.write("x" * 1000 + "\n")
        queued.write("nev-telemetry: no such file\n")
        queued.write(marked("spoken\n", 6))
        queued.start()
        queued.finish(10.0)
        lines = os.read(reader, 4096).decode().splitlines()
    assert [line[:5] for line in lines] == ["<4>WA", "<3>ne", "<6>sp"]


@pytest.mark.parametrize("is_named", [True, False])
def test_a_service_that_refuses_its_configuration_says_so_to_the_journal_and_plainly_to_others(
    tmp_path: Path, is_named: bool
) -> None:
    with ends_of_a_pipe() as (reader, writer):
        named = name_of(writer if is_named else reader).replace(":", ":" if is_named else "1:")
        environment = {**os.environ, "JOURNAL_STREAM": named}
        command = [sys.executable, "-m", "telemetry", "run", str(tmp_path / "gateway.toml")]
        done = subprocess.run(command, stderr=writer, env=environment, timeout=60, check=False)
        written = os.read(reader, 4096).decode()
    assert done.returncode == 78
    assert written.startswith("<3>nev-telemetry: " if is_named else "nev-telemetry: ")


def test_a_line_in_pieces_is_marked_once_and_the_next_one_again() -> None:
    marker = Marker()
    pieces = ["a", "b", "\n", "c\n", "d\ne", "\n", "f"]
    assert "".join(map(marker.mark, pieces)) == "".join(
        f"{marked(line, ERROR)}" + "\n" * (line != "f") for line in ("ab", "c", "d", "e", "f")
    )
