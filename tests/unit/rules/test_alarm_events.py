"""Alarms as people read them, their stamps, and which goes on as which after another configuration."""

from dataclasses import replace

import pytest
from telemetry_core.rules.watch_spec import BitTest, LimitTest, RuleSpec, ValueTest
from telemetry_core.rules.watcher import StandingAlarm, Transition

from telemetry.model.event_codes import Level
from telemetry.model.events import Event
from telemetry.rules.alarms import Alarm, AlarmEvents, level_of, successors

SHORT = Alarm(RuleSpec(0, 0, BitTest(1)), "short_circuit", Level.CRITICAL, "the output is shorted", "main")
ERROR = Alarm(RuleSpec(0, 1, ValueTest((17, 26))), "overtemperature", Level.WARNING, "too hot", "", "left")
ONE_VALUE = Alarm(RuleSpec(0, 1, ValueTest((3,))), "bms_fault", Level.WARNING, "EEPROM", "main")
CELLS = Alarm(
    RuleSpec(1, 0, LimitTest(4.2, 4.1, is_upper=True), field_count=9, tag_set=0),
    "cell_overvoltage",
    Level.CRITICAL,
    "cell {n}",
    "main",
    limit="above 4.2 V",
    unit="V",
)
PLAIN = Alarm(
    RuleSpec(1, 0, LimitTest(4.2, 4.1, is_upper=True)),
    "limit",
    Level.WARNING,
    "battery.cycles",
    "main",
    limit="above 5",
)


def reported(alarm: Alarm, value: float, *, active: bool = True, member: int = 0) -> Event:
    event, _ = AlarmEvents([alarm]).of(Transition(0, 5, 0, 0, active, value, member), "can0")
    return event


def test_a_bit_is_reported_with_the_alarms_own_words_level_and_tags() -> None:
    assert reported(SHORT, 1.0) == Event(
        "short_circuit", Level.CRITICAL, active=True, text="the output is shorted", source="can0", pack="main"
    )
    assert reported(SHORT, 0.0, active=False) == Event(
        "short_circuit",
        Level.INFORMATION,
        active=False,
        text="no longer: the output is shorted",
        source="can0",
        pack="main",
    )


@pytest.mark.parametrize(
    ("alarm", "value", "member", "begins", "ends"),
    [
        (ERROR, 17.0, 0, "too hot (17)", "no longer: too hot"),
        (ONE_VALUE, 3.0, 0, "EEPROM", "no longer: EEPROM"),
        (
            CELLS,
            4.2123456,
            6,
            "cell 7 is 4.21235 V, above 4.2 V",
            "cell 7 is 4.21235 V, no longer above 4.2 V",
        ),
        (PLAIN, 6.0, 0, "battery.cycles is 6, above 5", "battery.cycles is 6, no longer above 5"),
    ],
)
def test_the_text_says_what_and_how_much(
    alarm: Alarm, value: float, member: int, begins: str, ends: str
) -> None:
    assert reported(alarm, value, member=member).text == begins
    assert reported(alarm, value, member=member, active=False).text == ends


def test_events_of_one_code_and_one_moment_do_not_overwrite_one_another() -> None:
    alarm_events = AlarmEvents([CELLS, CELLS, SHORT])

    def stamp(rule: int, time_ns: int, source: str = "can0") -> int:
        return alarm_events.of(Transition(0, time_ns, 0, rule, True, 5.0, 0), source)[1]

    assert [stamp(0, 1000), stamp(1, 1000), stamp(2, 1000)] == [1000, 1001, 1000]
    assert [stamp(0, 1001), stamp(1, 1000)] == [1002, 1003]
    assert [stamp(0, 9000), stamp(0, 4000), stamp(0, 9500)] == [9000, 4001, 9500]
    assert stamp(0, 6000, "can1") == 6000


def test_events_of_the_next_configuration_do_not_overwrite_those_of_the_last() -> None:
    def stamp(alarm_events: AlarmEvents, rule: int) -> int:
        return alarm_events.of(Transition(0, 1000, 0, rule, True, 5.0, 0), "can0")[1]

    earlier = AlarmEvents([CELLS, SHORT])
    assert [stamp(earlier, 0), stamp(earlier, 0), stamp(earlier, 1)] == [1000, 1001, 1000]
    alarm_events = AlarmEvents([SHORT, CELLS])
    alarm_events.carry_on(earlier)
    assert [stamp(alarm_events, 0), stamp(alarm_events, 1)] == [1001, 1002]


def test_events_whose_stamps_step_back_do_not_overwrite_earlier_ones() -> None:
    alarm_events = AlarmEvents([SHORT])
    moments = [second * 10**9 for second in (1, 2, 3, 2, 3, 4, 1, 2)]
    stamps = [alarm_events.of(Transition(0, moment, 0, 0, True, 5.0, 0), "can0")[1] for moment in moments]
    assert len(set(stamps)) == len(stamps)
    assert [stamp // 10**6 for stamp in stamps] == [moment // 10**6 for moment in moments]


def test_what_is_not_watched_any_more_is_named_with_its_limit_and_ends_with_a_stamp_of_its_own() -> None:
    events = AlarmEvents([SHORT, CELLS, PLAIN])
    ended = [events.last(StandingAlarm(rule, 5), "can0") for rule in (0, 1, 2, 1)]
    assert [(event.text.removeprefix("no longer watched: "), time_ns) for event, time_ns in ended] == [
        ("the output is shorted", 5),
        ("cells above 4.2 V", 5),
        ("battery.cycles above 5", 5),
        ("cells above 4.2 V", 6),
    ]
    assert {(event.level, event.active) for event, _ in ended} == {(Level.INFORMATION, False)}


def test_an_alarm_goes_on_with_the_one_of_its_subject_and_place() -> None:
    higher = replace(
        CELLS, rule=replace(CELLS.rule, test=LimitTest(4.3, 4.2, is_upper=True)), limit="above 4.3 V"
    )
    below = replace(CELLS, rule=replace(CELLS.rule, test=LimitTest(4.2, 4.3, is_upper=False)))
    worse = replace(CELLS, level=Level.WARNING)
    old = [(0, SHORT), (1, CELLS), (2, CELLS), (3, PLAIN), (4, ERROR)]
    new = [(5, below), (6, PLAIN), (7, higher), (8, worse), (9, SHORT), (10, CELLS)]
    assert successors(old, new) == {0: 9, 1: 7, 2: 10, 3: 6}
    assert successors(old, new, same_limit=True) == {0: 9, 1: 10, 3: 6}
    assert successors([(0, CELLS)], [(0, replace(CELLS, pack="other"))]) == {}


def test_a_level_is_the_one_that_is_named_or_that_of_the_code() -> None:
    assert level_of("cell_overvoltage", "information") is Level.INFORMATION
    assert level_of("cell_overvoltage", None) is Level.CRITICAL
