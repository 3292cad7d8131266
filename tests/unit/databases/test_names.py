"""Names that cannot be taken as they are."""

import pytest

from telemetry.databases.layout import field_name, measurement_name


@pytest.mark.parametrize("name", ["time", "vehicle", "pack", "charger", "source", "code", "sa", "_x", "_"])
def test_a_reserved_signal_name_gets_a_suffix(name: str) -> None:
    assert field_name(name) == f"{name}_signal"


@pytest.mark.parametrize("name", ["Time", "packs", "x_", "1st", "Speed"])
def test_any_other_signal_name_is_kept(name: str) -> None:
    assert field_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["battery", "cells", "charger", "meter", "charging_session", "charging_curve", "event", "gateway"],
)
def test_a_message_called_like_a_measurement_of_ours_gets_a_prefix(name: str) -> None:
    assert measurement_name(name) == f"can_{name}"


def test_any_other_message_name_is_kept() -> None:
    assert measurement_name("Battery") == "Battery"


def test_no_name_at_all_is_given_one() -> None:
    assert field_name("") == measurement_name("") == "unnamed"
