"""Intervals by measurement, as `[reduce]` gives them."""

import pytest
from telemetry_core.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.reduce.interval import check_measurements, every_ns

BATTERY = RecordSpec("battery", ())
CELLS = RecordSpec("cells", ())


def test_a_measurement_s_own_interval_comes_before_the_common_one() -> None:
    interval_ns = every_ns(1.0, {"cells": 0.25, "charger": 5.0})
    assert (interval_ns(BATTERY), interval_ns(CELLS)) == (1_000_000_000, 250_000_000)
    assert every_ns(1.0, {"cells": 0.0})(CELLS) == 0


def test_a_measurement_that_nobody_makes_is_an_error() -> None:
    check_measurements({"cells": 1.0}, [BATTERY, CELLS])
    with pytest.raises(ConfigError, match=r"reduce\.measurements: no source makes a measurement 'cell'"):
        check_measurements({"cell": 1.0}, [BATTERY, CELLS])
