"""Live values out of a service that runs: by its status socket, under load, and when its bus is lost."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telemetry.live.status_socket import query_status
from tests.support.gateway import Gateway
from tests.support.recording import VEHICLE_DBC
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener

Live = dict[str, Any]
DEADLINE_S = 30.0
PACK_POWER = (0x300, bytes.fromhex("77000f2700000000"))  # 99.99 V
MAP = """
[[map]]
signal = "BMS_PackPower.PackVoltage"
to = "battery.voltage_v"
"""


def settings(directory: Path, server: ScriptedServer) -> tuple[str, str]:
    influx = f'[influx]\nurl = "{server.url}"\napi = "v1"\ndatabase = "d"\n'
    bus = f'[[can]]\nname = "bus"\nsocket = "{directory}/bus.sock"\ndatabases = ["{VEHICLE_DBC}"]\n'
    return influx, bus


def wait_for_live(gateway: Gateway, is_there: Callable[[Live], bool], request: str = "status") -> Live:
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        if (gateway.directory / "spool" / "status.sock").exists():
            live: Live = query_status(gateway.directory / "spool", request)["live"]
            if is_there(live):
                return live
        time.sleep(0.05)
    raise AssertionError(gateway.output())


def codes(live: Live) -> list[str]:
    return [event["code"] for event in live["events"]]


def test_a_running_service_reports_the_last_values_of_its_packs(tmp_path: Path) -> None:
    with FrameListener(tmp_path / "bus.sock") as listener, ScriptedServer() as server:
        influx, bus = settings(tmp_path, server)
        with Gateway(tmp_path, influx, bus + MAP) as gateway:
            gateway.start()
            listener.accept()
            listener.send([PACK_POWER] * 20_000)
            live = wait_for_live(gateway, lambda live: bool(live["sources"][0]["decoded"] == 20_000))
            (pack,) = live["packs"]
            assert (pack["pack"], pack["source"], pack["stale"]) == ("main", "bus", [])
            assert pack["battery"] == {"voltage_v": 99.99}
            assert codes(live) == ["service_start"]
            assert "messages" not in live
            listener.hang_up()
            lost = wait_for_live(gateway, lambda live: "source_lost" in codes(live))
            assert lost["packs"][0]["age_s"] >= pack["age_s"]
            assert gateway.terminate() == 0, gateway.output()


def test_without_a_map_the_messages_can_be_asked_for(tmp_path: Path) -> None:
    with FrameListener(tmp_path / "bus.sock") as listener, ScriptedServer() as server:
        influx, bus = settings(tmp_path, server)
        with Gateway(tmp_path, influx, bus) as gateway:
            gateway.start()
            listener.accept()

            def has_messages(live: Live) -> bool:
                listener.send([PACK_POWER])  # they are followed from the first question on
                return bool(live.get("messages"))

            live = wait_for_live(gateway, has_messages, "messages")
            (message,) = live["messages"]
            assert (message["message"], message["source"]) == ("BMS_PackPower", "bus")
            assert message["signals"]["PackVoltage"] == 99.99
            assert live["packs"] == []
            assert gateway.terminate() == 0, gateway.output()
