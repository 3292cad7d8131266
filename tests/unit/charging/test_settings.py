"""[charging], [cross_check] and [[session]] of the configuration."""

import re
from pathlib import Path

import pytest

from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.errors import ConfigError
from tests.support.configuration import GATEWAY_OF_CAN0, load


def charging(tmp_path: Path, text: str) -> ChargingSettings:
    return load(tmp_path, GATEWAY_OF_CAN0 + text).charging


def test_without_any_key_numbers_of_vehicles_are_digests_and_nothing_is_watched(tmp_path: Path) -> None:
    assert charging(tmp_path, "") == ChargingSettings()


def test_all_keys_are_read(tmp_path: Path) -> None:
    text = """
[charging]
vin = "plain"
[cross_check]
current_a = 4.0
for_s = 60.0
[[session]]
charger = "obc"
starts_above_w = 500.0
"""
    found = charging(tmp_path, text)
    assert (found.vin, found.cross_check.current_a, found.cross_check.for_s) == ("plain", 4.0, 60.0)
    assert found.sessions == (SessionSettings(charger="obc", starts_above_w=500.0),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[session]]\n", "session[0]: names one of pack and charger"),
        ('[[session]]\npack = "a"\ncharger = "b"\n', "session[0]: names one of pack and charger"),
        ('[charging]\nvin = "hashed"\n', "charging.vin"),
        ("[cross_check]\nfor_s = 1.0\n", "cross_check.for_s"),
    ],
)
def test_a_wrong_key_is_one_line_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        charging(tmp_path, text)
