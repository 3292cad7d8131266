"""A vehicle's number in rows of messages: as `[charging] vin` says, in each output and in the live view."""

import hmac
import re
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.config import load_config
from telemetry.live.state import LiveState
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.stages.prepare import compose
from tests.support.can_protocols import frame_of
from tests.support.charge_lives import charge, config_of
from tests.support.clock import FakeClock
from tests.support.vehicles import answer

KEY = b"of this installation"
VINS = ["LSIMGBT27930V0001", "1HGCM82633A004352", "SJNFAAZE1U0012345"]  # of a charge, and of two buses
PORTS = """
[[can]]
name = "port-1"
vehicle_profile = "obd-ii"
messages = true
[[can]]
name = "port-2"
vehicle_profile = "nissan-leaf-ze0"
messages = true
"""


def digest(vin: str) -> str:
    return hmac.digest(KEY, vin.encode(), "sha256").hex()[:12]


@pytest.mark.parametrize(
    ("form", "shown"), [("plain", VINS), ("digest", [digest(vin) for vin in VINS]), ("off", [])]
)
def test_a_number_in_rows_of_messages_is_written_as_the_configuration_says(
    tmp_path: Path, form: str, shown: list[str]
) -> None:
    file = config_of(tmp_path, ["bay-1"], top=f'charging = {{ vin = "{form}" }}')
    file.write_text(file.read_text() + PORTS)
    composition, clock = compose(load_config(file)), FakeClock()
    stages, channels, lines = composition.make_stages(vin_key=lambda: KEY), ChannelTable(), LineBuffer()
    state = LiveState(clock, lambda _: None)
    stages.set_observer(state)
    for number, source in enumerate(assemble_sources(composition.config.sources, channels, clock, {})):
        stages.bind(number, composition.binding(source, source.name))
    state.ask_for_messages()
    state.snapshot()
    frames = FrameBatch(len(charge()) + 10)
    for time_ns, id, data in charge():
        frames.append(clock.unix_ns() + time_ns, id, data)
    for channel, (unit, head) in enumerate((("7E8", "490201"), ("79A", "6181")), 1):
        for text in answer(unit, head + VINS[channel].encode().hex()):
            frames.append(clock.unix_ns(), *frame_of(text), channel=channel)
    stages.process(frames, lines)
    written = lines.take().decode()
    found = re.findall(r'^([\w-]+),.*?\bvin="(\w*)"', written, re.MULTILINE)
    assert {vin for measurement, vin in found if measurement != "charging_session"} == {*shown}
    assert {vin for measurement, vin in found if measurement == "charging_session"} == {*shown[:1]}
    live = {each.values["vin"] for each in state.snapshot().messages or () if "vin" in each.values}
    assert live == {*shown}
    assert form == "plain" or not any(vin in written for vin in VINS)
