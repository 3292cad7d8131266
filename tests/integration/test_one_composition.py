"""One log, four commands: `run`, `decode --config`, `check` and `monitor` make the same of it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import command
from tests.support.composition_cases import CASES, INFLUX, config
from tests.support.framing import vedirect_block
from tests.support.gateway import Gateway
from tests.support.lineprotocol import Line, parse_line
from tests.support.serial_pty import PtyDevice

OF_THE_SERVICE = ("source_", "service_", "sink_", "log_", "clock_", "values_", "device_", "spool_")


def output(*words: object) -> str:
    done = command(*words)
    assert done.returncode in (0, 69), done.stderr
    return done.stdout


def written_by_the_service(gateway: Gateway, is_done: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Return what waits in the spool when all is read, less what the service says of itself."""
    gateway.start()
    gateway.wait_for(lambda: is_done(gateway.status()))
    assert gateway.terminate() == 0, gateway.output()
    lines = output("spool", "export", gateway.directory / "spool").splitlines()
    return [line for line in lines if not _is_of_the_service(line)]


def _is_of_the_service(line: str) -> bool:
    point = parse_line(line.encode())
    return point.measurement == "gateway" or (
        point.measurement == "event" and point.tags["code"].startswith(OF_THE_SERVICE)
    )


def points_a_second(lines: list[str]) -> str:
    stamps = [int(line.rpartition(" ")[2]) for line in lines]
    return f"{len(lines) / ((max(stamps) - min(stamps)) / 1e9):.0f} points/s"


@pytest.mark.parametrize("name", CASES)
def test_all_commands_make_the_same_of_a_log(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    log = case.write(tmp_path)
    file = config(tmp_path, "replay", case)
    with Gateway(tmp_path, "", "") as gateway:
        gateway.config.write_text(file.read_text() + '[web]\nlisten = "off"\n')
        lines = written_by_the_service(gateway, lambda status: status["state"].get("source/log") == "ended")
    assert lines
    assert any("capture" in point.fields for point in points(lines)) is ("[[trigger]]" in case.rest)
    for session in (point.fields for point in points(lines) if point.measurement == "charging_session"):
        lasted_s, power_w = float(session["duration_s"]), float(session["mean_power_w"])
        assert float(session["energy_wh"]) == pytest.approx(lasted_s * power_w / 3600, abs=1e-5)
        assert (lasted_s, power_w) == pytest.approx((float(session["covered_vehicle_s"]), 4000.0))

    for kind in ("replay", "can"):
        decoded = output("decode", "--config", config(tmp_path, kind, case), "--format", "lp", log)
        if "[[session]]" in case.rest:  # whose rows the service writes before those of their frames
            assert sorted(decoded.splitlines()) == sorted(lines)
        else:
            assert decoded.splitlines() == lines

    assert f"source log: {points_a_second(lines)}, " in output("check", file)

    live = json.loads(output("monitor", "--json", "--log", log, "--map", file))
    assert events_of(live) == [point.tags["code"] for point in points(lines) if point.measurement == "event"]
    made = {name.removeprefix("points/made/"): n for name, n in live["accounts"].items() if "/made/" in name}
    if not ("[reduce" in case.rest or "[[session]]" in case.rest):  # what is held or open is not made yet
        assert {name: n for name, n in made.items() if n} == Counter(
            each.measurement for each in points(lines)
        )
    rows = [each.fields for each in points(lines) if each.measurement == "battery"]
    voltages = [fields["voltage_v"] for fields in rows if "voltage_v" in fields]
    assert [each["battery"]["voltage_v"] for each in live["packs"]] == [float(each) for each in voltages[-1:]]


def points(lines: list[str]) -> list[Line]:
    return [parse_line(line.encode()) for line in lines]


def events_of(live: dict[str, Any]) -> list[str]:
    """Return the event codes, oldest first, less those of the feed itself."""
    codes = [event["code"] for event in reversed(live["events"])]
    return [code for code in codes if not code.startswith(OF_THE_SERVICE)]


BLOCKS = [
    vedirect_block({"PID": "0x203", "V": str(26_000 - 100 * n), "AR": "0" if n < 3 else "4", "SOC": "900"})
    for n in range(6)
]


def test_a_serial_capture_gives_what_the_service_wrote_when_it_was_taken(tmp_path: Path) -> None:
    """But for the stamps: those of a capture are cut to microseconds."""
    with PtyDevice(tmp_path / "port") as device, Gateway(tmp_path, "", "") as gateway:
        source = f'name = "shunt"\nport = "{device.link}"\nprotocol = "vedirect"\ncapture = "shunt.txt"\n'
        limit = '[[limit]]\nfield = "battery.voltage_v"\nbelow = 25.7\ncode = "pack_undervoltage"\n'
        gateway.config.write_text(
            f'vehicle = "van"\n{INFLUX}[web]\nlisten = "off"\n[spool]\ndirectory = "spool"\n'
            f"[[serial]]\n{source}{limit}"
        )
        left = list(reversed(BLOCKS))

        def is_done(status: dict[str, Any]) -> bool:
            """Write one block after another, each after the last one has become frames."""
            if status["state"].get("source/shunt", "stopped") == "stopped":
                return False  # a port that opens discards what came before
            if status["accounts"].get("frames/shunt/decoded", 0) == len(BLOCKS) - len(left):
                if not left:
                    return True
                device.write(left.pop())
            return False

        lines = written_by_the_service(gateway, is_done)
    decoded = output("decode", "--config", gateway.config, "--format", "lp", tmp_path / "shunt.txt")
    assert without_stamps(decoded.splitlines()) == without_stamps(lines)
    assert "code=soc_low" in decoded
    assert "code=pack_undervoltage" in decoded


def without_stamps(lines: list[str]) -> list[str]:
    return [line.rpartition(" ")[0] for line in lines]
