"""telemetry/logs/content.py: what is read of a pipe, and when."""

import os
from pathlib import Path

import pytest

from telemetry.logs.content import Content


def test_bytes_of_a_pipe_that_were_looked_at_are_there_at_once_and_others_when_they_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("telemetry.logs.content.LONGEST_WAIT_S", 0.0)
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "wb", 0) as pipe:
        pipe.write(b"0123456789abcdef")
        with Content(Path(f"/dev/fd/{reading}")) as content:
            assert content.beginning(4) == b"0123"
            assert content.more_soon()
            assert content.read(8) == b"0123"
            assert content.read(16) == b"456789abcdef"
            assert not content.more_soon()
