"""`nev-telemetry monitor` as its users run it: in a terminal, in a pipe, over a log, a bus and a service."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.support.command import Done, command
from tests.support.framing import vedirect_block
from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.pty_screen import PtyScreen
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener, Load
from tests.support.serial_pty import PtyDevice, talking

PACK_POWER = (0x300, bytes.fromhex("77000f2700000000"))  # 99.99 V
MAP = """vehicle = "van"
[[map]]
signal = "BMS_PackPower.PackVoltage"
to = "battery.voltage_v"
[[map]]
signal = "BMS_CellVoltages.Cell{n}Voltage"
to = "cells.v{n}"
"""
PROTECTED_DBC = """VERSION ""
BS_:
BU_: ECU
BO_ 291 Pack: 3 ECU
 SG_ Gear : 0|8@1+ (1,0) [0|0] "" ECU
 SG_ Alive : 8|8@1+ (1,0) [0|0] "" ECU
 SG_ Volts : 16|8@1+ (1,0) [0|0] "V" ECU
VAL_ 291 Gear 1 "Drive" ;
"""
PROTECTED = """[[can]]
name = "can7"
value_texts = true
[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[protect]]
id = "123"
bus = "can7"
profile = "counter"
counter = "Alive"
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38|48)[0-9;]*m")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the arguments for 5 s of driving, with a map."""
    directory = tmp_path_factory.mktemp("log")
    (directory / "map.toml").write_text(MAP)
    drive = record_drive(directory / "drive.log", 5.0)
    return ["--log", str(drive), "--dbc", str(VEHICLE_DBC), "--map", str(directory / "map.toml")]


def run(arguments: list[str]) -> Done:
    with patch.dict(os.environ, COLUMNS="80"):
        return command("monitor", *arguments)


def terminal(arguments: list[str], **environment: str) -> PtyScreen:
    return PtyScreen(
        ["monitor", *arguments], {"TERM": "xterm-256color", "COLUMNS": "", "LINES": "", **environment}
    )


def test_a_log_is_drawn_follows_the_size_and_leaves_the_terminal_as_it_was(log: list[str]) -> None:
    with terminal(log) as screen:
        shown = screen.wait_for(lambda lines: any(line.startswith("pack main") for line in lines), "the pack")
        assert len(shown) == 24
        assert max(map(len, shown)) == 80
        screen.resize(120, 40)
        screen.wait_for(lambda lines: len(lines) == 40 and max(map(len, lines)) == 120, "the new size")
        screen.send("m")
        screen.wait_for(lambda lines: any("BMS_CellVoltages" in line for line in lines), "the messages")
        screen.send("/packpower volt\r")
        shown = screen.wait_for(
            lambda lines: lines[1].startswith("BMS_PackPower") and "/packpower volt" in lines[0], "the filter"
        )
        assert shown[2].split()[::3] == ["PackVoltage", "LinkVoltage"]
        screen.send("q")
        assert screen.wait() == 0
        assert screen.is_restored


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(log: list[str], number: signal.Signals) -> None:
    with terminal(log) as screen:
        screen.wait_for(lambda lines: any(line.startswith("pack main") for line in lines), "the pack")
        screen.signal(number)
        assert screen.wait() == 0
        assert screen.is_restored


def test_without_colour_nothing_is_coloured_and_everything_is_there(log: list[str]) -> None:
    with terminal(log, NO_COLOR="1") as screen:
        screen.wait_for(lambda lines: any("lowest" in line for line in lines), "the cells")
        screen.send("q")
        assert screen.wait() == 0
        assert not COLOUR.search(screen.output)
    with terminal(log) as screen:
        screen.wait_for(lambda lines: any("lowest" in line for line in lines), "the cells")
        assert COLOUR.search(screen.output)


@pytest.mark.parametrize(("environment", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_once_prints_in_colour_where_the_terminal_has_it(
    log: list[str], environment: dict[str, str], has_colour: bool
) -> None:
    with terminal([*log, "--once"], **environment) as screen:
        assert screen.wait() == 0
        assert any(line.startswith("pack main") for line in screen.screen)
        assert bool(COLOUR.search(screen.output)) is has_colour


def test_a_console_without_the_letters_of_bars_gets_ascii(log: list[str]) -> None:
    with terminal(log, TERM="linux") as screen:
        shown = screen.wait_for(lambda lines: any("lowest" in line for line in lines), "the cells")
        assert "".join(shown).isascii()
        screen.send("q")
        assert screen.wait() == 0


def test_a_terminal_that_cannot_be_drawn_on_gets_plain_lines(log: list[str]) -> None:
    with terminal(log, TERM="dumb") as screen:
        screen.wait_for(lambda lines: any(line.startswith("pack main") for line in lines), "the pack")
        screen.send("\x03")
        assert screen.wait() == 0
        assert "\x1b" not in screen.output.replace("^C", "")
        assert screen.output.isascii()


def test_in_a_pipe_a_log_is_read_to_its_end_and_shown_once(log: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "telemetry", "monitor", *log],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("nev-telemetry van  2026-")
    assert any(line.startswith("pack main") for line in lines)
    assert any("ended" in line for line in lines)
    assert "\x1b" not in ended.stdout
    assert max(map(len, lines)) <= 80


def test_the_same_as_json(log: list[str]) -> None:
    live = json.loads(run([*log, "--json"]).stdout)
    assert live["vehicle"] == "van"
    assert len(live["packs"][0]["cells_v"]) == 96
    assert live["packs"][0]["battery"]["voltage_v"] > 300
    assert live["sources"][0]["decoded"] == live["sources"][0]["read"] > 900


def test_protection_and_value_texts_of_the_configuration_hold_for_a_log(tmp_path: Path) -> None:
    (tmp_path / "ev.dbc").write_text(PROTECTED_DBC)
    (tmp_path / "drive.log").write_text(
        "(1.0) can0 123#01010A\n(1.1) can0 123#01020A\n(1.2) can0 123#02020B\n"
    )
    (tmp_path / "gateway.toml").write_text(PROTECTED)
    log = ["--log", str(tmp_path / "drive.log"), "--dbc", str(tmp_path / "ev.dbc"), "--json", "--messages"]
    live = json.loads(run([*log, "--map", str(tmp_path / "gateway.toml")]).stdout)
    assert live["sources"][0]["lost"] == {"bad_counter": 1}
    assert live["messages"][0]["signals"] == {"Gear": 1, "Gear_text": "Drive", "Alive": 2, "Volts": 10}
    assert live["packs"][0]["battery"]["voltage_v"] == 10.0
    live = json.loads(run(log).stdout)
    assert live["messages"][0]["signals"] == {"Gear": 2, "Alive": 2, "Volts": 11}


def test_the_same_as_a_picture_that_asks_no_other_host(log: list[str], tmp_path: Path) -> None:
    ended = run([*log, "--svg", str(tmp_path / "screen.svg")])
    assert ended.returncode == 0, ended.stderr
    picture = (tmp_path / "screen.svg").read_text()
    assert "SOC" not in picture
    assert "main" in picture
    assert re.findall(r"https?://[^\"']*", picture) == ["http://www.w3.org/2000/svg"]
    assert len(picture) < 60_000


@pytest.mark.parametrize("how", ["--once", "--json", "--svg"])
def test_a_look_at_which_nothing_came_shows_what_is_known_and_is_no_success(tmp_path: Path, how: str) -> None:
    (tmp_path / "empty.log").touch()
    picture = tmp_path / "screen.svg"
    for looked_at, code, words in (
        (["--log", str(tmp_path / "empty.log")], 65, "empty.log: holds no frames"),
        (["--log", str(tmp_path / "missing.log")], 66, "missing.log: No such file or directory"),
        (["--can", str(tmp_path / "bus.sock")], 69, "nothing has come yet: bus: waiting for "),
    ):
        ended = run([*looked_at, how, *([str(picture)] if how == "--svg" else [])])
        assert (ended.returncode, ended.stderr.count("\n")) == (code, 1)
        assert words in ended.stderr
        assert ("accounts" in ended.stdout) == (how != "--svg" and code != 66)
    assert not picture.exists()


def test_a_bus_is_watched_without_a_map(tmp_path: Path) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        terminal(["--can", str(tmp_path / "bus.sock"), "--dbc", str(VEHICLE_DBC)]) as screen,
    ):
        listener.accept()
        listener.send([PACK_POWER] * 10)
        shown = screen.wait_for(lambda lines: any("PackVoltage 99.99" in line for line in lines), "99.99 V")
        assert any(line.startswith("BMS_PackPower · bus") for line in shown)
        screen.send("q")
        assert screen.wait() == 0


def test_the_load_of_a_bus_is_shown_where_its_bit_rate_is_given(tmp_path: Path) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        terminal(["--can", str(tmp_path / "bus.sock"), "--bitrate", "500000"]) as screen,
    ):
        listener.accept()

        def has_load(lines: list[str]) -> bool:
            listener.send([PACK_POWER] * 20)
            return any(re.match(r" bus  receiving .*[1-9][0-9]*(\.[0-9])? ?%", line) for line in lines)

        screen.wait_for(has_load, "the load of the bus")
        screen.send("q")
        assert screen.wait() == 0


def test_a_service_is_watched_over_its_stop(tmp_path: Path) -> None:
    with FrameListener(tmp_path / "bus.sock") as listener, ScriptedServer() as server:
        sources = bus_at(tmp_path) + MAP.partition("\n")[2]
        with Gateway(tmp_path, influx_at(server.url), sources) as gateway:
            gateway.start()
            listener.accept()
            gateway.wait_for(gateway.status)
            # Again and again: 10 s after the last one they are no longer shown.
            with Load(listener, [PACK_POWER], every_s=0.1) as load, terminal([str(gateway.config)]) as screen:
                shown = screen.wait_for(lambda lines: any("99.99 V" in line for line in lines), "99.99 V")
                assert any(line.startswith(" bus  receiving") for line in shown)
                assert any("service start" in line for line in shown)
                by_folder = run([str(tmp_path / "spool")])
                assert " 99.99 V" in by_folder.stdout
                load.stop()
                assert gateway.terminate() == 0, gateway.output()
                shown = screen.wait_for(
                    lambda lines: any("no service answers" in line for line in lines), "its end"
                )
                assert not any("99.99" in line for line in shown)
                screen.send("q")
                assert screen.wait() == 0


def test_a_serial_device_is_shown_with_all_that_it_says(tmp_path: Path) -> None:
    shunt = {"PID": "0xA389", "V": "13000", "I": "5000", "P": "65", "VS": "12500", "FW": "0416", "MON": "-9"}
    with PtyDevice(tmp_path / "shunt") as device, talking(device.fileno(), lambda: vedirect_block(shunt)):
        done = run(["--serial", str(device.link), "--protocol", "vedirect", "--messages", "--json"])
    live = json.loads(done.stdout)
    assert live["packs"] == live["chargers"] == []
    assert [meter["values"] for meter in live["meters"]] == [
        {"voltage_v": 13.0, "current_a": 5.0, "power_w": 65.0}
    ]
    assert live["sources"][0]["device"] == "product 0xA389, firmware 0416"
    assert live["state"]["device/shunt"] == live["sources"][0]["device"]
    (message,) = live["messages"]
    assert message["message"] == "VedirectMeter"
    assert message["signals"] == {"V": 13.0, "I": 5.0, "P": 65, "VS": 12.5, "PID": 0xA389, "MON": -9}
