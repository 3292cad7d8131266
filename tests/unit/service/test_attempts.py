"""Reports that are made again and again."""

import pytest

from telemetry.service.attempts import Reports


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
