"""What `nev-telemetry status` prints, with and without a running service."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from telemetry.cli import status as command
from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.spool import Spool, SpoolLimits
from tests.support.clock import FakeClock
from tests.support.command import printed
from tests.support.spool import Feed
from tests.support.web import status


def arguments(directory: Path, *, as_json: bool = False) -> argparse.Namespace:
    return argparse.Namespace(config=directory, json=as_json)


def test_of_a_running_service_people_get_words_and_machines_get_everything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reported = status(memory_bytes=46_878_720.0)
    monkeypatch.setattr(command, "query_status", lambda *_: reported)
    monkeypatch.setattr(command, "COUNT_S", 0.0)
    assert command.run(arguments(tmp_path)) == 0
    assert "memory 46.9 MB" in capsys.readouterr().out
    assert command.run(arguments(tmp_path, as_json=True)) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(reported))


@pytest.mark.parametrize(("unknown", "asked"), [(0, ["status"]), (5, ["status", "messages", "messages"])])
def test_ids_without_a_message_are_asked_for_only_where_frames_have_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unknown: int, asked: list[str]
) -> None:
    requests: list[str] = []

    def answer(_: Path, request: str = "status") -> dict[str, Any]:
        requests.append(request)
        reported = status()
        reported["accounts"] = {**reported["accounts"], "frames/can0/unknown": unknown}
        return reported

    monkeypatch.setattr(command, "query_status", answer)
    monkeypatch.setattr(command, "COUNT_S", 0.0)
    command.run(arguments(tmp_path))
    assert requests == asked
    requests.clear()
    command.run(arguments(tmp_path, as_json=True))
    assert requests == ["status"]


def test_after_the_end_of_a_run_its_accounts_are_printed_and_nobody_takes_it_for_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = Spool(tmp_path, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0))
    Feed(spool, {"bus/drive.log/read": 1000, "frames/drive.log/decoded": 1000}).put(points=3)
    spool.commit()
    spool.close()
    with pytest.raises(UnavailableError, match="no service answers"):
        command.run(arguments(tmp_path))
    printed = capsys.readouterr().out.splitlines()
    assert "the service does not run" in printed[0]
    assert "drive.log: read 1,000, decoded 1,000, nothing lost" in printed
    assert printed[-1].startswith("points: made 3, acknowledged 0, waiting disk 3")
    with pytest.raises(UnavailableError):
        command.run(arguments(tmp_path, as_json=True))
    assert capsys.readouterr().out == ""


def test_where_there_was_never_a_service_nothing_is_printed_but_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnavailableError):
        command.run(arguments(tmp_path))
    assert capsys.readouterr().out == ""


def test_the_options_of_the_command_line_reach_the_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reported = status()
    monkeypatch.setattr(command, "query_status", lambda *_: reported)
    assert json.loads(printed("status", tmp_path, "--json")) == json.loads(json.dumps(reported))


def test_ids_without_a_message_are_counted_for_two_seconds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, reported = FakeClock(), status()
    reported["accounts"] = {**reported["accounts"], "frames/can0/unknown": 5}
    monkeypatch.setattr(command, "query_status", lambda *_: reported)
    monkeypatch.setattr(command, "Clock", lambda: clock)
    assert command.run(arguments(tmp_path)) == 0
    assert clock.monotonic_s() == 2.0
