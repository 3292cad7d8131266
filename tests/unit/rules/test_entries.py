"""What entries count, divide by and say, and which keys their tables have."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from telemetry.errors import ConfigError
from telemetry.rules.aggregate import Aggregate
from telemetry.rules.limits import Limit
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting, counted_fields
from telemetry.rules.protect_entry import ProtectEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.rules.senders import kept_out
from tests.support.configuration import settings_of
from tests.support.plan_specs import Signal, plan, tenths

PACK = {"Voltage": tenths(), "Current": tenths(), "SoC": Signal()}
CAR = plan({"traction": {"Pack": PACK, "Other": PACK}, "charging": {"Pack": PACK}})


@pytest.mark.parametrize(
    ("cls", "keys"),
    [
        (ReduceSettings, {}),
        (ReduceSettings, {"every_s": 5}),
        (SendSettings, {}),
        (Limit, {"field": "battery.soc_pct", "below": 10, "code": "soc_low"}),
        (ProtectEntry, {"message": "Pack", "profile": "counter", "counter": "Counter"}),
        (Aggregate, {"pack": "house", "parallel": ["front", "rear"]}),
        (MapEntry, {"signal": "Pack.Voltage", "to": "battery.voltage_v"}),
    ],
)
def test_a_key_that_there_is_not_is_refused(cls: type, keys: dict[str, object]) -> None:
    settings_of(cls, **keys)
    with pytest.raises(ConfigError, match="colour: unknown key"):
        settings_of(cls, **keys, colour="red")


def test_only_what_was_kept_out_of_a_source_is_named() -> None:
    counters = {
        "senders/bus/Pack/kept_out": 3,
        "senders/bus/Cells/kept_out": 0,
        "senders/other/Pack/kept_out": 5,
        "frames/bus/decoded": 7,
    }
    assert kept_out(counters, "bus") == {"Pack": 3}


VOLTS, AMPS = MapEntry("Pack.Voltage", "battery.voltage_v"), MapEntry("Pack.Current", "battery.current_a")
IN_AH, IN_WH = {"charged_ah", "discharged_ah"}, {"charged_wh", "discharged_wh"}


@pytest.mark.parametrize(
    ("entries", "counted"),
    [
        ([VOLTS], {}),
        ([AMPS], {"main": IN_AH}),
        ([VOLTS, AMPS], {"main": IN_AH | IN_WH}),
        ([MapEntry("Pack.Current", "battery.power_w")], {"main": IN_WH}),
        ([VOLTS, AMPS, MapEntry("Pack.SoC", "battery.charged_ah")], {"main": {"discharged_ah"} | IN_WH}),
    ],
)
def test_what_flows_is_counted_where_its_measure_is_known_and_the_battery_does_not_count_itself(
    entries: Sequence[MapEntry], counted: dict[str, set[str]]
) -> None:
    here = [replace(entry, bus="traction") for entry in entries]
    assert counted_fields(resolve(here, CAR, counting=Counting())) == {
        pack: frozenset(names) for pack, names in counted.items()
    }


def test_a_value_is_divided_by_a_signal_of_its_own_bus() -> None:
    spec = resolve([MapEntry("Pack.SoC", "battery.soc_pct", per="Pack.Voltage")], CAR)
    assert [bus.references for bus in spec.buses] == [((0, 0),), ((2, 0),)]


def test_half_an_ampere_is_no_charging_yet_unless_it_is_said() -> None:
    assert resolve([AMPS], CAR).threshold_a == 0.5
    assert resolve([AMPS], CAR, threshold_a=2.0).threshold_a == 2.0
