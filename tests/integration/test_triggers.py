"""Triggers and the black box in a real service: windows whole, captures that decode to the same rows."""

import re
import signal
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.blackbox.store import Box
from telemetry.errors import StorageError
from telemetry.model.finding import Grade
from telemetry.service.check import check
from tests.support.command import printed
from tests.support.configuration import load
from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.recording import VEHICLE_DBC
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener
from tests.support.servers import DatabaseServer, Points
from tests.support.two_packs import START, written
from tests.unit.stages.test_windows import ALARM, BRAKE, drive, stages_of

TRIGGER = """
[reduce]
every_s = 3600
[[trigger]]
signal = "BMS_PackPower.PackVoltage"
above = 150.0
before_s = 120
after_s = 60
black_box = true
"""


def power(number: int, volts: float = 100.0) -> tuple[int, bytes]:
    """Return a frame of the pack's power, with another current each time."""
    return 0x300, (number % 3000).to_bytes(2, "little") + round(volts * 100).to_bytes(2, "little") + bytes(4)


def box_at(folder: Path, name: str = "box") -> str:
    return f'[black_box]\ndirectory = "{folder}/{name}"\n'


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_a_window_is_whole_and_its_capture_decodes_to_the_same_rows(tmp_path: Path, ending: str) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(
            tmp_path, influx_at(server.url), box_at(tmp_path, "spool/box") + bus_at(tmp_path) + TRIGGER
        ) as gateway,
    ):
        gateway.start()
        listener.accept()
        listener.send(power(number) for number in range(500))
        gateway.wait_for(lambda: gateway.status()["live"]["sources"][0]["decoded"] == 500)
        listener.send(chain([power(500, 160.0)], (power(number) for number in range(501, 700))))
        gateway.wait_for(lambda: sum(b"BMS_PackPower" in line for line in server.stored) >= 700)
        gateway.wait_for(lambda: gateway.status()["captures"])
        (capture,) = gateway.status()["captures"]
        assert capture["goes_on"], "no row has come of 60 s after the event"
        gateway.wait_for(lambda: gateway.status()["captures"][0]["raw_bytes"] > 1000)
        out = tmp_path / "got.log"
        if ending == "stop":
            final = gateway.end()
            assert final.counters["triggers/captures"] == 1
            assert final.counters["black_box/lost"] == 0
        else:
            box = Box(tmp_path / "spool/box")
            gateway.wait_for(lambda: whole(box) == 700)
            assert gateway.process is not None
            gateway.process.kill()
            gateway.process.wait()
        (event,) = [line for line in server.stored if b"code=trigger" in line]
        (name,) = re.findall(rb'capture="([^"]+)"', event)
        assert name.decode() == capture["id"]
        assert name.decode() in printed("blackbox", "list", gateway.config)
        assert "700 frames" in printed("blackbox", "get", gateway.config, name.decode(), "-o", out)
        decoded = printed("decode", out, "--dbc", VEHICLE_DBC, "--format", "lp", "--vehicle", "van").encode()
        sent = {line for line in server.stored if line.startswith(b"BMS_PackPower")}
        assert set(decoded.splitlines()) == sent
        assert len(sent) == 700
        printed("blackbox", "drop", gateway.config, name.decode())
        assert printed("blackbox", "list", gateway.config) == ""


def whole(box: Box) -> int:
    return sum(part.count or 0 for one in box.captures() for part in box.parts(one))


def test_a_reload_turns_the_black_box_on_and_off(tmp_path: Path) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path)) as gateway,
    ):
        gateway.start()
        listener.accept()
        gateway.sources = box_at(tmp_path) + bus_at(tmp_path)
        reload(gateway, server, 1)
        with pytest.raises(StorageError, match="another service has this black box"):
            Box(tmp_path / "box").lock()
        listener.send(power(number) for number in range(50))
        gateway.wait_for(lambda: sum(b"BMS_PackPower" in line for line in server.stored) == 50)
        gateway.sources = bus_at(tmp_path)
        reload(gateway, server, 2)
        assert len(Box(tmp_path / "box").segments()) == 1
        gateway.end()


def reload(gateway: Gateway, server: ScriptedServer, count: int) -> None:
    gateway.write_config()
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_for(lambda: sum(b"code=config_reloaded" in line for line in server.stored) == count)


def test_a_second_service_with_the_same_black_box_is_refused_and_check_foretells_a_folder_that_cannot_be(
    tmp_path: Path,
) -> None:
    lock = Box(tmp_path / "box").lock()
    with Gateway(tmp_path, influx_at("http://127.0.0.1:9"), box_at(tmp_path) + bus_at(tmp_path)) as gateway:
        gateway.start()
        assert gateway.wait() == StorageError.exit_code
        assert "another service has this black box" in gateway.output()
    assert lock
    text = f'vehicle = "van"\n{influx_at("http://127.0.0.1:9")}[spool]\ndirectory = "{tmp_path}/s"\n'
    config = load(tmp_path, text + '[black_box]\ndirectory = "/proc/box"\n' + bus_at(tmp_path))
    faults = [one.text for one in check(config) if one.level is Grade.FAULT]
    assert any(words.startswith("/proc/box: the black box cannot be used") for words in faults)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.server(kind)) for kind in ("influxdb2", "influxdb1")]
)
def test_a_server_has_each_row_of_a_window_once_with_all_of_its_fields(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    steps = drive(30.0, [9.8], [10.0])
    lines = written(stages_of(BRAKE, ALARM, every_s=1.0), [steps])
    everything = written(stages_of(every_s=0.0), [steps])
    assert len(lines) > len(set(lines))  # what had been sent already is sent again
    assert points(server, lines[:40], lines[40:]) == points(server, sorted(set(lines)))
    whole_window = [line for line in everything if START + 9 * 10**9 <= stamp(line) <= START + 12 * 10**9]
    found = points(server, lines)
    for key, value in points(server, [line for line in whole_window if line[:6] != "event,"]).items():
        assert found[key] == value


def stamp(line: str) -> int:
    return int(line.rsplit(" ", 1)[1])


def points(server: DatabaseServer, *requests: Sequence[str]) -> Points:
    database = server.fresh_database()
    path, scope = "/write", {"db": database.name}
    if server.kind == "influxdb2":
        path, scope = "/api/v2/write", {"org": server.org, "bucket": database.name}
    for lines in requests:
        assert server.request("POST", path, "\n".join(lines).encode(), **scope).status == 204
    return database.points()


CAR = f"""
vehicle = "van"
[influx]
url = "http://127.0.0.1:9"
database = "d"
[spool]
directory = "spool"
[[can]]
name = "can0"
interface = "can0"
databases = ["{VEHICLE_DBC}"]
[[map]]
signal = "BMS_PackPower.PackVoltage"
to = "battery.voltage_v"
[[map]]
signal = "BMS_PackPower.PackCurrent"
to = "battery.current_a"
[[map]]
signal = "BMS_CellVoltages.Cell{{n}}Voltage"
to = "cells.v{{n}}"
"""


@pytest.fixture(scope="module")
def weak_cell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a drive with a weak cell, and all that a configuration without reduction makes of it."""
    folder = tmp_path_factory.mktemp("weak-cell")
    log, config = folder / "drive.log", folder / "all.toml"
    assert main(["sim", "weak-cell", "--duration", "100", "--output", str(log)]) == 0
    config.write_text(CAR)
    return log, printed("decode", log, "--config", config, "--format", "lp").splitlines()


@pytest.mark.parametrize(
    "trigger",
    [
        (
            '[[limit]]\nfield = "cells.v*"\ncode = "cell_undervoltage"\nbelow = 3.45\n'
            '[[trigger]]\non = ["cell_under*"]\n'
        ),
        '[[trigger]]\nsignal = "BMS_PackPower.PackCurrent"\nchanges_by = 50\nwithin_s = 0.5\n',
        '[[trigger]]\nfield = "battery.voltage_v"\nbelow = 340.0\n',
        '[[trigger]]\nfield = "cells.v37"\nbelow = 3.45\nonly = ["battery", "BMS_Pack*"]\n',
    ],
)
def test_at_a_simulator_s_fault_a_window_has_each_row_of_100_hz_to_the_first_and_the_last(
    tmp_path: Path, weak_cell: tuple[Path, list[str]], trigger: str
) -> None:
    log, everything = weak_cell
    config = tmp_path / "g.toml"
    config.write_text(
        CAR
        + "[send]\nmessages = false\n[reduce]\nevery_s = 30\n"
        + trigger
        + "before_s = 3\nafter_s = 2\nper_hour = 2\n"
    )
    lines = printed("decode", log, "--config", config, "--format", "lp").splitlines()
    events = [line for line in lines if line.startswith("event,") and "capture=" in line]
    assert events
    names = ("battery,", "BMS_Pack") if "only" in trigger else ""
    for event in events:
        first, last = stamp(event) - 3 * 10**9, stamp(event) + 2 * 10**9
        window = [line for line in everything if first <= stamp(line) <= last and line.startswith(names)]
        assert len([line for line in window if line.startswith("BMS_PackPower")]) in range(499, 503)
        assert set(window) <= set(lines)
    outside = len(lines) - len(set(lines)) + len(everything) - len(lines)
    assert outside > len(everything) // 2
