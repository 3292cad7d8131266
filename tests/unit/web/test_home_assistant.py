"""docs/home-assistant.md: its templates and expressions say of a real answer what the devices said.

The templates are rendered by jinja2, which Home Assistant renders them with; evcc's expressions by jq.
"""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.live.gateway import describe
from telemetry.live.state import LiveState
from telemetry.live.view import live_view
from telemetry.protocols.known import PROTOCOLS
from telemetry.settings.document import Document
from telemetry.stages.offline import Recorded, read_offline
from telemetry.stages.prepare import prepare
from tests.support.clock import FakeClock
from tests.support.framing import jbd_message, vedirect_block

PAGE = (Path(__file__).parents[3] / "docs" / "home-assistant.md").read_text("utf-8")
# 53.20 V, 12.50 A, 61.20 of 100.00 Ah, 61 %, both switches on, 14 cells, 14.0 and 15.5 degC.
BASIC = bytes.fromhex("14C804E217E827100040306B00000000000021 3D030E020B370B46")
BLOCK = vedirect_block({"PID": "0xA058", "V": "53850", "I": "9428", "CS": "3", "H19": "128430"})
EXPECTED = {
    "Front pack state of charge": "61.0",
    "Front pack voltage": "53.2",
    "Front pack current": "12.5",
    "Front pack power": "665.0",
    "Front pack remaining": "61.2",
    "Front pack capacity": "100.0",
    "Front pack cycles": "64.0",
    "Front pack coldest sensor temperature": "14.0",
    "Front pack hottest sensor temperature": "15.5",
    "Front pack charge out": "0.0",
    "Front pack energy out": "0.0",
    "Solar charger voltage": "53.85",
    "Solar charger current": "9.428",
    "Solar charger power": "507.6978",
    "Solar charger energy given": "1284300.0",
    "Solar charger phase": "bulk",
    "Gateway trouble": "none",
    "Front pack charging": "True",
    "Front pack alarm": "False",
}
TOTALS = ("charge in", "charge out", "energy in", "energy out", "energy given")


def block(name: str) -> Any:
    found = re.search(rf"<!-- {name} -->\n```yaml\n(.*?)```\n", PAGE, re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


class Gateway:
    """A JBD board and a solar charger, as a service knows them."""

    def __init__(self) -> None:
        tables = [
            {"name": "front-pack", "port": "/dev/front", "protocol": "jbd", "pack": "front"},
            {"name": "mppt", "port": "/dev/mppt", "protocol": "vedirect", "charger": "solar"},
        ]
        config = read_offline(Document.plain(Path("page"), {"vehicle": "van", "serial": tables}))
        prepared = prepare(config)
        self.clock = FakeClock()
        self.state = LiveState(self.clock, lambda _: None)
        self.stages = prepared.stages
        self.stages.set_observer(self.state)
        recorded = Recorded(prepared.composition, "")
        for number, table in enumerate(tables):
            name = str(table["name"])
            self.stages.bind(number, replace(recorded.binding(name), source=name))

    def hear(self) -> None:
        for number, (protocol, data) in enumerate((("jbd", jbd_message(3, BASIC)), ("vedirect", BLOCK))):
            frames = FrameBatch(10)
            PROTOCOLS[protocol].make_framer(number).feed(data, self.clock.unix_ns(), frames)
            self.stages.process(frames, LineBuffer())

    def live(self) -> Any:
        status = describe("van", self.stages.counted(), {}, {})
        return json.loads(json.dumps(live_view(self.state.snapshot(), self.clock.monotonic_s(), status)))


@pytest.fixture
def gateway() -> Gateway:
    made = Gateway()
    for _ in range(2):
        made.hear()
        made.clock.advance(1.0)
    return made


def entities() -> list[dict[str, Any]]:
    (rest,) = block("home assistant")["rest"]
    assert rest["resource"].endswith("/api/live")
    return [*rest["sensor"], *rest["binary_sensor"]]


def rendered(entity: dict[str, Any], **known: object) -> tuple[bool, str]:
    """Return whether the entity is available, and its state."""
    environment = ImmutableSandboxedEnvironment()
    available = environment.from_string(entity.get("availability", "True")).render(**known).strip()
    assert available in ("True", "False")
    if available == "False":
        return False, ""
    return True, environment.from_string(entity["value_template"]).render(**known).strip()


def test_every_entity_has_the_value_that_its_device_said(gateway: Gateway) -> None:
    live = gateway.live()
    states = {entity["name"]: rendered(entity, value_json=live) for entity in entities()}
    charged = states.pop("Front pack energy in")
    flown = states.pop("Front pack charge in")
    known = {name: state for name, (available, state) in states.items() if available}
    assert known == EXPECTED
    assert float(flown[1]) == pytest.approx(12.5 / 3600.0, rel=1e-3)
    assert charged[0]
    assert float(charged[1]) == pytest.approx(53.2 * 12.5 / 3600.0, rel=1e-3)


def test_what_is_not_known_is_unavailable_and_totals_stay(gateway: Gateway) -> None:
    gateway.clock.advance(11.0)
    live = gateway.live()
    for entity in entities():
        is_total = entity["name"].endswith(TOTALS) or entity["name"] in (
            "Gateway trouble",
            "Front pack alarm",
        )
        assert rendered(entity, value_json=live)[0] == is_total, entity["name"]


@pytest.mark.parametrize("known", [{}, {"value_json": {"packs": [], "chargers": [], "troubles": []}}])
def test_without_an_answer_or_the_device_nothing_is_available(known: dict[str, Any]) -> None:
    for entity in entities():
        if "availability" in entity:
            assert rendered(entity, **known) == (False, "")


def test_the_sensors_are_those_of_the_data_model_with_its_units() -> None:
    sensors = {entity["name"]: entity for entity in block("home assistant")["rest"][0]["sensor"]}
    for name, expected in {
        "Front pack state of charge": ("battery", "%", "measurement"),
        "Front pack hottest sensor temperature": ("temperature", "°C", "measurement"),
        "Front pack energy out": ("energy", "Wh", "total_increasing"),
        "Front pack insulation": (None, "kΩ", "measurement"),
        "Front pack cycles": (None, None, "measurement"),
        "Solar charger phase": (None, None, None),
    }.items():
        keys = ("device_class", "unit_of_measurement", "state_class")
        assert tuple(sensors[name].get(key) for key in keys) == expected, name


def jq(expression: str, live: Any) -> tuple[int, str]:
    done = subprocess.run(
        ["jq", "-r", expression], input=json.dumps(live), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip() or done.stderr.strip()


def test_evcc_gets_power_out_of_the_battery_as_positive_and_an_error_for_what_is_not_known(
    gateway: Gateway,
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("no jq here")
    front, solar = block("evcc")["meters"]
    asked = {
        "power": (front["power"]["jq"], -665.0),
        "soc": (front["soc"]["jq"], 61.0),
        "pv": (solar["power"]["jq"], 53.85 * 9.428),
        "energy": (solar["energy"]["jq"], 1284.3),
    }
    live = gateway.live()
    for expression, expected in asked.values():
        code, text = jq(expression, live)
        assert code == 0, text
        assert float(text) == pytest.approx(expected)
    gateway.clock.advance(11.0)
    live = gateway.live()
    assert {name: jq(expression, live)[0] != 0 for name, (expression, _) in asked.items()} == {
        "power": True,
        "soc": True,
        "pv": True,
        "energy": False,
    }
    assert jq(front["power"]["jq"], live)[1].endswith("power_w is not known")
