"""What is reported of a bus that python-can cannot open."""

import can
import pytest

from telemetry.capture.bus import open_bus
from telemetry.errors import MissingPackageError, UnavailableError, UsageError


def test_an_interface_that_lacks_a_package_is_answered_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("can.interfaces.udp_multicast.utils.msgpack", None)
    with pytest.raises(MissingPackageError) as refused:
        open_bus({"interface": "udp_multicast", "channel": "239.74.163.2"})
    assert str(refused.value) == (
        "udp_multicast: msgpack not installed (pip install 'python-can[multicast]')"
    )
    assert refused.value.exit_code == 72


def test_an_interface_that_nobody_knows_is_a_usage_error_that_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match=r'Unknown interface type "slcam" \(-i and -c, CONFIG, or '):
        open_bus({"interface": "slcam", "channel": "x"})


def test_an_interface_that_no_package_brings_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise can.CanInterfaceNotImplementedError("only on Windows")

    monkeypatch.setattr(can, "Bus", refuse)
    with pytest.raises(UnavailableError, match=r"^nican: only on Windows$"):
        open_bus({"interface": "nican", "channel": "CAN0"})
