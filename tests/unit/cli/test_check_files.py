"""`check` and `run` by what CONFIG may be: a folder, stdin; and that no secret of a variable is shown."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.model.finding import Finding, Grade
from tests.support.command import failed
from tests.support.scripted_server import ScriptedServer, answer

CANARY = "canary-4711-token"


def text_of(url: str) -> str:
    return (
        f'vehicle = "van"\n[influx]\nurl = "{url}"\nbucket = "b"\norg = "o"\ntoken = "${{VAN_TOKEN}}"\n'
        '[spool]\ndirectory = "spool"\n[[can]]\nname = "can9"\n'
    )


def test_a_secret_from_a_variable_is_in_no_output_and_no_log(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("VAN_TOKEN", CANARY)
    file = tmp_path / "gateway.toml"
    with ScriptedServer() as server, caplog.at_level(logging.DEBUG):
        server.script(answer(401, {}, f'{{"message": "token {CANARY} is unknown"}}'.encode()))
        file.write_text(text_of(server.url))
        assert main(["check", str(file), "--json"]) == 69
        sent = [request.headers.get("authorization", "") for request in server.requests]
    shown = capsys.readouterr()
    assert f"Token {CANARY}" in sent  # it has been used
    assert "credentials refused: token *** is unknown" in shown.out
    assert CANARY not in shown.out + shown.err + caplog.text


def test_a_folder_and_stdin_are_checked_like_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAN_TOKEN", "x" * 8)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "1.toml").write_text(text_of("http://127.0.0.1:1"))
    (tmp_path / "conf.d" / "2.toml").write_text('[[can]]\nname = "can8"\n')
    assert main(["check", "conf.d"]) == 69  # there is no server
    shown = capsys.readouterr().out
    assert "conf.d (2 files): vehicle van" in shown
    assert "source can8: interface can8 is not there yet" in shown
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text_of("http://127.0.0.1:1").encode())))
    assert main(["check", "-"]) == 69
    assert "source can9: interface can9 is not there yet" in capsys.readouterr().out


def test_a_service_is_not_run_from_stdin_which_it_could_not_read_again() -> None:
    assert "stdin cannot be" in failed(64, "run", "-")


def test_each_finding_is_shown_before_the_next_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()

    def findings(*_: object, **__: object) -> Iterator[Finding]:
        yield Finding(Grade.FACT, "the first")
        assert b"the first" in written.getvalue()
        yield Finding(Grade.FACT, "the second")

    file = tmp_path / "gateway.toml"
    file.write_text(text_of("http://127.0.0.1:1"))
    monkeypatch.setenv("VAN_TOKEN", CANARY)
    monkeypatch.setattr("telemetry.cli.check.check", findings)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, "utf-8"))
    assert main(["check", str(file)]) == 0
    assert b"the second" in written.getvalue()
