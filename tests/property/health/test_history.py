"""Whatever stands in a state file is a history or a ValueError, and whatever is counted a row or a reason."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.health.health_spec import CountedCharge

from telemetry.charging.items import Point
from telemetry.health.history import PackHistory
from telemetry.health.pack import PackHealth
from telemetry.health.settings import HealthSettings
from tests.support.health import START_NS, charge_ended, counted

_NUMBERS = st.floats() | st.sampled_from((0.0, 20.0, 80.0, 100.0, 3600.0))
_FLOATS = [name for name, kind in CountedCharge.__annotations__.items() if not name.endswith("_ns")]
_CHARGES = st.dictionaries(st.sampled_from(_FLOATS), _NUMBERS, max_size=6)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
)


@given(st.lists(_CHARGES, max_size=8), st.sampled_from(("nmc", "lfp")), st.sampled_from((None, 100.0)))
def test_a_charge_has_a_value_or_a_reason_and_the_history_is_json(
    charges: list[dict[str, float]], chemistry: str, rated_ah: float | None
) -> None:
    settings = HealthSettings(chemistry=chemistry, rated_ah=rated_ah)
    health = PackHealth(settings, "van")
    for number, changed in enumerate(charges):
        row, *_ = health.take(charge_ended(counted(start_ns=START_NS + number, **changed)))
        assert isinstance(row, Point)
        assert row.fields["used"] == ("charge_capacity_ah" in row.fields) == ("reason" not in row.fields)
        if "capacity_ah" in row.fields:
            low, middle, high = (row.fields[f"capacity_{end}ah"] for end in ("low_", "", "high_"))
            assert 0.0 <= float(low) <= float(middle) <= float(high)
        text = json.dumps(health.history.to_json(), allow_nan=False)
        health = PackHealth(settings, "van", PackHistory.from_json(json.loads(text)))


@given(st.sampled_from(sorted(PackHistory().to_json())), _PLAIN)
def test_a_damaged_history_is_a_value_error_or_one_that_goes_on(key: str, value: Any) -> None:
    used = [[value if one == where else 1.0 for one in range(5)] for where in (0, 1, 2)]
    new = PackHistory().to_json()
    for known in (value, new | {key: value}, *(new | {"used": [each] * 3} for each in used)):
        try:
            history = PackHistory.from_json(known)
        except ValueError:
            continue
        PackHealth(HealthSettings(), "van", history).take(charge_ended())
