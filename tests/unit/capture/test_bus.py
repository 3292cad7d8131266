"""The options of a bus that is recorded, and what is reported of one that python-can cannot open."""

import can
import pytest

from telemetry.__main__ import build_parser
from telemetry.capture.bus import open_bus, options_of
from telemetry.errors import MissingPackageError, UnavailableError, UsageError


def test_python_can_s_arguments_are_the_options_of_its_bus() -> None:
    """Those that python-can's own commands hand to `can.Bus`; what was not given is not among them."""
    words = "-o x.log -i virtual -c bench -b 250000 --fd --filter 300:7FF"
    words += " --bus-kwargs receive_own_messages=True serial=1234"
    arguments = build_parser(["capture"]).parse_args(["capture", *words.split()])
    assert options_of(arguments) == {
        "interface": "virtual",
        "channel": "bench",
        "bitrate": 250_000,
        "fd": True,
        "can_filters": [{"can_id": 0x300, "can_mask": 0x7FF}],
        "receive_own_messages": True,
        "serial": 1234,
    }
    assert options_of(build_parser(["capture"]).parse_args(["capture", "-o", "x.log"])) == {}


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
