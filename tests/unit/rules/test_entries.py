"""What entries count, divide by and say, and which keys their tables have."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from telemetry_core.rules.protection_spec import Action

from telemetry.errors import ConfigError
from telemetry.rules.aggregate import Aggregate
from telemetry.rules.counted_fields import counted_fields
from telemetry.rules.limits import Limit
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.protect import protect
from telemetry.rules.protect_entry import COUNTER, ProtectEntry
from telemetry.rules.reduce import ReduceSettings
from telemetry.rules.send import SendSettings
from telemetry.rules.senders import kept_out
from telemetry.settings.declared import read
from telemetry.settings.document import Document
from telemetry.settings.table import TomlTable
from tests.support.plan_specs import Signal, plan, tenths

PACK = {"Voltage": tenths(), "Current": tenths(), "SoC": Signal()}
CAR = plan({"traction": {"Pack": PACK, "Other": PACK}, "charging": {"Pack": PACK}})


def table_of(**keys: object) -> TomlTable:
    return TomlTable(Document.plain(Path("gateway.toml"), keys), {})


def entry_of(**keys: object) -> MapEntry:
    return read(MapEntry, table_of(**{"signal": "Pack.Voltage", "to": "battery.voltage_v", **keys}))


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
    read(cls, table_of(**keys))
    with pytest.raises(ConfigError, match="colour: unknown key"):
        read(cls, table_of(**keys, colour="red"))


def test_flags_are_held_back_only_where_rows_are() -> None:
    refused = {"flags_every_s": 5}
    for keys in (refused, {"flags": {"Pack": 5}}, {**refused, "measurements": {"Pack": 0}}):
        with pytest.raises(ConfigError):
            read(ReduceSettings, table_of(**keys))
    read(ReduceSettings, table_of(**refused, every_s=5))
    read(ReduceSettings, table_of(**refused, measurements={"Pack": 5, "Other": 0}))


def test_the_longest_that_a_row_is_held_is_that_of_any_measurement_or_flag() -> None:
    assert ReduceSettings(5.0, {"a": 9.0, "b": 1.0}).longest_s == 9.0
    assert ReduceSettings(5.0, {}).longest_s == 5.0


def test_only_what_was_kept_out_of_a_source_is_named() -> None:
    counters = {
        "senders/bus/Pack/kept_out": 3,
        "senders/bus/Cells/kept_out": 0,
        "senders/other/Pack/kept_out": 5,
        "frames/bus/decoded": 7,
    }
    assert kept_out(counters, "bus") == {"Pack": 3}


def test_an_entry_has_its_text_and_no_key_beside_those_that_there_are() -> None:
    assert (entry_of(text="too warm").text, entry_of().text) == ("too warm", "")
    with pytest.raises(ConfigError, match="colour: unknown key"):
        entry_of(colour="red")


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


def test_whether_a_frame_is_wrong_is_a_flag_of_its_row_whose_changes_always_pass() -> None:
    names = {"Counter": Signal(bits=4, signed=False), "Voltage": tenths()}
    spec = plan({"bus": {"Pack": names, "Other": names}})
    entry = ProtectEntry("Pack", COUNTER, counter="Counter", on_error=Action.FLAG)
    protected = protect(spec, [entry]).spec
    pack, other = protected.buses[0].messages
    *_, flag = protected.records[pack.record].fields
    assert (len(protected.records[pack.record].fields), flag.passes) == (3, True)
    assert len(protected.records[other.record].fields) == 2
    assert (pack.reports_protection, other.reports_protection) == (True, False)


def test_half_an_ampere_is_no_charging_yet_unless_it_is_said() -> None:
    assert resolve([AMPS], CAR).threshold_a == 0.5
    assert resolve([AMPS], CAR, threshold_a=2.0).threshold_a == 2.0
