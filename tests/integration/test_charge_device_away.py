"""Plugs whose device goes away, in a real service: what is open ends, or waits, as the two ends left it."""

import signal
from contextlib import ExitStack
from pathlib import Path

from tests.integration.test_charge_service import stored
from tests.support.charge_lives import BAYS, Frame, charge, text
from tests.support.gateway import NO_SERVER, Gateway
from tests.support.seqpacket import FrameListener

DONE, CHARGING = BAYS
IN_CHARGING_NS = 20_000_000_000


def bus(folder: Path, bay: str) -> str:
    return f'[[can]]\nname = "{bay}"\nsocket = "{folder}/{bay}"\nprotocol = "gbt27930"\ncharger = "{bay}"\n'


def play(folder: Path, gateway: Gateway, played: dict[str, list[Frame]]) -> None:
    """Play all frames at once until the service has them; then the devices go away for good."""
    with ExitStack() as stack:
        devices = {bay: stack.enter_context(FrameListener(folder / bay)) for bay in BAYS}
        gateway.start()
        for bay, device in devices.items():
            device.accept()
            device.send((id, data) for _, id, data in played[bay])
        counts = {f"bus/{bay}/read": len(frames) for bay, frames in played.items()}
        gateway.wait_for(lambda: counts.items() <= gateway.status()["accounts"].items())


def session_rows(status: dict[str, dict[str, int]]) -> int:
    return status["accounts"]["points/made/charging_session"]


def test_a_device_that_goes_away_ends_what_both_ends_have_finished_and_a_stop_reports_what_is_open(
    tmp_path: Path,
) -> None:
    frames = charge()
    played = {DONE: list(frames), CHARGING: [frame for frame in frames if frame[0] < IN_CHARGING_NS]}
    with Gateway(tmp_path, NO_SERVER, "".join(bus(tmp_path, bay) for bay in BAYS)) as gateway:
        play(tmp_path, gateway, played)
        before = session_rows(gateway.status())
        gateway.wait_for(lambda: session_rows(gateway.status()) > before)  # ten seconds later: one is over
        assert gateway.process is not None
        gateway.process.kill()
        gateway.process.wait()
        gateway.start()
        gateway.wait_for(lambda: session_rows(gateway.status()) > before)
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_for(lambda: "config_reloaded" in gateway.output())
        assert gateway.terminate() == 0, gateway.output()
    database = stored(tmp_path)
    outcomes = {}
    for bay in BAYS:
        ((_, row),) = database.of("charging_session", charger=bay)
        outcomes[bay] = row["open"].decode(), text(row, "outcome")
    assert outcomes == {DONE: ("false", "complete"), CHARGING: ("false", "unfinished")}
