"""Live values out of a service that runs: by its status socket, under load, and when its bus is lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from telemetry.live.status_socket import query_status
from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener

Live = dict[str, Any]
PACK_POWER = (0x300, bytes.fromhex("77000f2700000000"))  # 99.99 V
MAP = """
[[map]]
signal = "BMS_PackPower.PackVoltage"
to = "battery.voltage_v"
"""


def codes(live: Live) -> list[str]:
    return [event["code"] for event in live["events"]]


def live_of(gateway: Gateway, is_there: Callable[[Live], object], request: str = "status") -> Live:
    """Return the live values once they are so."""
    found: list[Live] = []

    def is_answered() -> object:
        found.append(query_status(gateway.directory / "spool", request)["live"])
        return is_there(found[-1])

    gateway.wait_for(is_answered)
    return found[-1]


def test_a_running_service_reports_the_last_values_of_its_packs(tmp_path: Path) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path) + MAP) as gateway,
    ):
        gateway.start()
        listener.accept()
        listener.send([PACK_POWER] * 20_000)
        live = live_of(gateway, lambda live: live["sources"][0]["decoded"] == 20_000)
        (pack,) = live["packs"]
        assert (pack["pack"], pack["source"], pack["stale"]) == ("main", "bus", [])
        assert pack["battery"] == {"voltage_v": 99.99}
        assert codes(live) == ["service_start"]
        assert "messages" not in live
        listener.hang_up()
        lost = live_of(gateway, lambda live: "source_lost" in codes(live))
        assert lost["packs"][0]["age_s"] >= pack["age_s"]
        assert gateway.terminate() == 0, gateway.output()


def test_without_a_map_the_messages_can_be_asked_for(tmp_path: Path) -> None:
    with (
        FrameListener(tmp_path / "bus.sock") as listener,
        ScriptedServer() as server,
        Gateway(tmp_path, influx_at(server.url), bus_at(tmp_path)) as gateway,
    ):
        gateway.start()
        listener.accept()

        def has_messages(live: Live) -> bool:
            listener.send([PACK_POWER])  # they are followed from the first question on
            return bool(live.get("messages"))

        live = live_of(gateway, has_messages, "messages")
        (message,) = live["messages"]
        assert (message["message"], message["source"]) == ("BMS_PackPower", "bus")
        assert message["signals"]["PackVoltage"] == 99.99
        assert live["packs"] == []
        assert gateway.terminate() == 0, gateway.output()
