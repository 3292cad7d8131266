"""`check` and `run` by what CONFIG may be: a folder, stdin; and that no secret of a variable is shown."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.model.finding import Finding, Grade
from tests.support.command import command, failed, refused
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
    assert "may do): token *** is unknown" in shown.out
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


GATEWAY = """vehicle = "VEHICLE"
[influx]
url = "http://127.0.0.1:1"
database = "d"
[spool]
directory = "spool"
[web]
listen = "off"
[[serial]]
name = "bms"
"""
REGISTERS = 'title = "m"\n[[register]]\nname = "v"\nregister = NUMBER\nfunction = FUNCTION\n'


@pytest.mark.parametrize(
    ("keys", "vehicle", "line"),
    [
        (
            'port = "plain"\nprotocol = "jbd"',
            "v",
            "fault: source bms: port plain: is no serial port (a path such",
        ),
        *(
            (
                f'port = "/dev/null"\nprotocol = "jbd"\nbaud_rate = {rate}',
                "v",
                f"warning: source bms: port /dev/null: {rate} baud is no usual rate (did you mean {near}?)",
            )
            for rate, near in ((9601, 9600), (112500, 115200), (57601, 57600))
        ),
        (
            'port = "/dev/null"\nprotocol = "jbd"',
            "$VIN",
            "gateway.toml:1: vehicle: $VIN stands for itself (a variable is ${VIN})",
        ),
        (
            'port = "/dev/null"\nprotocol = "jbd"',
            "van-$VIN",
            "vehicle: $VIN stands for itself (a variable is ${VIN})",
        ),
        *(
            (
                f'port = "{port}"\nprotocol = "modbus"\nregisters = "{number}-{function}.toml"',
                "v",
                f"register {number} is asked for at address {number} (numbers_from = {base} where the first",
            )
            for port in ("/dev/null", "tcp://127.0.0.1:1")
            for number, function, base in ((40001, 3, 40001), (30010, 4, 30001))
        ),
    ],
)
def test_what_is_allowed_and_hardly_meant_is_a_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str, vehicle: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain").touch()
    for number, function in ((40001, 3), (30010, 4)):
        text = REGISTERS.replace("NUMBER", str(number)).replace("FUNCTION", str(function))
        Path(f"{number}-{function}.toml").write_text(text)
    Path("gateway.toml").write_text(GATEWAY.replace("VEHICLE", vehicle) + keys)
    assert line in command("check", "gateway.toml").stdout


@pytest.mark.parametrize("rate", [1200, 9600, 14400, 19200, 38400, 76800, 115200, 250000, 1000000, 4000000])
def test_what_is_usual_is_no_warning(tmp_path: Path, rate: int) -> None:
    (tmp_path / "r.toml").write_text(REGISTERS.replace("NUMBER", "40000").replace("FUNCTION", "3"))
    keys = f'port = "/dev/null"\nprotocol = "modbus"\nregisters = "r.toml"\nbaud_rate = {rate}'
    (tmp_path / "gateway.toml").write_text(GATEWAY.replace("VEHICLE", "5 $ or $x, ${N:-$}") + keys)
    shown = command("check", tmp_path / "gateway.toml").stdout
    assert ("usual rate" in shown, "asked for at" in shown, "stands for" in shown) == (False, False, False)


def test_an_address_of_a_meter_that_lacks_digits_is_refused_with_all_twelve(tmp_path: Path) -> None:
    keys = 'port = "/dev/null"\nprotocol = "dlt645"\naddress = "1122334455"'
    (tmp_path / "gateway.toml").write_text(GATEWAY.replace("VEHICLE", "v") + keys)
    line = refused(78, "check", tmp_path / "gateway.toml")
    words = """must be a text of 12 digits, not '1122334455' (with zeros in front: "001122334455")"""
    assert line.endswith(f":13: serial[0].address: {words}\n")


def test_a_file_behind_a_variable_of_a_shell_is_missing_with_how_one_is_written(tmp_path: Path) -> None:
    can = '[[can]]\nname = "c"\ndatabases = ["$HOME/ev.dbc"]\n'
    text = GATEWAY.replace("VEHICLE", "$VIN").replace('[[serial]]\nname = "bms"\n', can)
    (tmp_path / "gateway.toml").write_text(text)
    lines = failed(78, "check", tmp_path / "gateway.toml").splitlines()
    assert [line.partition("gateway.toml")[2].partition(":")[2] for line in lines] == [
        "1: vehicle: $VIN stands for itself (a variable is ${VIN})",
        f"11: can[0].databases: no such file: {tmp_path}/$HOME/ev.dbc",
        "11: can[0].databases: $HOME stands for itself (a variable is ${HOME})",
    ]
