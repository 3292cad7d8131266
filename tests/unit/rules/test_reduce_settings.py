"""How long rows and flags are held by `[reduce]`, and which measurements it may name."""

import pytest
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

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
    assert held.longest_interval_s == 9.0
    assert settings_of(ReduceSettings, flags_every_s=5, every_s=5).longest_interval_s == 5.0


RECORDS = [
    RecordSpec(
        "Pack_State", (FieldSpec("Volts", SlotKind.INT), FieldSpec("Open", SlotKind.INT, passes=True))
    ),
    RecordSpec("battery", tuple(FieldSpec(name, SlotKind.FLOAT) for name in ("voltage_v", "current_a"))),
    RecordSpec("cells", tuple(FieldSpec(name, SlotKind.FLOAT) for name in ("v001", "v002", "t001"))),
]


def test_the_first_glob_that_fits_a_field_has_its_bound_and_flags_have_none() -> None:
    bounds = {"battery.current_a": 0.5, "battery.*": 0.1, "Pack_State.*": 2, "cells.v*": 0.005, "*": 7}
    settings = settings_of(ReduceSettings, bounds=bounds)
    assert settings.bounds_of(RECORDS) == [2.0, -1.0, 0.1, 0.5, 0.005, 0.005, 7.0]
    assert (settings.is_line, settings.longest_ns) == (False, 60 * 10**9)
    line = settings_of(ReduceSettings, bounds={"cells.t001": 0}, shape="line", longest_s=5)
    assert line.bounds_of(RECORDS) == [-1.0] * 6 + [0.0]
    assert (line.is_line, line.longest_ns) == (True, 5 * 10**9)


@pytest.mark.parametrize(
    ("keys", "reported"),
    [
        ({"shape": "hold"}, "shape: does nothing without bounds"),
        ({"longest_s": 60}, "longest_s: does nothing without bounds"),
        ({"shape": "step", "bounds": {"*": 1}}, "shape: must be one of hold, line, not 'step'"),
        ({"bounds": {"*": -0.1}}, r"bounds\.\*: must be 0 or more, not -0.1"),
        ({"bounds": {"*": float("nan")}}, r"bounds\.\*: must be a finite number, not nan"),
        ({"bounds": {"*": float("inf")}}, r"bounds\.\*: must be a finite number, not inf"),
        ({"bounds": {"*": True}}, r"bounds\.\*: must be a number, not"),
        (
            {"bounds": {"battery": {"voltage_v": 0.1}}},
            r'bounds.battery: must be a number, not a table \(.* in quotes: "battery.voltage_v"\)',
        ),
        ({"bounds": {"*": 1}, "every_s": 61}, "longest_s: is 60 where it is not given, and every_s is 61"),
        (
            {"bounds": {"*": 1}, "longest_s": 9, "every_s": 9.5},
            r"longest_s: is 9, and every_s is 9.5 \(it may not be less\)",
        ),
    ],
)
def test_keys_of_bounds_that_make_no_sense_are_an_error_each(keys: dict[str, object], reported: str) -> None:
    with pytest.raises(ConfigError, match=f"^gateway.toml: {reported}"):
        settings_of(ReduceSettings, **keys)


@pytest.mark.parametrize(
    ("glob", "reported"),
    [
        ("battery.voltge_v", r'there is no such field \(did you mean "battery.voltage_v"\?\)'),
        ("cells.w*", r'there is no such field \(did you mean "cells.v\*"\?\)'),
        ("Pack_Stat.*", r'there is no such field \(did you mean "Pack_State.\*"\?\)'),
        ("Pack_State.Open", r"Pack_State.Open is a flag or a text \(it passes at each change\)"),
        ("*.charging", "battery.charging is a flag or a text"),
        ("*voltagee_v", r'no such field \(did you mean "\*voltage_v"\?\)'),
        ("voltage_v", r'no such field \(did you mean "\*.voltage_v"\?\)'),
        ("battery.*_whh", r'no such field \(did you mean "battery.\*_wh"\?\)'),
        ("Pack_State", r'no such field \(did you mean "Pack_State.\*"\?\)'),
        ("Other.*", "Other.X is of a measurement with an interval of its own .take Other out of reduce"),
    ],
)
def test_a_glob_that_says_nothing_is_refused_with_what_was_meant(glob: str, reported: str) -> None:
    other = RecordSpec("Other", (FieldSpec("X", SlotKind.INT),))
    settings = settings_of(ReduceSettings, bounds={"battery.*": 1, glob: 1}, measurements={"Other": 0})
    with pytest.raises(ConfigError, match=reported) as refused:
        settings.bounds_of([*RECORDS, other])
    assert str(refused.value).startswith(f"gateway.toml: bounds.{glob}: ")


def test_a_glob_whose_bound_no_field_has_is_no_error_and_is_named_with_the_reason() -> None:
    bounds = {"cells.t0*": 1, "cells.t99*": 1, "meter.energy_wh": 1, "cells.t001": 2}
    settings = settings_of(ReduceSettings, bounds=bounds)
    assert settings.bounds_of(RECORDS)[-1] == 1.0
    assert list(settings.idle_bounds(RECORDS)) == [
        ("cells.t99*", "nothing writes such a field"),
        ("meter.energy_wh", "nothing writes such a field"),
        ("cells.t001", "globs above it have all of its fields"),
    ]
