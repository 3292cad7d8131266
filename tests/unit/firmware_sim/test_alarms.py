"""firmware_sim/ecus/alarms.py: levels, both directions, and what hysteresis holds back."""

import cantools
from cantools.database.can import Database
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.ecus.alarms import THRESHOLDS, AlarmLevel, Threshold
from firmware_sim.wire.broadcast import VEHICLE_DBC

HIGH = Threshold("High", "reading", warning=10.0, alarm=20.0, fault=30.0, hysteresis=2.0)
LOW = Threshold("Low", "reading", warning=-10.0, alarm=-20.0, fault=-30.0, hysteresis=2.0)


def test_a_level_is_reached_at_its_limit() -> None:
    levels = [HIGH.level(value, AlarmLevel.NONE) for value in (9.9, 10.0, 19.9, 20.0, 29.9, 30.0)]
    assert levels == [
        AlarmLevel.NONE,
        AlarmLevel.WARNING,
        AlarmLevel.WARNING,
        AlarmLevel.ALARM,
        AlarmLevel.ALARM,
        AlarmLevel.FAULT,
    ]


def test_a_falling_reading_reaches_limits_that_fall() -> None:
    assert [LOW.level(value, AlarmLevel.NONE) for value in (-9.0, -10.0, -25.0, -31.0)] == list(AlarmLevel)


def test_a_level_is_left_only_past_the_hysteresis() -> None:
    assert HIGH.level(18.1, AlarmLevel.ALARM) is AlarmLevel.ALARM
    assert HIGH.level(17.9, AlarmLevel.ALARM) is AlarmLevel.WARNING
    assert HIGH.level(7.9, AlarmLevel.ALARM) is AlarmLevel.NONE


@given(st.floats(-50.0, 50.0), st.sampled_from(AlarmLevel), st.sampled_from((HIGH, LOW)))
def test_a_level_judged_twice_stays(value: float, before: AlarmLevel, threshold: Threshold) -> None:
    once = threshold.level(value, before)
    assert threshold.level(value, once) is once


@given(st.floats(-50.0, 50.0), st.sampled_from(AlarmLevel), st.sampled_from((HIGH, LOW)))
def test_hysteresis_never_lowers_a_level(value: float, before: AlarmLevel, threshold: Threshold) -> None:
    assert threshold.level(value, before) >= threshold.level(value, AlarmLevel.NONE)


def test_the_database_names_the_same_alarms_in_the_same_order() -> None:
    database = cantools.database.load_file(VEHICLE_DBC)
    assert isinstance(database, Database)
    message = database.get_message_by_name("BMS_Alarms")
    faults = message.get_signal_by_name("LatchedFault").choices
    assert faults is not None
    assert [str(name) for name in faults.values()] == ["none", *(alarm.name for alarm in THRESHOLDS)]
    levels = message.get_signal_by_name("CellOvervoltage").choices
    assert levels is not None
    assert {number: str(name) for number, name in levels.items()} == {
        level.value: level.name.lower() for level in AlarmLevel
    }
