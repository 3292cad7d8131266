"""Joining of files, against the same tables in one file; lines of keys, against where they were written."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import ConfigError
from telemetry.settings.document import read_document
from telemetry.settings.lines import lines_of

KEYS = ("a", "b", "c")
VALUES = (
    "1",
    '"x # [y]"',
    "'''\nz\n= [q]'''",
    "[1, [2,\n 3]]",
    "{ d = 1, 'e.f' = { g = [{ h = 2 }] } }",
    "1.5e3",
    "true",
)
Lines = list[str]


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, Lines]:
    """Draw a header and the keys below it, each once."""
    header = draw(st.sampled_from(["[t]", "[t.u]", "[[l]]", "[[l.m]]", "[v.'w.x']"]))
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3))
    return header, [f"{key} = {draw(st.sampled_from(VALUES))}" for key in keys]


def text_of(found: Sequence[tuple[str, Lines]]) -> str:
    lines: Lines = []
    for header, keys in found:
        lines += ["# a comment: [no] = 'table'", header, *keys, ""]
    return "\n".join(lines)


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def paths(value: object, path: str = "") -> list[str]:
    if isinstance(value, dict):
        below = [(f"{path}.{key}" if path else key, each) for key, each in value.items()]
    elif isinstance(value, list):
        below = [(f"{path}[{number}]", each) for number, each in enumerate(value)]
    else:
        below = []
    return [each for name, inner in below for each in (name, *paths(inner, name))]


@given(st.lists(tables(), max_size=5))
def test_each_key_has_the_line_in_which_it_stands(found: list[tuple[str, Lines]]) -> None:
    text = text_of(found)
    if not is_toml(text):
        return
    lines, written = lines_of(text), text.split("\n")
    known = paths(tomllib.loads(text))
    assert set(lines) <= set(known)
    for path in known:
        last = path.rpartition(".")[2].partition("[")[0]
        if path in lines and "x" not in last and not path.endswith("]") and "f" not in last:
            assert last in written[lines[path] - 1], path
    leaves = [path for path in known if path[-1] in "abcdgh" and "." in path]
    assert [path for path in leaves if path not in lines] == []


def is_set_twice(one: object, other: object) -> bool:
    """Check whether both say something of one key that does not add up."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(is_set_twice(one[key], other[key]) for key in one.keys() & other.keys())
    tables = [each for each in (one, other) if isinstance(each, list) and each]
    return len(tables) < 2 or not all(isinstance(each, dict) for table in tables for each in table)


@given(st.lists(tables(), max_size=5), st.integers(0, 5))
def test_two_files_are_what_one_file_with_both_is(found: list[tuple[str, Lines]], cut: int) -> None:
    first, second = text_of(found[:cut]), text_of(found[cut:])
    if not is_toml(first) or not is_toml(second):
        return
    whole = text_of(found)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "1.toml").write_text(first)
        (folder / "2.toml").write_text(second)
        if is_set_twice(tomllib.loads(first), tomllib.loads(second)):
            with pytest.raises(ConfigError, match=r"2\.toml:\d+: .*: is set already \(see .*1\.toml:\d+"):
                read_document(folder)
            return
        document = read_document(folder)
        if is_toml(whole) and "[[l.m]]" not in second:  # that is part of the last [[l]] of its own file
            assert document.values == tomllib.loads(whole)
        for path in paths(document.values):
            assert document.place(path).startswith(str(folder))


@pytest.mark.parametrize(
    "text", ["", "a", "a =", "[", "[[a", "a = [", "a = {", 'a = "', "= 1", "a = [1 2]", "a={b 1}", "]}"]
)
def test_what_is_not_toml_costs_no_more_than_its_text(text: str) -> None:
    assert all(line == 1 for line in lines_of(text).values())


@given(st.text("ab=[]{}\"'#., \n\\1", max_size=40))
def test_any_text_has_lines_that_are_in_it(text: str) -> None:
    count = text.count("\n") + 1
    assert all(1 <= line <= count for line in lines_of(text).values())
