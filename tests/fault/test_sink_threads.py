"""A service that gets no thread for its sink says so when it starts, and leaves everything in order."""

import threading
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.errors import UnavailableError
from telemetry.service.service import Service
from telemetry.spool import Spool


@pytest.mark.parametrize("refused", ["sink-deadline", "sink"])
def test_a_service_without_a_thread_for_its_sink_ends_in_order_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    file = tmp_path / "gateway.toml"
    influx = '[influx]\nurl = "http://127.0.0.1:9"\ndatabase = "d"\n'
    bus = '[[can]]\nname = "bus"\nsocket = "bus.sock"\n'
    file.write_text(f'vehicle = "van"\n{influx}[spool]\ndirectory = "spool"\n[web]\nlisten = "off"\n{bus}')
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        real(thread)

    service = Service(load_config(file, {}))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(UnavailableError, match=rf"^{refused}: no thread can be started \(.*TasksMax"):
            service.run()
    spool = Spool(tmp_path / "spool", clock=Clock())
    assert spool.recovery.clean
    spool.close()
