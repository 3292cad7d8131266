"""Reports that are made again and again."""

import pytest

from telemetry.service.attempts import Reports, take_all


def test_a_report_is_logged_each_time_that_it_begins_to_fail(caplog: pytest.LogCaptureFixture) -> None:
    fails = iter([True, True, False, True, True])

    def report() -> None:
        if next(fails):
            raise OSError("no descriptor")

    reports = Reports()
    logged = []
    for _ in range(5):
        reports.make(report)
        logged.append(len(caplog.records))
    assert logged == [1, 1, 1, 2, 2]


def test_all_steps_are_taken_whatever_became_of_those_before(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[str] = []
    failures: list[Exception] = []

    def fail() -> None:
        taken.append("fail")
        raise OSError("no room")

    take_all([lambda: taken.append("first"), fail, lambda: taken.append("last")], failures.append)
    assert taken == ["first", "fail", "last"]
    assert [str(failure) for failure in failures] == ["no room"]
    assert "a step of stopping has failed" in caplog.text
