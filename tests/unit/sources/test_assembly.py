"""What of the settings reaches a source."""

import pytest

from telemetry.config import CanSettings, DatabaseSettings
from telemetry.sources.assemble import assemble_source
from telemetry.sources.channels import ChannelTable
from tests.support.clock import FakeClock


def test_what_is_set_of_an_interface_reaches_its_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(
        "telemetry.sources.assemble.CanInterface", lambda name, **options: asked.append((name, options))
    )
    settings = CanSettings(
        "bus",
        DatabaseSettings(()),
        interface="can7",
        socket=None,
        bit_rate=None,
        receive_buffer_bytes=123_456,
        hardware_stamps=True,
        simulated_time=None,
    )
    assemble_source(settings, ChannelTable(), FakeClock(), {})
    assert asked == [("can7", {"hardware_stamps": True, "receive_buffer_bytes": 123_456})]
