"""How much of a bus's time its frames take."""

import pytest

from telemetry.model.bit_rate import BitRate


def test_load_is_the_time_of_both_parts_of_all_frames() -> None:
    assert BitRate(500_000).load_pct(125_000.0, 25_000.0) == pytest.approx(25.0 + 5.0)
    assert BitRate(500_000, 2_000_000).load_pct(125_000.0, 500_000.0) == pytest.approx(25.0 + 25.0)
