"""docs/scan.md: it names every protocol as it is tried."""

import re
from pathlib import Path

from telemetry.scan.probes import rule_of, scanned, settings_of
from telemetry.scan.serial_scan import Waits, silent_s

PAGE = (Path(__file__).parents[3] / "docs" / "scan.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)`(?:, risky)? \| ([^|]+) \|", PAGE, re.MULTILINE))


def test_each_protocol_is_in_the_table_with_the_settings_at_which_it_is_tried() -> None:
    protocols = scanned()
    for protocol in protocols:
        settings = [one for one in settings_of(protocols) if protocol in one.heard]
        tried = {f"{one.baud_rate} 8{one.line.parity}" for one in settings}
        assert set(re.findall(r"\d+ 8[NE]", ROWS[protocol.name])) == tried, protocol.name
    assert len(ROWS) == len(protocols)


def test_risky_protocols_are_marked_and_explained() -> None:
    for protocol in scanned():
        is_risky = bool(rule_of(protocol).risk)
        assert (f"| `{protocol.name}`, risky |" in PAGE) is is_risky
        assert (f"- `{protocol.name}`: " in PAGE) is is_risky


def test_it_names_how_long_a_silent_port_takes() -> None:
    seconds = re.findall(r"It takes (\d+) s at a port where nobody answers", PAGE)
    assert seconds == [f"{silent_s(settings_of(scanned()), Waits()):.0f}"]
