"""Reasons in words."""

import pytest

from telemetry.charging.words import reason_words, reasons
from telemetry.protocols.known import CAN_PROTOCOLS


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("soc_reached", "the state of charge asked for is reached"),
        ("crm_aa_timeout", "CRM (AA) not heard in time"),
        ("bcs_timeout", "BCS not heard in time"),
        ("some_new_reason", "some new reason"),
    ],
)
def test_a_name_has_its_words(name: str, words: str) -> None:
    assert reason_words(name) == words


def test_names_with_commas_are_several_reasons() -> None:
    assert reasons("emergency_stop,fault") == ["the emergency stop", "a fault"]
    assert reasons("") == []


def test_every_signal_with_which_a_side_stops_or_reports_an_error_has_words_of_its_own() -> None:
    names = [
        signal.name
        for record in CAN_PROTOCOLS["gbt27930"].records
        if record.message in ("BST", "CST", "BEM", "CEM")
        for signal in record.fields
        if not signal.name.endswith("_text")
    ]
    assert len(names) > 30
    assert [name for name in names if reason_words(name) == name.replace("_", " ")] == []
