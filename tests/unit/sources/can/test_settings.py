"""[[can]]: what of the settings reaches the source."""

from pathlib import Path

import pytest

from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from telemetry.sources.can.settings import CanSettings
from telemetry.sources.can.sockets import CanInterface
from telemetry.sources.settings import Start
from tests.support.clock import FakeClock


def test_what_is_set_of_an_interface_reaches_its_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links: list[object] = []
    monkeypatch.setattr(
        "telemetry.sources.can.settings.SocketCanSource", lambda *given, **_: links.append(given[1])
    )
    keys = {"name": "bus", "interface": "can7", "receive_buffer_kib": 128, "hardware_stamps": True}
    settings = CanSettings.read(TomlTable(Document.plain(tmp_path / "gateway.toml", keys), {}))
    settings.make_source(Start(FakeClock(), lambda _: 0))
    assert links == [CanInterface("can7", hardware_stamps=True, receive_buffer_bytes=128 * 1024)]
