"""What the process says of itself, also where the system gives no answer."""

import errno
import os
import resource
from pathlib import Path
from typing import NoReturn

import pytest

from telemetry.service.figures import process_gauges


def test_processor_time_and_memory_are_those_of_this_process() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    gauges = process_gauges()
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert before.ru_utime + before.ru_stime <= gauges["cpu_s"] <= after.ru_utime + after.ru_stime
    pages = int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[1])
    assert gauges["memory_bytes"] == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.2)


def test_without_a_descriptor_memory_is_absent_and_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", refuse)
    assert process_gauges().keys() == {"cpu_s", "log_lines_dropped"}
