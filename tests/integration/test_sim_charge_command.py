"""`nev-telemetry sim dc-charge`, `gbt-charger` and `gbt-vehicle` as a user starts them."""

import json
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import can
import pytest

from telemetry.__main__ import main
from tests.support.child import started
from tests.support.command import printed, refused

_FRAME = struct.Struct("=IB3x8s")
_TIMEOUT_S = 120.0
_GROUP = "239.74.163.15"
QUICK = """\
[pack]
start_soc_pct = 30.0
start_temp_c = 22.0

[charger]
insulation_s = 0.2
output_s = 0.2

[[fault]]
do = "stop"
on = "vehicle"
reason = "voltage_reached"
after = "charging"
at_s = 1.5
"""


def read_report(file: Path) -> dict[str, Any]:
    report = json.loads(file.read_text("utf-8"))
    assert isinstance(report, dict)
    return report


def test_a_charge_in_a_log_is_the_same_each_time_and_its_report_says_how_it_ended(tmp_path: Path) -> None:
    logs = tmp_path / "first.log", tmp_path / "second.log"
    for log in logs:
        arguments = ["--scenario", "30", "--log", str(log), "--report", str(tmp_path / "report.json")]
        assert main(["sim", "dc-charge", *arguments]) == 0
    report = read_report(tmp_path / "report.json")
    assert logs[0].read_bytes() == logs[1].read_bytes()
    assert report["scenario"] == "30-relay"
    assert (report["outcome"], report["side"], report["reason"]) == ("complete", "vehicle", "relay_fault")
    assert report["frames_total"] == logs[0].read_text("ascii").count("\n")


def test_another_seed_is_another_vehicle_and_the_first_one_is_that_without_a_seed(tmp_path: Path) -> None:
    (tmp_path / "quick.toml").write_text(QUICK)
    vehicles, logs, scenario = [], [], str(tmp_path / "quick.toml")
    for number, seed in enumerate(([], ["--seed", "1"], ["--seed", "2"], ["--seed", "-70001"])):
        log = tmp_path / f"{number}.log"
        assert main(["sim", "dc-charge", "--scenario", scenario, *seed, "--log", str(log)]) == 0
        (session,) = json.loads(printed("sessions", "--format", "json", log))
        vehicles.append((session["vin"], session["pack"]))
        logs.append(log.read_bytes())
    assert logs[0] == logs[1]
    serials = ("00006D1A", "00006D1B", "FFFF5BA8")
    vins = [f"LSIMGBT27930V{number}" for number in ("0001", "0002", "9999")]
    assert vehicles[1:] == [(vin, f"SIMU-{serial}") for vin, serial in zip(vins, serials, strict=True)]


def test_a_socket_gets_exactly_the_frames_that_a_log_holds(tmp_path: Path) -> None:
    log, path = tmp_path / "sim.log", tmp_path / "bus"
    common = ["dc-charge", "--scenario", "37", "--with", "vendor", "--time-origin", "2026-03-02T10:00:00Z"]
    assert main(["sim", *common, "--log", str(log)]) == 0
    logged = [
        (message.arbitration_id | message.is_extended_id << 31, bytes(message.data))
        for message in can.CanutilsLogReader(log)
    ]
    received = []
    with started("sim", *common, "--socket", str(path), "--time-scale", "20") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "time_scale = 20.0\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(_TIMEOUT_S)
            client.connect(str(path))
            while message := client.recv(100):
                id, length, data = _FRAME.unpack(message)
                received.append((id, data[:length]))
        _, errors = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, errors
    assert received == logged


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["dc-charge"], 64, "sim dc-charge: say where: --can, --interface, --socket or --log"),
        (["dc-charge", "--scenario", "77", "--log", os.devnull], 66, "77: no such scenario of a charge"),
        (["dc-charge", "--serial-link", "x", "--log", os.devnull], 64, "a charge has no serial port"),
        (["dc-charge", "--truth", "x", "--log", os.devnull], 64, "a charge has a --report alone"),
        (["dc-charge", "--log", "/dev/full"], 74, "/dev/full: cannot be written"),
        (["dc-charge", "--interface", "nosuch"], 69, "nosuch: cannot be opened"),
        (["gbt-charger", "--log", os.devnull], 64, "say where the other end is: --can or --interface"),
        (["drive", "--scenario", "3", "--output", os.devnull], 64, "--scenario, --with: of dc-charge"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(arguments: list[str], code: int, what: str) -> None:
    assert what in refused(code, "sim", *arguments)


def test_the_list_has_all_scenarios_of_a_charge() -> None:
    lines = printed("sim", "--list").splitlines()
    assert sum(line[:2].isdecimal() and line[2] == "-" for line in lines) == 41


def charge_between_two_processes(bus: Sequence[str], tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both ends' reports: from the handshake to charging, and a stop."""
    scenario = tmp_path / "quick.toml"
    scenario.write_text(QUICK, "utf-8")
    reports = {part: tmp_path / f"{part}.json" for part in ("gbt-vehicle", "gbt-charger")}
    with ExitStack() as stack:
        processes = []
        for part, report in reports.items():  # the vehicle first: it waits for the charger
            arguments = [part, *bus, "--scenario", str(scenario), "--report", str(report)]
            process = stack.enter_context(started("sim", *arguments))
            assert process.stdout is not None
            assert process.stdout.readline() == "time_scale = 1.0\n"  # it listens
            processes.append(process)
        for process in processes:
            _, errors = process.communicate(timeout=_TIMEOUT_S)
            assert process.returncode == 0, errors
    return read_report(reports["gbt-charger"]), read_report(reports["gbt-vehicle"])


def assert_charged(charger: dict[str, Any], vehicle: dict[str, Any]) -> None:
    """Check the end; a machine still for a second costs an attempt, as on a real bus, not the end."""
    assert (charger["stop_reasons"], vehicle["stop_reasons"]) == (["vehicle_stopped"], ["voltage_reached"])
    assert charger["energy_charger_wh"] > 1.0
    assert vehicle["energy_vehicle_wh"] > 1.0


@pytest.mark.optional
def test_two_processes_charge_over_udp_multicast(tmp_path: Path) -> None:
    try:
        can.Bus(interface="udp_multicast", channel=_GROUP).shutdown()
    except (can.CanError, OSError) as error:
        pytest.skip(f"no multicast here: {error}")
    assert_charged(*charge_between_two_processes(["-i", "udp_multicast", "-c", _GROUP], tmp_path))


@pytest.mark.vcan
def test_two_processes_charge_over_a_can_interface(tmp_path: Path) -> None:
    assert_charged(*charge_between_two_processes(["--can", "vcan0"], tmp_path))
