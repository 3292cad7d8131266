"""What is wrong now, in sentences, each once, the worst first; and what /healthz and /readyz answer."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pytest

from telemetry.live.troubles import alive, ready, troubles
from telemetry.model.event_codes import Level
from telemetry.model.events import Event, begins
from telemetry.model.source_states import WELL
from tests.support.web import status


def texts(states: Mapping[str, str], *standing: Event) -> list[str]:
    """Return the troubles of a service that is well but for these states, while these events hold."""
    reported = status()
    reported["state"] |= states
    return [each["text"] for each in troubles(reported, standing)]


def test_when_all_is_well_there_is_none() -> None:
    assert troubles(status(), []) == []


def test_outages_refusals_and_alarms_are_reported_once_and_the_worst_first() -> None:
    reported = status(sink_held=True)
    reported["state"] |= {"source/can1": "waiting for can1: no such device", "sink": "401 unauthorized"}
    alarm = Event("soc_low", Level.WARNING, active=True, text="soc is 3 %", source="can0", pack="main")
    bus_off = begins("bus_off", "", "can2")
    standing = [begins("sink_hold", "401"), alarm, bus_off, begins("source_lost", "no such device", "can1")]
    assert [(each["level"], each["text"]) for each in troubles(reported, standing)] == [
        (2, "the server refuses everything, batches wait: 401 unauthorized"),
        (2, "bus off, can2"),
        (1, "can1: waiting for can1: no such device"),
        (1, "alarm soc low, pack main: soc is 3 %"),
    ]


def test_of_several_devices_each_has_its_own_trouble_and_the_line_has_none() -> None:
    states = {
        "source/line": "1 of 3 receiving",
        "state/line/front": "receiving",
        "state/line/rear": "no good message for 12 s",
        "state/line/meter": "another device answers",
    }
    assert texts(states, begins("device_changed", "another device: code A -> B", "meter")) == [
        "rear: no good message for 12 s",
        "device changed, meter: another device: code A -> B",
    ]


def test_what_all_devices_of_a_line_have_is_the_lines_trouble() -> None:
    lost = "waiting for /dev/ttyUSB0: there is no such port"
    states = dict.fromkeys(("source/line", "state/line/front", "state/line/rear"), lost)
    assert texts(states, begins("values_unknown", "no good message for 11 s", "front")) == [f"line: {lost}"]


def test_another_device_at_a_port_of_its_own_is_said_once() -> None:
    changed = begins("device_changed", "another device: model A -> B", "shunt")
    said = "device changed, shunt: another device: model A -> B"
    assert texts({"source/shunt": "another device answers"}, changed) == [said]


def test_a_port_that_is_pulled_out_soon_after_its_device_was_changed_is_a_trouble_too() -> None:
    lost = "waiting for /dev/ttyUSB0: there is no such port"
    changed = begins("device_changed", "another device: model A -> B", "shunt")
    assert f"shunt: {lost}" in texts({"source/shunt": lost}, changed)


@pytest.mark.parametrize(("dead", "texts"), [(1, ["sink refused: 1 point"]), (0, [])])
def test_refused_points_are_a_trouble_while_dead_letters_are_left(dead: int, texts: list[str]) -> None:
    reported = status()
    reported["accounts"]["points/dead"] = dead
    found = troubles(reported, [begins("sink_refused", "1 point")])
    assert [each["text"] for each in found] == texts


def test_a_disk_that_refuses_and_a_pipeline_that_hangs_are_troubles_and_reasons_not_to_be_ready() -> None:
    reported = status(spool_volatile=True, progress_age_s=20.0)
    reported["state"] |= {"spool": "No space left on device", "service": "stopping"}
    hangs, full = [
        "the pipeline has not got on for 20 s",
        "the disk refuses, batches wait in memory alone: No space left on device",
    ]
    assert [each["text"] for each in troubles(reported, [])] == [hangs, full]
    assert alive(reported) == {"ok": False, "reasons": [hangs], "notes": []}
    assert ready(reported)["reasons"] == [hangs, "the service is stopping", full]
    assert alive(status(spool_volatile=True))["ok"]


def test_values_that_are_read_without_a_service_need_none_of_its_numbers() -> None:
    found = troubles({"state": {"source/can0": "receiving"}, "gauges": {}}, [begins("bus_off", "", "can0")])
    assert found == [{"level": 2, "code": "bus_off", "text": "bus off, can0"}]


@pytest.mark.parametrize(("age_s", "hangs"), [(15.0, False), (15.1, True)])
def test_a_pipeline_hangs_after_fifteen_seconds(age_s: float, hangs: bool) -> None:
    reported = status(progress_age_s=age_s)
    assert (bool(troubles(reported, [])), alive(reported)["ok"]) == (hangs, not hangs)


@pytest.mark.parametrize(
    ("held", "sink", "state", "code", "text"),
    [
        (True, {}, "401", "sink_hold", "the server refuses everything, batches wait: 401"),
        (
            False,
            {"failure": "refused"},
            "",
            "sink_unreachable",
            "the server takes nothing, batches wait: refused",
        ),
        (False, {"waits_for_time": True}, "waits for the time", "clock_unknown", "waits for the time"),
    ],
)
@pytest.mark.parametrize(
    "device", ["receiving", "waiting for can1: no such device", "no good message for 12 s"]
)
def test_a_server_that_takes_nothing_and_a_silent_device_are_troubles_and_notes_but_no_reason(
    held: bool, sink: dict[str, Any], state: str, code: str, text: str, device: str
) -> None:
    reported = status(sink_held=held)
    reported["sink"] |= sink
    reported["state"] |= {"source/can1": device, "sink": state}
    of_device = [] if device == "receiving" else [f"can1: {device}"]
    assert (code, text) in [(each["code"], each["text"]) for each in troubles(reported, [])]
    assert ready(reported) == {"ok": True, "reasons": [], "notes": [*of_device, text]}


def test_the_page_calls_the_same_states_well() -> None:
    script = files("telemetry.web").joinpath("page", "gateway.js").read_text("utf-8")
    (listed,) = re.findall(r"^const WELL = (\[.*\]);$", script, re.MULTILINE)
    assert tuple(json.loads(listed)) == WELL
