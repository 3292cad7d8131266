"""One error is one line for people; several of one configuration are a line each."""

import pytest

from telemetry.errors import ConfigError, Faults, SeveralConfigError, TelemetryError, UsageError


def read(item: int) -> int:
    if item < 0:
        raise ConfigError(f"{item} is negative", where="map[0]", hint="drop it" if item < -1 else "")
    return item


def reread(several: ConfigError) -> None:
    raise several


def test_an_error_says_where_what_and_what_to_do() -> None:
    assert str(TelemetryError("is wrong")) == "is wrong"
    assert str(TelemetryError("is wrong", where="a.toml:3")) == "a.toml:3: is wrong"
    assert str(TelemetryError("is wrong", where="a.toml:3", hint="mend it")) == "a.toml:3: is wrong (mend it)"
    assert UsageError("x", hint="y").lines() == ["x (y)"]


def test_what_a_terminal_could_take_for_a_command_is_not_shown() -> None:
    assert str(TelemetryError("got\n\x1b[2J from  http://u:p@h/")) == "got ?[2J from http://***@h/"


def test_faults_are_reported_all_at_once_and_what_is_right_is_kept() -> None:
    faults = Faults()
    assert faults.each(read, (1, -1, 2)) == (1, 2)
    with pytest.raises(ConfigError, match="-1 is negative") as one:
        faults.raise_any()
    assert not isinstance(one.value, SeveralConfigError)
    assert faults.each(read, (-2,)) == ()
    with pytest.raises(SeveralConfigError, match=r"^map\[0\]: -1 is negative \(and 1 more error\)$") as two:
        faults.raise_any()
    assert two.value.lines() == ["map[0]: -1 is negative", "map[0]: -2 is negative (drop it)"]
    assert two.value.exit_code == 78
    more = Faults()
    more.each(read, (-2,))
    more.each(reread, (two.value,))
    with pytest.raises(SeveralConfigError, match=r"\(drop it; and 2 more errors\)$"):
        more.raise_any()


def test_without_a_fault_nothing_is_raised() -> None:
    Faults().raise_any()
