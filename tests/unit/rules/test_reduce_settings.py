"""How long rows and flags are held by `[reduce]`, and which measurements it may name."""

import pytest
from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.rules.reduce import ReduceSettings, check_measurements
from tests.support.configuration import settings_of

PACK = RecordSpec("Pack_State", ())


@pytest.mark.parametrize("name", ["Pack", "pack_state", "cell"])
def test_all_but_messages_and_measurements_of_the_data_model_would_never_be_used(name: str) -> None:
    named = dict.fromkeys(("Pack_State", "cells", "battery", name), 1.0)
    with pytest.raises(ConfigError, match=rf"reduce\.measurements: there is no measurement '{name}'"):
        check_measurements(ReduceSettings(0.0, named), [PACK])
    with pytest.raises(ConfigError, match=rf"reduce\.flags: there is no measurement '{name}'"):
        check_measurements(ReduceSettings(1.0, {}, 0.0, named), [PACK])


def test_flags_of_the_data_model_are_held_by_their_name_alone() -> None:
    settings = ReduceSettings(60.0, {}, 30.0, {"charger": 2.0})
    assert settings.flags_every_ns(PACK) == 30 * 10**9
    assert settings.flags_every_ns(RecordSpec("battery", (), modelled=True)) == 0
    assert settings.flags_every_ns(RecordSpec("charger", (), modelled=True)) == 2 * 10**9


@pytest.mark.parametrize(
    ("keys", "reported"),
    [
        ({"flags_every_s": 5.0}, "flags_every_s: does nothing where all rows are sent"),
        ({"flags_every_s": 5.0, "measurements": {"Pack": 0}}, "flags_every_s: does nothing where all rows"),
        ({"flags": {"Pack_State": 5.0}}, "flags: does nothing where all rows are sent"),
        ({"every_s": 5.0, "flags_every_s": -1.0}, "flags_every_s: must be from 0 to 86400, not -1"),
    ],
)
def test_an_interval_of_flags_without_one_of_rows_is_an_error(keys: dict[str, object], reported: str) -> None:
    with pytest.raises(ConfigError, match=f"^gateway.toml: {reported}"):
        settings_of(ReduceSettings, **keys)


def test_the_longest_that_a_row_is_held_is_that_of_any_measurement_or_flag() -> None:
    held = settings_of(ReduceSettings, flags_every_s=5, measurements={"Pack": 9, "Other": 0})
    assert held.longest_s == 9.0
    assert settings_of(ReduceSettings, flags_every_s=5, every_s=5).longest_s == 5.0
