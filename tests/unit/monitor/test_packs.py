"""Lines of packs on the screen."""

import pytest

from telemetry.monitor.packs import age


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.14, "0.1 s"),
        (10.0, "10.0 s"),
        (10.1, "no data for 10 s"),
        (119.4, "no data for 119 s"),
        (120.0, "no data for 2 min"),
    ],
)
def test_what_is_older_than_ten_seconds_is_no_longer_called_fresh(seconds: float, words: str) -> None:
    assert age(seconds).plain == words
