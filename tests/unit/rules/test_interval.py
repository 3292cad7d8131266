"""Which measurements `[reduce]` may name."""

import pytest
from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.rules.reduce import check_measurements

PACK = RecordSpec("Pack_State", ())


def test_messages_and_measurements_of_the_data_model_may_be_named() -> None:
    check_measurements(["Pack_State", "cells", "battery"], [PACK])
    check_measurements([], [])


@pytest.mark.parametrize("name", ["Pack", "pack_state", "cell"])
def test_an_interval_that_would_never_be_used_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"reduce\.measurements: there is no measurement '{name}'"):
        check_measurements([name], [PACK])
