"""What `nev-telemetry status` prints."""

import argparse
from pathlib import Path

import pytest

from telemetry.cli import status as command
from tests.support.web import status


def test_gauges_are_figures_that_people_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reported = status(memory_bytes=46_260_200.0, progress_age_s=0.0271, cpu_s=1234.5, sink_held=True)
    monkeypatch.setattr(command, "query_status", lambda _: reported)
    assert command.run(argparse.Namespace(config=tmp_path, json=False)) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["memory", "bytes", "46,260,200"] in printed
    assert ["progress", "age", "s", "0.03"] in printed
    assert ["cpu", "s", "1,234"] in printed
    assert ["sink", "held", "1"] in printed
