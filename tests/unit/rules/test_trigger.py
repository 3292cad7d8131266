"""`[[trigger]]` is resolved against events, signals and the data model, or refused in one line."""

from typing import Any

import pytest
from telemetry_core.rows.spec import DecimalScale
from telemetry_core.rules.watch_spec import CrossingTest

from telemetry.errors import ConfigError
from telemetry.model.event_codes import EVENT_CODES
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.resolve import model
from telemetry.rules.trigger import Trigger, chosen, resolved
from tests.support.configuration import settings_of
from tests.support.plan_specs import Signal, plan, tenths

_MILLIVOLTS = Signal(DecimalScale(1, 0, 3), start_bit=16)
PLAN = plan({bus: {"Pack": {"Amps": tenths(), "C1": _MILLIVOLTS}, "Debug": {"X": Signal()}} for bus in "ab"})
MAPPING = model(
    [
        *(MapEntry("Pack.Amps", "battery.current_a", bus=bus, pack=f"pack {bus}") for bus in "ab"),
        *(MapEntry("Pack.C{n}", "cells.v{n}", bus=bus, pack=f"pack {bus}") for bus in "ab"),
    ],
    (),
    PLAN,
).map
CROSSED: dict[str, Any] = {"above": 3.0}


def test_events_are_globs_of_codes() -> None:
    (one,) = resolved([Trigger(on=("cell_*volt*", "limit"))], PLAN, MAPPING)
    assert one.codes == {"cell_overvoltage", "cell_undervoltage", "limit"}


def test_all_events_set_off_a_trigger_but_those_of_other_triggers_which_count_by_themselves() -> None:
    (one,) = resolved([Trigger(on=("*",))], PLAN, MAPPING)
    assert one.codes == EVENT_CODES.keys() - {"trigger"}


def test_a_field_is_watched_in_each_pack_and_each_cell_by_itself() -> None:
    (current, cells) = resolved(
        [
            Trigger(field="battery.current_a", changes_by=200.0, within_s=0.5),
            Trigger(field="cells.v*", **CROSSED),
        ],
        PLAN,
        MAPPING,
    )
    for pack, one in zip(("pack a", "pack b"), current.alarms, strict=True):
        assert one.rule.test == CrossingTest(200.0, within_ns=500_000_000)
        assert (one.text, one.unit, one.limit, one.pack, one.trigger) == (
            "battery.current_a",
            "A",
            "",
            pack,
            0,
        )
    assert [(one.text, one.limit, one.rule.field_count, one.trigger) for one in cells.alarms] == [
        ("cell 1", "above 3 V", 1, 1)
    ] * 2


def test_a_signal_is_watched_in_the_messages_of_all_buses() -> None:
    (one,) = resolved([Trigger(signal="Pack.Amps", below=-1.0)], PLAN, MAPPING)
    assert [(each.rule.bus, each.text, each.rule.test) for each in one.alarms] == [
        (bus, "Pack.Amps", CrossingTest(-1.0, is_upper=False)) for bus in (0, 1)
    ]


def test_only_has_messages_and_the_data_model_and_without_it_all_do() -> None:
    assert MAPPING is not None
    records = (*PLAN.records, *MAPPING.records)
    names = [record.measurement for record in records]
    assert [name for name, is_in in zip(names, chosen(["Pa*", "cells"], records), strict=True) if is_in] == [
        name for name in names if name in ("Pack", "cells")
    ]
    assert all(chosen([], records))


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (Trigger(on=("cell_overvoltages",)), 'on: no event is called .*mean "cell_overvoltage"'),
        (Trigger(signal="Pack.Amp", **CROSSED), 'signal: message Pack has no signal "Amp".*"Amps"'),
        (Trigger(field="battery.current", **CROSSED), 'field: battery has no field "current".*"current_a"'),
        (Trigger(field="battery.soc_pct", **CROSSED), "field: nothing fills battery.soc_pct"),
        (Trigger(on=("limit",), only=("Pakc",)), "only: no measurement fits 'Pakc'.*\"Pack\""),
        (
            Trigger(on=("limit", "trig*")),
            r"on: the event of a trigger sets off no other one \(name what sets",
        ),
        (
            Trigger(signal="battery.current_a", **CROSSED),
            'signal: battery is of the data model .field = "bat',
        ),
        (Trigger(field="Pack.Amps", **CROSSED), 'field: Pack is a message .signal = "Pack.Amps"'),
    ],
)
def test_what_there_is_not_is_refused_with_the_nearest_name(trigger: Trigger, words: str) -> None:
    with pytest.raises(ConfigError, match=r"trigger\[0\]\." + words):
        resolved([trigger], PLAN, MAPPING)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "on: is missing"),
        ({"on": ["limit"], "signal": "A.B", "above": 1.0}, "signal: stands beside on"),
        ({"on": ["limit"], "above": 1.0}, "above: is not for events"),
        ({"signal": "A.B"}, "above: is missing"),
        ({"signal": "A.B", "above": 1.0, "below": 1.0}, "below: stands beside above"),
        ({"signal": "A.B", "changes_by": 1.0}, "within_s: is missing .the time of changes_by"),
        ({"signal": "A.B", "above": 1.0, "within_s": 1.0}, "within_s: is for changes_by alone .leave it out"),
        ({"signal": "A.B", "within_s": 1.0}, "within_s: is for changes_by alone .give both"),
        ({"signal": "A.B", "changes_by": 0.0, "within_s": 1.0}, "changes_by: "),
        ({"on": ["limit"], "before_s": 121.0}, "before_s: "),
        ({"on": ["limit"], "after_s": 601.0}, "after_s: "),
        ({"on": ["limit"], "per_hour": 0}, "per_hour: "),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        settings_of(Trigger, **keys)
