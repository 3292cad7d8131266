"""The options of a bus that is recorded, from python-can's own arguments."""

from telemetry.__main__ import build_parser
from telemetry.capture.bus import options_of


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
