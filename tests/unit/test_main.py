import pytest

from telemetry import __version__
from telemetry.__main__ import COMMANDS, main


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"nev-telemetry {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "usage: nev-telemetry " + command in capsys.readouterr().out


def test_a_wrong_command_line_is_one_line_and_exit_64(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["status", "--wrong"])
    assert caught.value.code == 64
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_is_one_line_and_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "/nonexistent.toml"]) == 78
    assert (
        capsys.readouterr().err
        == "nev-telemetry: /nonexistent.toml: cannot be read: No such file or directory\n"
    )


def test_the_traceback_of_an_error_is_there_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "-v", "/nonexistent.toml"]) == 78
    assert "Traceback" in capsys.readouterr().err
