"""What a file in memory holds before a line has come, with a large state, and while it is made again."""

import contextlib
import errno
import os
from pathlib import Path

import pytest
from telemetry_core.text.lines import LineBuffer

from telemetry.spool import write_through as module
from telemetry.spool.write_through import WriteThrough
from tests.support.kept_batches import batch_of, keep, lines_of, opened


def test_what_there_is_to_know_is_kept_before_a_line_has_come(memory: Path) -> None:
    kept, state = opened(memory), {"held": b"a"}
    assert kept.keep(1, LineBuffer(), {"points/made/m": 0}, {}, "", state)
    again = opened(memory)
    (left,) = again.left()
    assert (left.batch, left.replacing, left.state) == (None, None, state)
    assert again.keep(1, LineBuffer(), {"points/made/m": 0}, {}, "", {"held": b"b"})
    (left,) = opened(memory).left()
    assert left.state == {"held": b"b"}
    lines = keep(again, 1, (5,))
    (left,) = opened(memory).left()
    assert lines_of(left) == lines


def test_what_is_kept_of_a_quiet_hour_takes_no_more_than_its_last_minutes(memory: Path) -> None:
    kept, size_bytes = opened(memory), 0
    for number in range(2000):
        state = {"held": number.to_bytes(2) * 2000}
        assert kept.keep(1, LineBuffer(), {"points/made/m": 0}, {}, "", state)
        (file,) = memory.iterdir()
        size_bytes = max(size_bytes, file.stat().st_size)
        if number % 97 == 0:
            assert [left.state for left in opened(memory).left()] == [state]
    assert size_bytes < module.MOST_EMPTIED_BYTES
    keep(kept, 1, (1,), (2,))
    (left,) = opened(memory).left()
    assert batch_of(left).points == 2


def test_a_large_state_that_changes_with_each_delivery_takes_little_more_than_its_last(memory: Path) -> None:
    kept, lines = opened(memory), LineBuffer()
    for number in range(200):
        lines.append(b"m v=%d %d" % (number, number), number)
        state = {"held": number.to_bytes(1) * 20_000}
        assert kept.keep(1, lines, {"points/made/m": number}, {}, "", state)
        (file,) = memory.iterdir()
        assert file.stat().st_size < 120_000
        (left,) = opened(memory).left()
        assert (lines_of(left), left.state) == (bytes(memoryview(lines)), state)
        assert left.accounts == {"points/made/m": number}
    kept.appended(1)
    kept.committed(1, waiting=[])
    assert kept.size_bytes == 0
    keep(kept, 2, (1,))
    assert [left.sequence for left in opened(memory).left()] == [2]


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("call", ["open", "pwritev", "rename"])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_killed_while_a_file_takes_the_place_of_another_one_of_the_two_is_there(
    call: str, is_done: bool, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = opened(memory)
    real = getattr(os, call)
    begun: list[int] = []
    begin = WriteThrough._begin

    def note(self: WriteThrough, sequence: int) -> None:
        begun.append(sequence)
        begin(self, sequence)

    def kill(*arguments: object, **named: object) -> object:
        if len(begun) < 2:
            return real(*arguments, **named)
        if is_done:
            real(*arguments, **named)
        raise Killed

    monkeypatch.setattr(WriteThrough, "_begin", note)
    number = 0
    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(os, call, kill)
        for number in range(100):
            kept.keep(7, LineBuffer(), {"points/made/m": 0}, {}, "", {"held": bytes([number]) * 20_000})
    assert number < 99
    found = {left.sequence: left.state["held"][0] for left in opened(memory).left()}
    assert found[7] in (number - 1, number)
    assert found.keys() <= {0, 7}  # the spool passes over number 0


def test_a_file_that_cannot_be_made_anew_leaves_nothing_and_no_count(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    for place, call in ((os, "rename"), (module, "create_in")):
        kept = opened(memory)
        with monkeypatch.context() as patch:
            for number in range(100):
                state = {"held": bytes([number]) * 20_000}
                if not kept.keep(7, LineBuffer(), {"points/made/m": 0}, {}, "", state):
                    break
                if number == 1:
                    patch.setattr(place, call, refuses)
            else:
                pytest.fail("it was never made again")
        assert kept.size_bytes == 0
        assert list(memory.iterdir()) == []


def test_a_file_without_lines_is_none_to_a_version_that_knows_no_such_batch(memory: Path) -> None:
    kept = opened(memory)
    kept.keep(1, LineBuffer(), {"points/made/m": 0}, {}, "", {"held": b"a"})
    (file,) = memory.iterdir()
    assert file.read_bytes()[:4] == b"nTh\x02"
    kept.appended(1)
    kept.committed(1, waiting=[])
    keep(kept, 2, (1,))
    (file,) = memory.iterdir()
    assert file.read_bytes()[:4] == b"nTo\x02"  # as ever
