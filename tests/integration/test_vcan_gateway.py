"""A recorded bus at full speed onto a real vcan0, through the gateway, into real servers, and read back."""

import csv
import math
import socket
from collections import defaultdict
from pathlib import Path

import can
import pytest

from firmware_sim.links.can import pack_frame
from telemetry.__main__ import main
from telemetry.ledger import imbalances, total
from tests.support.gateway import Gateway, influx_table
from tests.support.recording import VEHICLE_DBC, record_drive, recordings
from tests.support.servers import Database, DatabaseServer

Series = dict[tuple[str, str], list[float]]  # (message, signal) -> values in order


def expected_series(log: Path, database: Path, channel: str, tmp_path: Path) -> Series:
    """Return what `decode` says of the log."""
    table = tmp_path / "expected.csv"
    code = main(["decode", str(log), "--dbc", f"{channel}={database}", "--format", "csv", "-o", str(table)])
    assert code == 0
    series: Series = defaultdict(list)
    with table.open() as lines:
        for row in csv.DictReader(lines):
            series[row["message"], row["signal"]].append(float(row["value"]))
    return dict(series)


def stored_series(database: Database) -> Series:
    """Return what the database holds of each signal, by stamp, less the service's own measurements."""
    by_stamp: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for point, value in database.points().items():
        if point.measurement not in ("gateway", "event"):
            by_stamp[point.measurement, point.field].append((point.time_ns, float(value)))
    return {name: [value for _, value in sorted(values)] for name, values in by_stamp.items()}


def frames_of(log: Path, channel: str) -> list[tuple[int, bytes]]:
    """Ids as struct can_frame has them, and payloads."""
    return [
        (message.arbitration_id | (0x80000000 if message.is_extended_id else 0), bytes(message.data))
        for message in can.CanutilsLogReader(log)
        if message.channel == channel
    ]


def send_onto(interface: str, frames: list[tuple[int, bytes]]) -> None:
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as sender:
        sender.bind((interface,))
        for id, data in frames:
            sender.send(pack_frame(id, data))


def play_through(server: DatabaseServer, log: Path, dbc: Path, channel: str, tmp_path: Path) -> None:
    """Run the check itself, for one log and one server."""
    database = server.fresh_database()
    source = f'[[can]]\nname = "vcan0"\ndatabases = ["{dbc}"]\n'
    frames = frames_of(log, channel)
    with Gateway(tmp_path, influx_table(database, tmp_path), source) as gateway:
        run_on(gateway, frames)
    check_what_came(gateway, database, frames, expected_series(log, dbc, channel, tmp_path))


def run_on(gateway: Gateway, frames: list[tuple[int, bytes]]) -> None:
    """Start the gateway, play the frames onto its bus, and stop it when all is delivered."""
    gateway.start()
    gateway.wait_for(lambda: gateway.status()["state"]["source/vcan0"] == "receiving")
    send_onto("vcan0", frames)
    gateway.wait_for(lambda: taken(gateway) == len(frames) and all_delivered(gateway))
    assert gateway.terminate() == 0, gateway.output()


def check_what_came(
    gateway: Gateway, database: Database, frames: list[tuple[int, bytes]], expected: Series
) -> None:
    """Check that the accounts balance, and that the database holds each signal's value sequence."""
    accounts = gateway.final_accounts()
    counters = {**accounts.counters, "bus/vcan0/offered": len(frames)}
    assert list(imbalances(counters, accounts.waiting_points, {})) == []
    assert counters.get("bus/vcan0/kernel_dropped", 0) == 0
    assert counters["bus/vcan0/read"] == len(frames)
    made = total(counters, "points/made/")
    assert counters["points/acknowledged"] == made
    assert counters["frames/vcan0/decoded"] + counters.get("frames/vcan0/unknown", 0) == len(frames)
    if database.server.kind == "victoria_metrics":
        check_what_milliseconds_keep(database, expected)
        return
    stored = stored_series(database)
    assert stored.keys() == expected.keys()
    for name, values in expected.items():
        assert stored[name] == pytest.approx(values, rel=1e-9), name


def check_what_milliseconds_keep(database: Database, expected: Series) -> None:
    """Check that the last frame of a millisecond is left: some of a signal's values, in order."""
    for message, signal in list(expected)[:3]:
        points = database.points(message)
        stored = [
            float(value)
            for point, value in sorted(points.items(), key=lambda item: item[0].time_ns)
            if point.field == signal
        ]
        left = iter(expected[message, signal])
        assert stored
        assert all(any(math.isclose(value, other, rel_tol=1e-9) for other in left) for value in stored)


def taken(gateway: Gateway) -> int:
    accounts = gateway.status()["accounts"]
    return int(accounts.get("bus/vcan0/read", 0)) + int(accounts.get("bus/vcan0/kernel_dropped", 0))


def all_delivered(gateway: Gateway) -> bool:
    status = gateway.status()
    made, gauges = total(status["accounts"], "points/made/"), status["gauges"]
    return made > 0 and gauges["points_waiting_memory"] + gauges["points_waiting_disk"] == 0


@pytest.mark.vcan
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("influxdb2", marks=pytest.mark.long),
        "influxdb1",
        pytest.param("victoria_metrics", marks=pytest.mark.long),
    ],
)
def test_each_signal_of_a_recorded_bus_arrives_as_decode_says(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log = record_drive(tmp_path / "drive.log", 60.0)
    play_through(request.getfixturevalue(kind), log, VEHICLE_DBC, "can0", tmp_path)


@pytest.mark.vcan
@pytest.mark.optional
@pytest.mark.parametrize("kind", ["influxdb2", "influxdb1", "victoria_metrics"])
def test_each_signal_of_a_real_car_arrives_as_decode_says(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = recordings() / "kona"
    play_through(request.getfixturevalue(kind), folder / "pcan.log", folder / "pcan.dbc", "can0", tmp_path)
