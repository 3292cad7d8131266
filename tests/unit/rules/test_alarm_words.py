"""What an alarm says, and which alarm goes on as which after another configuration."""

from dataclasses import replace

from telemetry_core.rules.watch_spec import BitTest, LimitTest, RuleSpec, ValueTest
from telemetry_core.rules.watcher import StandingAlarm, Transition

from telemetry.model.event_codes import Level
from telemetry.rules.alarms import Alarm, AlarmEvents, level_of, successors

BIT = Alarm(RuleSpec(0, 0, BitTest(1)), "bms_fault", Level.CRITICAL, "a fault (Pack.Fault)", pack="main")
VALUE = replace(BIT, rule=RuleSpec(0, 0, ValueTest((2,))))
VALUES = replace(BIT, rule=RuleSpec(0, 0, ValueTest((2, 3))))
LIMIT = Alarm(
    RuleSpec(0, 0, LimitTest(4.2, 4.1, True)),
    "cell_overvoltage",
    Level.WARNING,
    "cell {n}",
    pack="main",
    limit="above 4.2 V",
    unit="V",
)
BARE = replace(LIMIT, text="state", limit="above 4", unit="")


def at(time_ns: int, *, active: bool = True, value: float = 3.0, member: int = 0) -> Transition:
    return Transition(0, time_ns, 0, 0, active, value, member)


def test_an_alarm_says_what_began_and_that_it_ended() -> None:
    assert [each.words(at(0)) for each in (BIT, VALUE, VALUES)] == [
        "a fault (Pack.Fault)",
        "a fault (Pack.Fault)",
        "a fault (Pack.Fault) (3)",
    ]
    assert (
        BIT.words(at(0, active=False))
        == VALUES.words(at(0, active=False))
        == "no longer: a fault (Pack.Fault)"
    )
    assert BIT.last_words() == "no longer watched: a fault (Pack.Fault)"


def test_a_limit_says_of_which_cell_which_value_crosses_what() -> None:
    assert LIMIT.words(at(0, value=4.2123456, member=6)) == "cell 7 is 4.21235 V, above 4.2 V"
    assert LIMIT.words(at(0, active=False, value=4.0)) == "cell 1 is 4 V, no longer above 4.2 V"
    assert LIMIT.last_words() == "no longer watched: cells above 4.2 V"
    assert BARE.words(at(0, value=5.0)) == "state is 5, above 4"


def test_an_event_has_the_alarms_level_while_it_lasts_and_a_stamp_of_its_own() -> None:
    events = AlarmEvents([LIMIT])
    began, first_ns = events.of(at(5), "can0")
    ended, second_ns = events.of(at(5, active=False), "can0")
    last, third_ns = events.last(StandingAlarm(0, 5), "can0")
    assert [(each.level, each.active) for each in (began, ended, last)] == [
        (Level.WARNING, True),
        *[(Level.INFORMATION, False)] * 2,
    ]
    assert (began.pack, began.charger, began.source) == ("main", "", "can0")
    assert first_ns == 5
    assert len({first_ns, second_ns, third_ns}) == 3
    again = AlarmEvents([LIMIT])
    again.carry_on(events)
    assert again.of(at(5), "can0")[1] not in (first_ns, second_ns, third_ns)
    assert again.of(at(5), "can1")[1] == 5  # another series


def test_an_alarm_goes_on_as_the_one_of_its_subject_and_place() -> None:
    higher = replace(LIMIT, rule=RuleSpec(0, 0, LimitTest(4.3, 4.2, True)))
    lower = replace(LIMIT, rule=RuleSpec(0, 0, LimitTest(3.0, 3.1, False)))
    old = [(4, BIT), (5, LIMIT), (6, LIMIT)]
    assert successors(old, [(0, higher), (1, BIT), (2, LIMIT)]) == {4: 1, 5: 0, 6: 2}
    assert successors(old, [(0, higher), (1, BIT), (2, LIMIT)], same_limit=True) == {4: 1, 5: 2}
    assert successors(old, [(0, lower)]) == {}
    assert successors([(0, LIMIT)], [(0, replace(LIMIT, pack="other"))]) == {}


def test_a_level_is_the_one_that_is_named_or_that_of_the_code() -> None:
    assert level_of("cell_overvoltage", "information") is Level.INFORMATION
    assert level_of("cell_overvoltage", None) is Level.CRITICAL
