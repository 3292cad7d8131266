"""Whatever somebody has made of a marker is refused with a reason, or is one of its partition alone."""

import json
from contextlib import suppress
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from telemetry.lake.layout import fingerprint
from telemetry.lake.marker import Marker, Output, Recording, Span, marker_of

PARTITION = "ev%207_2026-03-02"
_MADE = sha256(b'{"logs": "a", "version": "1"}').hexdigest()[:12]
FILE = f"table=Pack/vehicle=ev%207/day=2026-03-02/{PARTITION}-{_MADE}.parquet"
WRITTEN = Marker(
    "ev 7",
    "2026-03-02",
    {"logs": "a", "version": "1"},
    [Recording("/a.log", "/a.log", 5, 900, 7, "b", {"2026-03-02": Span(1, 2, 3)})],
    {FILE: Output("Pack", "2026-03-02", 3, 4711, {"A": "int64"})},
    {"bus/logs/read": 3},
    ["a line"],
    8,
    "m",
).json()
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["../x", "\ud800"])
)
VALUES = st.recursive(PLAIN, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=5)


def check(content: bytes) -> None:
    with suppress(ValueError):
        marker = marker_of(content, PARTITION)
        assert (marker.vehicle, marker.day) == ("ev 7", "2026-03-02")
        assert all(
            f"/vehicle=ev%207/day={each.day}/{PARTITION}-" in path for path, each in marker.outputs.items()
        )
        assert marker_of(marker.json(), PARTITION) == marker


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return each list or mapping in a value, with each key of it."""
    keys = [*value] if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *places(value[key])]]


def test_what_is_written_is_read() -> None:
    assert marker_of(WRITTEN, PARTITION).json() == WRITTEN


@given(st.integers(0, len(WRITTEN) - 2), st.binary(max_size=3))
def test_a_marker_that_is_cut_or_written_over_is_refused_or_one(at: int, other: bytes) -> None:
    check(WRITTEN[:at] + other)
    check(WRITTEN[:at] + other + WRITTEN[at + len(other) :])


@given(st.data(), VALUES)
def test_a_marker_with_another_value_anywhere_is_refused_or_one(data: st.DataObject, value: Any) -> None:
    marker = json.loads(WRITTEN)
    owner, key = data.draw(st.sampled_from(places(marker)))
    if isinstance(owner, dict) and data.draw(st.booleans()):
        owner[data.draw(st.text())] = owner.pop(key)
    else:
        owner[key] = value
    check(json.dumps(marker).encode())
    marker.pop("sha256", None)
    check(json.dumps({**marker, "sha256": fingerprint(marker)}).encode())


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_marker_is_refused(content: bytes) -> None:
    check(content)
