"""Which tests may be skipped: those whose server, program or bus is missing; where none may be missing, none.

`NEV_TELEMETRY_REQUIRE=all` (set by .ci/run) makes a failure of every skipped test but those marked
`optional`. A test marked `vcan` is skipped where there is no vcan0; tests/support/vcan.py gives it one.
"""

import os
import socket
from collections.abc import Generator
from typing import Any

import pytest

_NOTHING_MAY_BE_MISSING = os.environ.get("NEV_TELEMETRY_REQUIRE") == "all"


def _why_no_vcan() -> str | None:
    try:
        with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as raw:
            raw.bind(("vcan0",))
    except OSError as error:
        return f"no vcan0 here ({error.strerror}): python -m tests.support.vcan -- pytest -m vcan"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("vcan") is not None and (reason := _why_no_vcan()) is not None:
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and _NOTHING_MAY_BE_MISSING and item.get_closest_marker("optional") is None:
        report.outcome = "failed"
        report.longrepr = f"skipped, and here nothing may be missing: {report.longrepr}"
    return report
