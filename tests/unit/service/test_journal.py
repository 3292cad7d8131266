"""The journal gets the priority of each line, as sd-daemon(3) writes it, and nobody else does."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.service.stderr_queue import ERROR, JournalFormatter, Marker, QueuedStderr, is_journal, marked


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
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
    with pipe() as (_, journal), pipe() as (_, other):
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
    assert JournalFormatter("%(message)s").format(record) == f"<{priority}>one\n<{priority}><0>two"


def test_a_traceback_in_a_message_is_marked_to_its_last_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("n", logging.ERROR, "f", 1, "failed", None, sys.exc_info())
    lines = JournalFormatter("%(message)s").format(record).split("\n")
    assert len(lines) > 4
    assert all(line.startswith("<3>") for line in lines)


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
    with pipe() as (reader, writer):
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
    with pipe() as (reader, writer):
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
