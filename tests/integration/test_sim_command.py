"""`nev-telemetry sim` as a user starts it: a process, a socket, signals, a report."""

import json
import os
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import can
import pytest
from can.interfaces.socketcan import SocketcanBus

from telemetry.__main__ import main
from tests.support.child import started
from tests.support.command import failed, refused

_FRAME = struct.Struct("=IB3x8s")
_TIMEOUT_S = 60.0
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; the socket module lacks it


def connect(process: "subprocess.Popen[str]", path: Path) -> tuple[socket.socket, list[str]]:
    """Return a client, and the lines that the simulator prints when it listens."""
    assert process.stdout is not None
    announced = [process.stdout.readline() for _ in range(3)]
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(_TIMEOUT_S)
    client.connect(str(path))
    return client, announced


def receive_all(client: socket.socket) -> list[tuple[int, bytes]]:
    frames = []
    while message := client.recv(100):
        id, length, data = _FRAME.unpack(message)
        frames.append((id, data[:length]))
    return frames


def read_report(file: Path) -> dict[str, Any]:
    report = json.loads(file.read_text("utf-8"))
    assert isinstance(report, dict)
    return report


def test_a_socket_gets_exactly_the_frames_that_a_log_of_the_same_seed_holds(tmp_path: Path) -> None:
    log, path, report_file = tmp_path / "sim.log", tmp_path / "bus", tmp_path / "report.json"
    common = ["drive", "--seed", "5", "--duration", "20"]
    assert main(["sim", *common, "--output", str(log)]) == 0
    arguments = [*common, "--socket", str(path), "--time-scale", "100", "--report", str(report_file)]
    with started("sim", *arguments) as process:
        client, announced = connect(process, path)
        with client:
            received = receive_all(client)
        _, errors = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, errors
    logged = [
        (message.arbitration_id | message.is_extended_id << 31, bytes(message.data))
        for message in can.CanutilsLogReader(log)
    ]
    assert received == logged
    report = read_report(report_file)
    assert report["frames_sent"] == report["frames_total"] == len(logged)
    assert sum(report["frames"].values()) == len(logged)
    assert dict(line.strip().split(" = ") for line in announced) == {
        "time_scale": "100.0",
        "time_origin_ns": str(report["time_origin_ns"]),
        "time_wall_ns": str(report["time_wall_ns"]),
    }
    assert not path.exists()


def test_a_log_is_stamped_with_the_scenarios_own_time_or_with_the_given_one(tmp_path: Path) -> None:
    log = tmp_path / "sim.log"
    assert main(["sim", "drive", "--duration", "1", "--output", str(log)]) == 0
    assert log.read_text("ascii").startswith("(1772436600.000000) can0 300#")
    again = ["--time-origin", "2026-01-01T00:00:00Z"]
    assert main(["sim", "drive", "--duration", "1", "--output", str(log), *again]) == 0
    assert log.read_text("ascii").startswith("(1767225600.000000) can0 300#")


def test_a_report_reports_what_the_plant_knows(tmp_path: Path) -> None:
    report_file = tmp_path / "report.json"
    arguments = ["--duration", "60", "--output", os.devnull, "--report", str(report_file)]
    assert main(["sim", "charge", *arguments]) == 0
    report = read_report(report_file)
    assert report["soc_end_pct"] > report["soc_start_pct"]
    assert report["energy_in_wh"] > 500.0
    assert report["energy_out_wh"] == 0.0
    assert 3.0 < report["cell_min_v"] < report["cell_max_v"] < 4.2
    assert report["frames"]["BMS_Health"] == 60


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_the_report_written(tmp_path: Path, number: signal.Signals) -> None:
    path, report_file = tmp_path / "bus", tmp_path / "report.json"
    with started("sim", "drive", "--socket", str(path), "--report", str(report_file)) as process:
        client, _ = connect(process, path)
        with client:
            received = [client.recv(100)]
            process.send_signal(number)
            received += [_FRAME.pack(id, len(data), data) for id, data in receive_all(client)]
        _, errors = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, errors
    assert read_report(report_file)["frames_sent"] == len(received)
    assert not path.exists()


def test_a_signal_ends_the_wait_for_the_first_client(tmp_path: Path) -> None:
    path = tmp_path / "bus"
    with started("sim", "drive", "--socket", str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("time_scale")
        process.terminate()
        _, errors = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, errors
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["flight", "--output", os.devnull], 66, "no such scenario"),
        (["drive", "--can", "nosuchcan0"], 69, "CAN|nosuchcan0"),
        (
            ["drive", "--output", "/proc/nonexistent/sim.log"],
            74,
            "/proc/nonexistent/sim.log: cannot be written",
        ),
        (["drive", "--duration", "1", "--output", "/dev/full"], 74, "/dev/full: cannot be written"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(arguments: list[str], code: int, what: str) -> None:
    assert any(word in refused(code, "sim", *arguments) for word in what.split("|"))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--duration", "-1"], "is no number above zero"),
        (["--time-scale", "fast"], "'fast' is no number above zero"),
        (["--time-origin", "yesterday"], "'yesterday' is no ISO 8601 time"),
        (["--time-wall", "2026-01-01T00:00:00"], "has no time zone"),
        (["--time-origin", "1700000000000"], "'1700000000000' is neither seconds nor nanoseconds since 1970"),
        (["--can", "can0"], "not allowed with argument"),
    ],
)
def test_an_argument_that_makes_no_sense_is_a_usage_error(arguments: list[str], what: str) -> None:
    assert what in failed(64, "sim", "drive", "--output", os.devnull, *arguments)


@pytest.mark.parametrize(
    "origin",
    ["1700000000.5", "1700000000500000000", "2023-11-14T22:13:20.5Z", "2023-11-14T23:13:20.500+01:00"],
)
def test_a_time_is_seconds_nanoseconds_or_a_date(tmp_path: Path, origin: str) -> None:
    log = tmp_path / "sim.log"
    assert main(["sim", "drive", "--duration", "0.05", "--output", str(log), "--time-origin", origin]) == 0
    first_s = float(log.read_text().partition(")")[0].strip("("))
    assert 1700000000.5 <= first_s < 1700000000.6


@pytest.mark.vcan
def test_a_can_interface_gets_exactly_the_frames_that_a_log_of_the_same_seed_holds(tmp_path: Path) -> None:
    log, report_file = tmp_path / "sim.log", tmp_path / "report.json"
    common = ["drive", "--seed", "5", "--duration", "10"]
    assert main(["sim", *common, "--output", str(log)]) == 0
    logged = [(message.arbitration_id, bytes(message.data)) for message in can.CanutilsLogReader(log)]
    with SocketcanBus("vcan0") as bus:
        # All frames fit: the emulated machine may give this reader no time for as long as they are sent.
        bus.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 4 << 20)
        received: list[tuple[int, bytes]] = []
        arguments = [*common, "--can", "vcan0", "--time-scale", "10", "--report", str(report_file)]
        with started("sim", *arguments) as process:
            while len(received) < len(logged) and (message := bus.recv(_TIMEOUT_S)) is not None:
                received.append((message.arbitration_id, bytes(message.data)))
            _, errors = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == 0, errors
    assert received == logged
    assert read_report(report_file)["frames_sent"] == len(logged)


def test_the_truth_of_each_pack_is_told_at_the_start_and_at_the_end(tmp_path: Path) -> None:
    scenario, truth = tmp_path / "weak.toml", tmp_path / "truth.json"
    scenario.write_text(
        'starts_at = "2026-03-02T07:30:00Z"\n[pack]\nchemistry = "lfp"\nstart_temp_c = 25\n'
        '[[battery]]\nname = "rear"\n[[phase]]\ndo = "stand"\nduration_s = 2\n[[fault]]\ndo = "weak-cell"\n'
        "cell = 37\ncapacity_pct = 80\nresistance_pct = 200\n"
        '[[fault]]\ndo = "weak-cell"\ncell = 5\ncapacity_pct = 50\nat_s = 1\n'
    )
    log = tmp_path / "sim.log"
    assert main(["sim", str(scenario), "--output", str(log), "--truth", str(truth)]) == 0
    start, end = json.loads(truth.read_text("ascii")).values()
    assert list(start) == list(end) == ["traction", "service", "rear"]
    assert [len(pack["cells"]) for pack in start.values()] == [96, 14, 14]
    cells = start["traction"]["cells"]
    ohms = sorted(cell["resistance_ohm"] for cell in cells)
    assert cells[36]["resistance_ohm"] == ohms[-1] > 1.7 * ohms[-2]
    assert cells[36]["temperature_factor"] == pytest.approx(1.0, abs=0.001)
    assert cells[36]["capacity_ah"] == pytest.approx(0.8 * 178.0 * 0.96, rel=0.03)
    assert start["traction"]["capacity_ah"] == pytest.approx(cells[36]["capacity_ah"], rel=0.02)
    assert end["traction"]["cells"][4]["capacity_ah"] == pytest.approx(0.5 * cells[4]["capacity_ah"])
