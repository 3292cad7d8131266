"""A point is read back as it was written, and any bytes are a point or not one."""

import re

from hypothesis import given
from hypothesis import strategies as st

from telemetry.model import point as written
from telemetry.model.read_point import read_point, row_key, type_of

names = st.text(st.characters(exclude_characters="\n\\", exclude_categories=["Cs"]), min_size=1, max_size=8)


def escaped(name: str, special: str) -> str:
    return re.sub(f"([{special}])", r"\\\1", name)


@given(
    names,
    st.lists(st.tuples(names, names), max_size=3),
    st.dictionaries(
        names, st.sampled_from(["float", "integer", "unsigned", "boolean", "string"]), min_size=1
    ),
    st.integers(-(2**63), 2**63 - 1),
    names,
)
def test_a_line_is_read_as_it_was_written(
    measurement: str, tags: list[tuple[str, str]], types: dict[str, str], time_ns: int, text: str
) -> None:
    quoted = '"' + text.replace('"', '\\"') + '"'
    values = {"float": "-1.5e-7", "integer": "12i", "unsigned": "12u", "boolean": "true", "string": quoted}
    head = escaped(measurement, ", ")
    head += "".join(f",{escaped(key, ',= ')}={escaped(value, ',= ')}" for key, value in tags)
    fields = ",".join(f"{escaped(name, ',= ')}={values[kind]}" for name, kind in types.items())
    point = read_point(f"{head} {fields} {time_ns}".encode())
    assert point is not None
    assert point.measurement == measurement
    assert point.tags == dict(tags)
    assert {name: type_of(value) for name, value in point.fields.items()} == types
    assert point.time_ns == time_ns


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_found_malformed(line: bytes) -> None:
    if read_point(line) is None and b" " not in line:
        assert row_key(line) == line


kept_names = st.text('ab, ="ä', min_size=1, max_size=8)  # of letters that the writer keeps
values = st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | names


@given(
    st.dictionaries(kept_names, kept_names, max_size=3),
    st.dictionaries(kept_names, values, min_size=1, max_size=5),
    st.integers(-(2**63), 2**63 - 2),
)
def test_what_our_own_writer_wrote_is_read_back(
    tags: dict[str, str], fields: dict[str, float | bool | str], time_ns: int
) -> None:
    line = written.line("event", tags, fields, time_ns)
    point = read_point(line)
    assert point is not None
    assert (point.measurement, point.tags, point.time_ns) == ("event", tags, time_ns)
    assert point.fields.keys() == fields.keys()
    for name, value in fields.items():
        if isinstance(value, float):
            assert float(point.fields[name]) == value
    assert row_key(line) == row_key(written.line("event", tags, {"other": 1.0}, time_ns))
    assert row_key(line) != row_key(written.line("event", tags, fields, time_ns + 1))
