"""`[[map]]` entries are resolved against databases and data model, or refused in one line that helps."""

from dataclasses import replace
from typing import Any

import pytest
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import DecimalScale, SlotKind
from telemetry_core.rules.map_spec import ABSENT, CycleMap, MapSpec, OutputMap, SlotMap

from telemetry.errors import ConfigError, SeveralConfigError
from telemetry.rules.alarm_map import mapped_alarms
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.settings.document import Where
from tests.support.configuration import settings_of
from tests.support.plan_specs import Signal, j1939, plan, tenths

PACK = {
    "Voltage": tenths(),
    "Current": tenths(),
    "SoC": Signal(),
    "Ready": Signal(kind=SlotKind.BOOL, bits=1),
}
MULTIPLEXED = {
    "Page": Signal(signed=False, bits=8),
    **{f"Cell{number:02d}_V": Signal(DecimalScale(1, 0, 3), pages=[number // 2]) for number in range(6)},
}
CAR = plan(
    {
        "traction": {
            "Pack": PACK,
            "Cells": MULTIPLEXED,
            "Temps": {"T1": Signal(), "T2": Signal(), "Outside": Signal(kind=SlotKind.FLOAT)},
        },
        "charging": {"Charger": {"Volts": tenths(), "Amps": tenths()}, "Pack": PACK},
    }
)


def field_names(spec: MapSpec, plan_spec: PlanSpec, output: OutputMap) -> list[str]:
    record = (plan_spec.records + spec.records)[spec.targets[output.target].record]
    return [record.fields[slot.target].name for part in output.parts for slot in part.slots]


def slot_of(entry: MapEntry, plan_spec: PlanSpec = CAR) -> SlotMap:
    messages = [message for bus in resolve([entry], plan_spec).buses for message in bus.messages]
    return next(part.slots[0] for message in messages for output in message.outputs for part in output.parts)


def test_a_signal_is_found_on_every_bus_that_has_its_message() -> None:
    spec = resolve([MapEntry("Pack.Voltage", "battery.voltage_v")], CAR)
    assert [len(bus.messages) for bus in spec.buses] == [1, 1]
    assert [bus.messages[0].record for bus in spec.buses] == [0, 4]
    assert spec.tag_sets == ({"pack": "main"},)
    assert [record.measurement for record in spec.records] == ["battery"]


def test_an_entry_for_one_bus_leaves_the_others_alone() -> None:
    entries = [
        MapEntry("Pack.Voltage", "battery.voltage_v", bus="traction", pack="front"),
        MapEntry("Pack.Voltage", "battery.voltage_v", bus="charging", pack="rear"),
    ]
    spec = resolve(entries, CAR)
    assert spec.tag_sets == ({"pack": "front"}, {"pack": "rear"})
    assert [[output.target for output in bus.messages[0].outputs] for bus in spec.buses] == [[0], [1]]


def test_the_schema_of_plan_and_map_has_the_targets_records() -> None:
    entries = [MapEntry("Pack.SoC", "battery.soc_pct"), MapEntry("Charger.Volts", "charger.voltage_v")]
    spec = resolve(entries, CAR)
    schema = Schema(CAR.records + spec.records)
    names = [schema.specs[target.record].measurement for target in spec.targets]
    assert names == ["battery", "battery", "charger"]  # of each bus its own
    assert spec.tag_sets == ({"pack": "main"}, {"charger": "main"})


def test_a_charger_has_the_name_it_was_given() -> None:
    spec = resolve([MapEntry("Charger.Volts", "charger.voltage_v", charger="rear inlet")], CAR)
    assert spec.tag_sets == ({"charger": "rear inlet"},)


@pytest.mark.parametrize("name", ["Cell7_V", "Cell07_V", "Cell007_V"])
def test_a_family_matches_numbers_however_they_are_padded(name: str) -> None:
    spec = resolve([MapEntry("Cells.Cell{n}_V", "cells.v{n}")], plan({"can0": {"Cells": {name: Signal()}}}))
    assert [field.name for field in spec.records[0].fields] == [f"v00{n}" for n in range(1, 8)]


def test_a_family_that_counts_from_0_is_counted_from_1() -> None:
    spec = resolve([MapEntry("Cells.Cell{n}_V", "cells.v{n}", index_from=0)], CAR)
    output = spec.buses[0].messages[0].outputs[0]
    assert field_names(spec, CAR, output) == [f"v00{n}" for n in range(1, 7)]


def test_a_family_may_number_its_messages() -> None:
    cells = plan({"can0": {f"Module{n}": {"Volts": Signal()} for n in (1, 2, 3)}})
    spec = resolve([MapEntry("Module{n}.Volts", "cells.v{n}")], cells)
    assert spec.buses[0].cycles == (CycleMap(target=0, page_count=3),)
    assert [message.outputs[0].first_page for message in spec.buses[0].messages] == [0, 1, 2]


def test_signals_of_one_page_are_one_part() -> None:
    spec = resolve([MapEntry("Cells.Cell{n}_V", "cells.v{n}", index_from=0)], CAR)
    (message,) = spec.buses[0].messages
    cells, battery = message.outputs
    assert [(part.selector, part.ranges, len(part.slots)) for part in cells.parts] == [
        (0, ((page, page),), 2) for page in range(3)
    ]
    assert spec.buses[0].cycles == (CycleMap(target=0, page_count=3),)
    assert (battery.target, battery.cycle, battery.parts) == (1, ABSENT, ())


def test_cells_and_temperatures_of_different_messages_are_cycles_of_their_own() -> None:
    entries = [
        MapEntry("Cells.Cell{n}_V", "cells.v{n}", index_from=0),
        MapEntry("Temps.T{n}", "cells.t{n}"),
    ]
    assert resolve(entries, CAR).buses[0].cycles == (CycleMap(0, 3), CycleMap(0, 1))


def test_cells_and_temperatures_of_one_message_are_one_cycle() -> None:
    paged = {name: Signal(pages=[page]) for page, name in enumerate(["Cell1", "Cell2", "T1"])}
    everything = plan({"can0": {"All": {"Page": Signal(), **paged}}})
    entries = [MapEntry("All.Cell{n}", "cells.v{n}"), MapEntry("All.T{n}", "cells.t{n}")]
    assert resolve(entries, everything).buses[0].cycles == (CycleMap(0, 3),)


def test_a_cell_is_named_with_or_without_zeros() -> None:
    entries = [MapEntry("Cells.Cell01_V", "cells.v1"), MapEntry("Cells.Cell02_V", "cells.v002")]
    spec = resolve(entries, CAR)
    assert [field.name for field in spec.records[0].fields] == ["v001", "v002"]


def test_a_message_with_a_dot_in_its_name_is_found() -> None:
    spec = resolve(
        [MapEntry("HV.Pack.Volts", "battery.voltage_v")], plan({"can0": {"HV.Pack": {"Volts": tenths()}}})
    )
    assert len(spec.buses[0].messages) == 1


def test_a_signal_is_called_as_in_the_database_though_the_row_calls_it_otherwise() -> None:
    odd = plan({"can0": {"Pack": {"time": Signal(name_in_row="time_signal")}}})
    assert resolve([MapEntry("Pack.time", "battery.cycles")], odd).buses[0].messages


@pytest.mark.parametrize(
    ("scale", "offset", "expected"),
    [
        (1.0, 0.0, DecimalScale(1, 0, 1)),
        (-1.0, 0.0, DecimalScale(-1, 0, 1)),
        (0.01, 0.0, DecimalScale(1, 0, 3)),
        (1000.0, 0.0, DecimalScale(100, 0, 0)),
        (0.25, -40.0, DecimalScale(25, -40000, 3)),
        (1 / 3, 0.0, None),  # 16 digits times 16 bits are more than a double holds
        (1e-19, 0.0, None),
        (1e300, 0.0, None),
        (1.0, 1e-300, None),
    ],
)
def test_decimal_signals_stay_decimal(scale: float, offset: float, expected: DecimalScale | None) -> None:
    slot = slot_of(MapEntry("Pack.Voltage", "battery.voltage_v", scale=scale, offset=offset))
    assert slot.scale == expected
    assert slot.factor == pytest.approx(0.1 * scale)
    assert slot.offset == offset


def test_floats_and_wide_integers_are_not_decimal() -> None:
    wide = plan(
        {"can0": {"Pack": {"A": Signal(kind=SlotKind.UINT, bits=64), "B": Signal(kind=SlotKind.FLOAT)}}}
    )
    assert slot_of(MapEntry("Pack.A", "battery.cycles"), wide).scale is None
    assert slot_of(MapEntry("Pack.B", "battery.cycles"), wide).scale is None


def test_a_flag_is_a_number_too() -> None:
    assert slot_of(MapEntry("Pack.Ready", "battery.cycles")).scale == DecimalScale(1, 0, 0)


def test_power_and_flow_are_derived_unless_mapped() -> None:
    names = {"Voltage": "voltage_v", "Current": "current_a"}
    inputs = [MapEntry(f"Pack.{name}", f"battery.{field}", bus="charging") for name, field in names.items()]
    (target,) = resolve(inputs, CAR).targets
    assert target.power is not None
    assert target.power.decimals == 2
    assert target.flow is not None
    mapped = [
        MapEntry("Pack.SoC", "battery.power_w", bus="charging"),
        MapEntry("Pack.Ready", "battery.charging", bus="charging"),
    ]
    (target,) = resolve(inputs + mapped, CAR).targets
    assert target.power is None
    assert target.flow is not None
    assert target.flow.charging == ABSENT
    assert target.flow.discharging != ABSENT


def test_what_one_bus_reports_of_a_pack_is_still_derived_on_another() -> None:
    inputs = [MapEntry("Pack.Voltage", "battery.voltage_v"), MapEntry("Pack.Current", "battery.current_a")]
    first, second = resolve([*inputs, MapEntry("Pack.SoC", "battery.power_w", bus="charging")], CAR).targets
    assert first.power is not None
    assert second.power is None


def test_no_power_without_a_current() -> None:
    (target,) = resolve([MapEntry("Pack.Voltage", "battery.voltage_v", bus="charging")], CAR).targets
    assert (target.power, target.flow, target.spread) == (None, None, None)


def test_the_spread_of_cells_is_derived_unless_mapped() -> None:
    cells = MapEntry("Cells.Cell{n}_V", "cells.v{n}", index_from=0)
    spread = resolve([cells], CAR).targets[1].spread
    assert spread is not None
    assert spread.cells == 0
    assert spread.delta_decimals == 3
    assert spread.cell_min != ABSENT
    assert spread.temp_min == ABSENT
    spread = resolve([cells, MapEntry("Pack.SoC", "battery.cell_min_v")], CAR).targets[1].spread
    assert spread is not None
    assert spread.cell_min == ABSENT
    assert spread.cell_max != ABSENT


def test_a_text_has_the_words_of_the_entry_or_else_those_of_the_database() -> None:
    phases = Signal(choices=[(3, "Bulk"), (5, "Float")])
    spec = plan({"left": {"L": {"Phase": phases}}, "right": {"R": {"Phase": phases}}})
    entries = [
        MapEntry("L.Phase", "charger.phase"),
        MapEntry("R.Phase", "charger.phase", values={"Bulk": "constant current", 5: "Float", -1: "off"}),
    ]
    mapping = resolve(entries, spec)
    (record,) = mapping.records
    (texts,) = [dict(field.texts) for field in record.fields if field.name == "phase"]
    slots = [bus.messages[0].outputs[0].parts[0].slots[0] for bus in mapping.buses]
    reported = [{raw: texts[number] for raw, number in slot.words} for slot in slots]
    assert reported == [{3: "Bulk", 5: "Float"}, {3: "constant current", 5: "Float", -1: "off"}]


def test_a_word_of_several_values_is_each_of_them() -> None:
    phase = Signal(choices=[(3, "Bulk"), (4, "Bulk"), (14, "SNA"), (15, "SNA")])
    spec = plan({"can0": {"L": {"Phase": phase}}})
    slot = slot_of(MapEntry("L.Phase", "charger.phase", values={"Bulk": "bulk"}, absent=("SNA",)), spec)
    assert [raw for raw, _ in slot.words] == [3, 4]
    assert slot.absent == (14, 15)


def test_absent_values_are_raw_values_or_words_of_the_database() -> None:
    spec = plan({"can0": {"T": {"T1": Signal(choices=[(-1, "not available")]), "T2": tenths()}}})
    entry = MapEntry("T.T1", "cells.t1")
    assert slot_of(replace(entry, absent=("not available", -32768, -1)), spec).absent == (-1, -32768)
    assert slot_of(MapEntry("T.T{n}", "cells.t{n}", absent=(0,)), spec).absent == (0,)
    assert slot_of(entry, spec).absent == ()


def test_nothing_mapped_is_an_empty_map() -> None:
    spec = resolve([], CAR)
    assert (spec.records, spec.targets, spec.tag_sets) == ((), (), ())


FAMILY = "Cells.Cell{n}_V"
WORDS = 'what each value is, as { 3 = "bulk" }'
MAPPABLE = "signals can be mapped to battery, cells, charger, meter"
AS_IN = 'as in signal = "Cells.Cell{n}_V", to = "cells.v{n}"'
REFUSED: list[tuple[str, str, dict[str, Any], str]] = [  # of an entry, and the words after map[0]
    ("Pack", "battery.soc_pct", {}, '.signal: "Pack" is not a Message.Signal (as "Pack.Voltage")'),
    ("Pakc.SoC", "battery.soc_pct", {}, '.signal: no message "Pakc" in any database (did you mean "Pack"?)'),
    (
        "Zzzz.SoC",
        "battery.soc_pct",
        {},
        '.signal: no message "Zzzz" in any database (did you mean "Pack.SoC"?)',
    ),
    ("soc", "battery.soc_pct", {}, '.signal: "soc" is not a Message.Signal (did you mean "Pack.SoC"?)'),
    ("Pack.SoC", "pack.soc_pct", {}, '.to: no measurement "pack" (there are battery, cells, charger, meter)'),
    (
        "Charger.Volts",
        "charger.voltage_v",
        {"bus": "traction"},
        '.signal: no message "Charger" on traction (it is on charging)',
    ),
    (
        "Pack.voltage",
        "battery.voltage_v",
        {},
        '.signal: message Pack has no signal "voltage" (did you mean "Voltage"?)',
    ),
    (
        "Pack.SoC",
        "battery.soc_pct",
        {"bus": "tractoin"},
        '.bus: no bus "tractoin" (did you mean "traction"?)',
    ),
    ("Pack.SoC", "soc_pct", {}, '.to: "soc_pct" is not a measurement.field (as "battery.soc_pct")'),
    ("Pack.SoC", "batery.soc_pct", {}, '.to: no measurement "batery" (did you mean "battery"?)'),
    ("Pack.SoC", "gateway.cpu_s", {}, f".to: gateway is written by the service itself ({MAPPABLE})"),
    ("Pack.SoC", "battery.soc", {}, '.to: battery has no field "soc" (did you mean "soc_pct"?)'),
    (
        "Pack.SoC",
        "charger.phase",
        {},
        f".values: charger.phase is a text, and Pack.SoC has no words ({WORDS})",
    ),
    (
        "Pack.SoC",
        "charger.phase",
        {"values": {"Bulk": "bulk"}},
        '.values: Pack.SoC has no value "Bulk" (its values have no words: write numbers)',
    ),
    (
        "Pack.SoC",
        "charger.phase",
        {"scale": 2.0, "values": {3: "bulk"}},
        ": a text has no scale and no offset",
    ),
    (
        "Pack.SoC",
        "battery.soc_pct",
        {"values": {3: "bulk"}},
        ".values: are words, and battery.soc_pct is not a text",
    ),
    (
        "Pack.SoC",
        "battery.soc_pct",
        {"absent": ("lost",)},
        '.absent: Pack.SoC has no value "lost" (its values have no words: write numbers)',
    ),
    (
        "Pack.SoC",
        "battery.soc_pct",
        {"absent": (0xFFFF,)},
        ".absent: Pack.SoC is -32768 to 32767 (raw), not 65535",
    ),
    (
        "Temps.Outside",
        "battery.temp_ambient_c",
        {"absent": (255,)},
        ".absent: Temps.Outside is a float, which has no raw values (NaN is left out anyway)",
    ),
    (
        FAMILY,
        "cells.volts{n}",
        {"index_from": 0},
        '.to: cells has no field "volts{n}" (v1, t1, v{n} or t{n})',
    ),
    (FAMILY, "cells.v1", {}, f".to: signal and to must both hold {{n}}, or neither ({AS_IN})"),
    ("Cells.Cell01_V", "cells.v{n}", {}, f".to: signal and to must both hold {{n}}, or neither ({AS_IN})"),
    ("C{n}.Cell{n}", "cells.v{n}", {}, ".signal: holds {n} more than once"),
    (
        "Cells.Cel{n}_V",
        "cells.v{n}",
        {},
        '.signal: no signal is called "Cells.Cel{n}_V" (did you mean "Cells.Cell{n}_V"?)',
    ),
    (FAMILY, "cells.v{n}", {}, ".signal: cells and sensors are 1 to 999, not 0 (set index_from = 0)"),
    ("Cells.Cell01_V", "cells.v0", {}, ".to: cells and sensors are 1 to 999, not 0"),
    ("Cells.Cell01_V", "cells.v1000", {}, ".to: cells and sensors are 1 to 999, not 1000"),
    ("Pack.SoC", "battery.soc_pct", {"charger": "left"}, ".charger: battery has no tag charger"),
    ("Charger.Volts", "charger.voltage_v", {"pack": "rear"}, ".pack: charger has no tag pack"),
    ("Pack.SoC", "battery.soc_pct", {"scale": 0.0}, ".scale: must be a number other than 0, not 0.0"),
    (
        "Pack.SoC",
        "battery.soc_pct",
        {"scale": float("inf")},
        ".scale: must be a number other than 0, not inf",
    ),
    ("Pack.SoC", "battery.soc_pct", {"offset": float("nan")}, ".offset: must be a number, not nan"),
    ("Pack.SoC", "battery.soc_pct", {"within_s": 10}, ".within_s: is for cells alone"),
]


@pytest.mark.parametrize(("signal", "to", "keys", "words"), REFUSED, ids=[each[3] for each in REFUSED])
def test_what_makes_no_sense_is_refused_with_its_place_and_the_nearest_name(
    signal: str, to: str, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve([MapEntry(signal, to, **keys)], CAR)
    assert str(caught.value) == f"map[0]{words}"


@pytest.mark.parametrize(("read", "to"), [(resolve, "battery.volt"), (mapped_alarms, "event.OVER")])
def test_a_field_or_code_and_a_signal_that_nothing_has_are_reported_together(read: Any, to: str) -> None:
    with pytest.raises(SeveralConfigError) as caught:
        list(read([MapEntry("Pack.Volts", to)], CAR))
    assert [line.split(":")[0] for line in caught.value.lines()] == ["map[0].to", "map[0].signal"]


def test_a_number_past_all_cells_is_refused() -> None:
    serials = plan({"can0": {"Cells": {"Cell20261124_V": Signal()}}})
    with pytest.raises(ConfigError, match=r"map\[0\].signal: no signal is called"):
        resolve([MapEntry(FAMILY, "cells.v{n}")], serials)


def entry_of(**keys: object) -> MapEntry:
    return settings_of(MapEntry, **{"signal": "Pack.Voltage", "to": "battery.voltage_v", **keys})


def test_an_entry_has_its_text() -> None:
    assert (entry_of(text="too warm").text, entry_of().text) == ("too warm", "")


@pytest.mark.parametrize(("text", "sender"), [("00", 0), ("1", 1), ("0x1f", 0x1F), ("FD", 0xFD)])
def test_a_sender_is_an_address_in_hexadecimal(text: str, sender: int) -> None:
    assert entry_of(sender=text).sender == sender
    assert entry_of().sender is None


@pytest.mark.parametrize("text", ["FE", "ff", "100", "-1", "0x", "G1", " 1", "1 "])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        entry_of(sender=text)
    assert str(caught.value) == (
        f'gateway.toml: sender: "{text}" is no address of J1939 (in hexadecimal, "00" to "FD")'
    )


def test_two_senders_of_one_message_are_two_packs() -> None:
    entries = [
        MapEntry("Pack.Voltage", "battery.voltage_v", bus="traction", pack=f"p{sender}", sender=sender)
        for sender in (1, 2)
    ]
    spec = resolve(entries, j1939(CAR))
    messages = spec.buses[0].messages
    assert [(one.record, one.sender, [output.target for output in one.outputs]) for one in messages] == [
        (0, 1, [0]),
        (0, 2, [1]),
    ]
    assert spec.tag_sets == ({"pack": "p1"}, {"pack": "p2"})


def test_two_senders_cannot_fill_one_field_of_one_pack() -> None:
    entries = [
        MapEntry("Pack.Voltage", "battery.voltage_v", sender=sender, where=Where(f"map[{sender}]"))
        for sender in (1, 2)
    ]
    words = r"^map\[2\]\.to: battery.voltage_v of pack main comes from Pack.Voltage already \(see map\[1\]\)$"
    with pytest.raises(ConfigError, match=words):
        resolve(entries, j1939(CAR))


def test_a_sender_of_a_message_that_is_matched_by_its_id_alone_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve([MapEntry("Pack.Voltage", "battery.voltage_v", sender=1, where=Where("map[3]"))], CAR)
    assert str(caught.value) == (
        "map[3].sender: Pack is not matched by PGN: its id alone says what it is"
        " (leave sender out, or set j1939 = true where its source is configured)"
    )


@pytest.mark.parametrize(("byte_count", "is_taken"), [(8, False), (9, True)])
def test_a_message_that_comes_by_j1939_transport_has_senders_whatever_its_database_declares(
    byte_count: int, is_taken: bool
) -> None:
    spec = j1939(plan({"can0": {"Pack": PACK}}))
    (bus,) = spec.buses
    message = replace(bus.messages[0], by_pgn=False, byte_count=byte_count)
    spec = replace(spec, buses=(replace(bus, messages=(message,)),))
    entry = MapEntry("Pack.Voltage", "battery.voltage_v", sender=1)
    if is_taken:
        assert resolve([entry], spec).buses[0].messages[0].sender == 1
    else:
        with pytest.raises(ConfigError, match="not matched by PGN"):
            resolve([entry], spec)
