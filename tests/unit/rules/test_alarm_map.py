"""`[[map]]` entries to events are resolved against databases and vocabulary, or refused in one line."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from telemetry_core.decode.spec import MessageSpec, PlanSpec
from telemetry_core.rows.spec import SlotKind
from telemetry_core.rules.watch_spec import BitTest, RuleSpec, ValueTest

from telemetry.errors import ConfigError
from telemetry.model.event_codes import Level
from telemetry.rules.alarm_map import mapped_alarms
from telemetry.rules.alarms import Alarm
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.settings.document import Where
from tests.support.plan_specs import Signal, j1939, plan

STATES = {0: "Ready", 2: "Fault", 3: "Emergency"}


def car() -> PlanSpec:
    faults = {
        "CellOver": Signal(kind=SlotKind.BOOL, bits=1),
        "Word": Signal(kind=SlotKind.UINT, bits=16, signed=False),
        "State": Signal(bits=4, signed=False),
        "Temp": Signal(kind=SlotKind.FLOAT),
    }
    spec = plan({"traction": {"Faults": faults}, "charging": {"Faults": faults}})
    return replace(
        spec,
        buses=tuple(
            replace(bus, messages=tuple(_with_words(one, STATES) for one in bus.messages))
            for bus in spec.buses
        ),
    )


def _with_words(message: MessageSpec, words: Mapping[int, str]) -> MessageSpec:
    signals = list(message.signals)
    signals[2] = replace(signals[2], choices=tuple(words.items()))
    return replace(message, signals=tuple(signals))


def one(entry: MapEntry) -> Alarm:
    (alarm,) = mapped_alarms([replace(entry, bus="traction")], car())
    return alarm


def test_a_signal_is_an_alarm_on_every_bus_that_has_it() -> None:
    alarms = list(mapped_alarms([MapEntry("Faults.CellOver", "event.cell_overvoltage")], car()))
    assert [alarm.rule.bus for alarm in alarms] == [0, 1]
    assert alarms[0] == Alarm(
        rule=RuleSpec(0, 0, BitTest(2**64 - 1), bus=0),
        code="cell_overvoltage",
        level=Level.CRITICAL,
        text="a cell's voltage is too high (Faults.CellOver)",
        pack="main",
    )


def test_a_bit_of_a_word_is_an_alarm() -> None:
    assert one(MapEntry("Faults.Word", "event.short_circuit", bit=10)).rule.test == BitTest(1 << 10)


def test_a_message_that_flags_wrong_frames_says_so_to_its_alarms() -> None:
    plain = car()
    messages = tuple(replace(message, reports_protection=True) for message in plain.buses[0].messages)
    reported = replace(plain, buses=(replace(plain.buses[0], messages=messages), *plain.buses[1:]))
    entry = MapEntry("Faults.Word", "event.bms_fault", bit=1)
    first, *_ = mapped_alarms([entry], reported)
    assert first.rule.protection == len(messages[0].signals)
    assert next(mapped_alarms([entry], plain)).rule.protection == -1


def test_values_are_given_by_number_or_by_the_word_of_the_database() -> None:
    alarm = one(MapEntry("Faults.State", "event.bms_fault", when=("Fault", 3)))
    assert alarm.rule.test == ValueTest((2, 3))


def test_a_word_of_several_values_means_each_of_them() -> None:
    bus = car().buses[0]
    message = _with_words(bus.messages[0], {1: "SNA", 2: "Fault", 14: "SNA", 15: "Fault"})
    spec = replace(car(), buses=(replace(bus, messages=(message,)),))
    entry = MapEntry("Faults.State", "event.bms_fault", when=("Fault",), absent=("SNA",))
    (alarm,) = mapped_alarms([entry], spec)
    assert alarm.rule.test == ValueTest((2, 15))
    assert alarm.rule.absent == (1, 14)


def test_values_that_mean_nothing_are_given_like_those_that_mean_the_alarm() -> None:
    assert one(MapEntry("Faults.State", "event.bms_fault", absent=(15, "Ready"))).rule.absent == (15, 0)
    assert one(MapEntry("Faults.State", "event.bms_fault", when=(2,), absent=(15,))).rule.absent == (15,)


def test_level_text_and_charger_are_as_the_entry_says() -> None:
    alarm = one(
        MapEntry("Faults.Word", "event.charger_fault", level="warning", text="no supply", charger="left")
    )
    assert (alarm.level, alarm.text, alarm.pack, alarm.charger) == (Level.WARNING, "no supply", "", "left")


def test_entries_to_fields_are_no_alarms_and_the_other_way_round() -> None:
    entries = [
        MapEntry("Faults.Temp", "battery.temp_max_c"),
        MapEntry("Faults.Word", "event.bms_fault"),
    ]
    assert [alarm.code for alarm in mapped_alarms(entries, car())] == ["bms_fault", "bms_fault"]
    assert [record.measurement for record in resolve(entries, car()).records] == ["battery"]


@pytest.mark.parametrize(
    ("signal", "to", "keys", "words"),
    [  # signal and event of an entry, and the words after map[0]
        (
            "Faults.Word",
            "event.cell_over",
            {},
            '.to: no event is called "cell_over" (did you mean "cell_overvoltage"?)',
        ),
        ("Faults.Word", "event.bus_off", {}, ".to: bus_off is reported by the service itself"),
        ("Faults.{n}", "event.bms_fault", {}, ".signal: one signal is one alarm"),
        ("Faults.Temp", "event.overtemperature", {}, ".signal: Faults.Temp is a float, which has no bits"),
        ("Faults.State", "event.bms_fault", {"bit": 4}, ".bit: Faults.State has bits 0 to 3"),
        ("Faults.State", "event.bms_fault", {"bit": 1, "when": (1,)}, ".bit: stands beside when"),
        (
            "Faults.State",
            "event.bms_fault",
            {"when": ("fault",)},
            '.when: Faults.State has no value "fault" (did you mean "Fault"?)',
        ),
        (
            "Faults.Word",
            "event.bms_fault",
            {"when": ("Fault",)},
            '.when: Faults.Word has no value "Fault" (its values have no words',
        ),
        (
            "Faults.State",
            "event.bms_fault",
            {"when": ("Fault",), "absent": (15, 2)},
            ".absent: holds a value of when (keep it in one of the two)",
        ),
        (
            "Faults.State",
            "event.bms_fault",
            {"absent": (16,)},
            ".absent: Faults.State is 0 to 15 (raw), not 16",
        ),
        ("Faults.State", "event.bms_fault", {"when": (16,)}, ".when: Faults.State is 0 to 15 (raw), not 16"),
        ("Faults.Word", "event.bms_fault", {"scale": 2.0}, ": an alarm has no scale"),
        ("Faults.Word", "event.bms_fault", {"values": {1: "off"}}, ": an alarm has no scale"),
        ("Faults.Word", "event.bms_fault", {"within_s": 10.0}, ": an alarm has no scale"),
    ],
)
def test_what_cannot_be_an_alarm_is_refused_in_one_line(
    signal: str, to: str, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        list(mapped_alarms([MapEntry(signal, to, **keys)], car()))
    assert str(caught.value).startswith(f"map[0]{words}")


def test_an_entry_to_a_field_has_no_bit() -> None:
    with pytest.raises(ConfigError, match="are for alarms"):
        resolve([MapEntry("Faults.Word", "battery.cycles", bit=1)], car())


def test_an_alarm_of_a_named_sender_is_watched_in_its_rows_alone() -> None:
    entry = MapEntry(
        "Faults.CellOver", "event.cell_overvoltage", bus="traction", sender=0x1F, where=Where("map[2]")
    )
    (alarm,) = mapped_alarms([entry], j1939(car()))
    assert alarm.rule.sender == 0x1F
    with pytest.raises(ConfigError, match=r"map\[2\]\.sender: Faults is not matched by PGN"):
        list(mapped_alarms([entry], car()))
