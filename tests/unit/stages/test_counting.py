"""Up to which distance of two readings the flow between them is counted, by what the configuration names."""

from pathlib import Path

from telemetry.config import load_config
from telemetry.stages.prepare import counting

BASE = """vehicle = "van"
[influx]
url = "http://localhost:8086"
database = "fleet"
[spool]
directory = "spool"
"""
SECOND_NS = 1_000_000_000


def test_devices_that_share_a_line_are_counted_over_three_polls_like_one_that_is_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "gateway.toml"
    alone = '[[serial]]\nname = "alone"\nport = "a"\nprotocol = "daly"\npack = "alone"\n'
    line = '[[serial]]\nname = "line"\nport = "b"\n'
    devices = (
        f'[[serial.device]]\nname = "{name}"\nprotocol = "daly"\naddress = {number}\npack = "{name}"\n'
        for number, name in enumerate(("front", "rear"), 1)
    )
    file.write_text("".join((BASE, alone, line, *devices)))
    assert counting(load_config(file)).gaps_ns == {
        "alone": 3 * SECOND_NS,
        "line/front": 3 * SECOND_NS,
        "line/rear": 3 * SECOND_NS,
    }
