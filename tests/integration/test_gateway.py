"""The whole gateway as a process: frames in at a socket, points out of real servers, balanced accounts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import can
import cantools
import pytest

from telemetry.ledger import imbalances, total
from tests.support.gateway import FinalAccounts, Gateway, bus_at, influx_table
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import ScriptedServer, answer, read_nothing, say_nothing
from tests.support.seqpacket import FrameListener
from tests.support.servers import Database, DatabaseServer

VEHICLE = cantools.database.load_file(VEHICLE_DBC)
assert isinstance(VEHICLE, cantools.database.Database)
PACK_POWER = VEHICLE.get_message_by_name("BMS_PackPower")
UNKNOWN_ID = 0x7FF
CANARY = "canary-token-that-must-not-be-seen"


def flagged(message: can.Message) -> int:
    """Return the id as struct can_frame has it."""
    return message.arbitration_id | (0x80000000 if message.is_extended_id else 0)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, bytes]]:
    """20 s of simulated driving and one frame that no database knows."""
    log = record_drive(tmp_path_factory.mktemp("log") / "drive.log", 20.0)
    known = [(flagged(message), bytes(message.data)) for message in can.CanutilsLogReader(log)]
    return [*known, (UNKNOWN_ID, b"\x01\x02")]


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[FrameListener]:
    with FrameListener(tmp_path / "bus.sock") as opened:
        yield opened


def assert_balanced(accounts: FinalAccounts, offered: int) -> None:
    counters = {**accounts.counters, "bus/bus/offered": offered}
    assert list(imbalances(counters, accounts.waiting_points, {})) == []
    assert counters["bus/bus/read"] + counters.get("bus/bus/kernel_dropped", 0) == offered
    assert total(counters, "frames/bus/lost/") == 0


def stored_values(database: Database, message: str, signal: str) -> list[float]:
    """Return the values of one signal in the order of their stamps."""
    points = database.points(message)
    of_signal = {point.time_ns: float(value) for point, value in points.items() if point.field == signal}
    return [of_signal[time_ns] for time_ns in sorted(of_signal)]


@pytest.mark.parametrize("kind", ["influxdb2", "influxdb1", "victoria_metrics"])
@pytest.mark.server("influxdb2")
def test_every_frame_of_a_live_bus_is_in_the_database_and_accounted_for(
    kind: str,
    frames: list[tuple[int, bytes]],
    listener: FrameListener,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    database = server.fresh_database()
    with Gateway(tmp_path, influx_table(database, tmp_path), bus_at(tmp_path)) as gateway:
        gateway.start()
        listener.accept()
        offered = listener.send(frames)
        gateway.wait_for_account("frames/bus/unknown")
        assert gateway.terminate() == 0, gateway.output()

    accounts = gateway.final_accounts()
    assert_balanced(accounts, offered)
    assert accounts.counters["frames/bus/decoded"] == offered - 1
    assert accounts.waiting_points == 0
    assert accounts.counters["points/acknowledged"] == total(accounts.counters, "points/made/")

    if kind == "victoria_metrics":
        return  # it keeps milliseconds: frames of one millisecond overwrite one another there
    expected = [pack_voltage(data) for id, data in frames if id == PACK_POWER.frame_id]
    assert stored_values(database, "BMS_PackPower", "PackVoltage") == pytest.approx(expected, rel=1e-9)


def pack_voltage(data: bytes) -> float:
    values = PACK_POWER.decode_simple(data, decode_choices=False)
    voltage_v = values["PackVoltage"]
    assert isinstance(voltage_v, float | int)
    return voltage_v


def scripted_influx(server: ScriptedServer, tmp_path: Path) -> str:
    token = tmp_path / "token"
    token.write_text(CANARY + "\n")
    token.chmod(0o600)
    return f'[influx]\nurl = "{server.url}"\napi = "v2"\norg = "o"\nbucket = "b"\ntoken_file = "{token}"\n'


@pytest.mark.parametrize("act", [say_nothing, read_nothing, answer(401), answer(503)])
def test_one_sigterm_ends_the_service_whatever_the_server_does_and_nothing_is_lost(
    act: Callable[..., None], frames: list[tuple[int, bytes]], listener: FrameListener, tmp_path: Path
) -> None:
    with (
        ScriptedServer() as server,
        Gateway(tmp_path, scripted_influx(server, tmp_path), bus_at(tmp_path)) as gateway,
    ):
        server.script(*[act] * 1000)
        gateway.start()
        listener.accept()
        offered = listener.send(frames)
        gateway.wait_for_account("frames/bus/unknown")
        assert gateway.status()["state"]["source/bus"] == "receiving"
        assert gateway.terminate() == 0
        accounts = gateway.final_accounts()
        assert_balanced(accounts, offered)
        assert accounts.clean
        assert accounts.waiting_points == total(accounts.counters, "points/made/")
    assert CANARY not in gateway.output()


def test_a_bus_that_goes_and_comes_back_is_two_events_and_costs_no_frame(
    frames: list[tuple[int, bytes]], listener: FrameListener, tmp_path: Path
) -> None:
    with (
        ScriptedServer() as server,
        Gateway(tmp_path, scripted_influx(server, tmp_path), bus_at(tmp_path)) as gateway,
    ):
        gateway.start()
        listener.accept()
        offered = listener.send(frames)
        gateway.wait_for_account("frames/bus/unknown")
        listener.hang_up()
        listener.accept()
        offered += listener.send(frames)
        gateway.wait_for_account("frames/bus/unknown", 2)
        assert gateway.terminate() == 0
        assert_balanced(gateway.final_accounts(), offered)
        events = [line for line in server.stored if line.startswith(b"event,")]
    assert [code for code in (b"source_lost", b"source_back") if any(code in line for line in events)] == [
        b"source_lost",
        b"source_back",
    ]
