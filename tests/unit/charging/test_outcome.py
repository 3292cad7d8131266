"""Outcome, side and reason, from what was said in the last attempt."""

import pytest
from telemetry_core.charge.follow_spec import End

from telemetry.charging.outcome import Word, outcome, who_and_why

STOP = Word(False, "vehicle", ("soc_reached",))
ERROR = Word(True, "charger", ("bcl_timeout",))


@pytest.mark.parametrize(
    ("end", "words", "statistics", "charged", "expected"),
    [
        (End.FINISHED, [STOP], True, True, "complete"),
        (End.FINISHED, [STOP, ERROR], True, True, "complete"),
        (End.SILENCE, [STOP], False, True, "stopped"),
        (End.SILENCE, [ERROR], False, True, "error"),
        (End.SILENCE, [ERROR, STOP], True, True, "error"),
        (End.SILENCE, [], True, True, "complete"),
        (End.FINISHED, [], False, True, "unfinished"),
        (End.NEXT, [], False, True, "cut"),
        (End.SILENCE, [], False, False, "failed"),
        (End.BELOW, [], False, True, "complete"),
    ],
)
def test_the_first_word_of_the_last_attempt_decides(
    end: End, words: list[Word], statistics: bool, charged: bool, expected: str
) -> None:
    found = outcome(end, words, has_statistics=statistics, has_charged=charged)
    assert found == expected


def test_reasons_are_sorted_and_an_answer_is_not_one() -> None:
    word = Word(False, "charger", ("vehicle_stopped", "fault", "emergency_stop"))
    assert who_and_why([word], "2015") == ("charger", "emergency_stop,fault")


def test_an_answer_takes_the_reason_of_the_stop_that_came_later() -> None:
    answer = Word(False, "vehicle", ("charger_stopped",))
    stop = Word(False, "charger", ("stopped_by_person",))
    assert who_and_why([answer, stop], "2015") == ("charger", "stopped_by_person")


def test_nobody_has_said_anything() -> None:
    assert who_and_why([], "2015") == (None, None)
