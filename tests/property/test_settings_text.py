"""The bounds on TOML are looked for in the text alone; what is a key and what is not, tomllib says."""

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry.errors import ConfigError
from telemetry.settings.text import parse_toml, read_toml_text

MAX_KEY_PARTS = 16
MAX_NESTING = 16
MAX_NUMBER_CHARACTERS = 100

INTO_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
DOTS = "." * 40
DIGITS = "9" * 300
BRACKETS = "[{" * 40
HARMLESS = (
    f"# {DOTS} {DIGITS} {BRACKETS} ' \"",
    f'"{DOTS}\\"{DIGITS}{BRACKETS}#"',
    f"'{DOTS}{DIGITS}{BRACKETS}\\'",
    f'"""{DOTS}\n"" {DIGITS}\\""" {BRACKETS}"""""',
    f"'''{DOTS}\n'' {DIGITS} {BRACKETS}'''''",
)


def document(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def harmless_line(number: int, text: str) -> str:
    return text if text.startswith("#") else f"h{number} = {text} # {text.splitlines()[0]}"


def nested_parts(value: Any) -> int:
    """Return how many tables lie in one another."""
    if isinstance(value, dict):
        return 1 + max((nested_parts(each) for each in value.values()), default=0)
    return 0


@INTO_ONE_FOLDER
@given(
    parts=st.integers(1, 2 * MAX_KEY_PARTS),
    part=st.sampled_from(["a", "1", "'.'", '"\\"."', "-"]),
    dot=st.sampled_from([".", " . "]),
    shape=st.sampled_from(["{} = 1", "[{}]", "[[{}]]", "x = {{ b = 1, {} = 1 }}"]),
    harmless=st.lists(st.sampled_from(HARMLESS), max_size=4),
)
def test_a_key_is_refused_exactly_beyond_so_many_parts(
    tmp_path: Path, parts: int, part: str, dot: str, shape: str, harmless: list[str]
) -> None:
    before = [harmless_line(number, text) for number, text in enumerate(harmless)]
    text = document(*before, shape.format(dot.join([part] * parts)))
    file = tmp_path / "a.toml"
    file.write_text(text)
    found = tomllib.loads(text)  # all of these are TOML
    assert nested_parts(found) >= parts
    if parts <= MAX_KEY_PARTS:
        assert parse_toml(read_toml_text(file), file) == found
        return
    with pytest.raises(ConfigError) as caught:
        parse_toml(read_toml_text(file), file)
    line = text.count("\n")
    assert str(caught.value) == f"{file}:{line}: a key has more than {MAX_KEY_PARTS} parts"


@INTO_ONE_FOLDER
@given(
    depth=st.integers(1, 2 * MAX_NESTING),
    opening=st.sampled_from([("[", "]"), ("{a=", "}"), ("[{'b'=", "}]")]),
    harmless=st.lists(st.sampled_from(HARMLESS), max_size=4),
)
def test_what_lies_in_one_another_is_refused_exactly_beyond_so_many(
    tmp_path: Path, depth: int, opening: tuple[str, str], harmless: list[str]
) -> None:
    before = [harmless_line(number, text) for number, text in enumerate(harmless)]
    text = document(*before, f"x = {opening[0] * depth}[]{opening[1] * depth}")
    file = tmp_path / "a.toml"
    file.write_text(text)
    if 1 + depth * sum(opening[0].count(bracket) for bracket in "[{") <= MAX_NESTING:
        assert parse_toml(read_toml_text(file), file) == tomllib.loads(text)
        return
    line = text.count("\n")
    with pytest.raises(ConfigError, match=rf"a\.toml:{line}: arrays or tables are nested more than"):
        parse_toml(read_toml_text(file), file)


@INTO_ONE_FOLDER
@given(
    count=st.integers(1, 3 * MAX_NUMBER_CHARACTERS),
    shape=st.sampled_from(["{}", "-{}", "0x{}", "1.{}", "1e{}", "[1, {}]"]),
)
def test_a_number_is_refused_exactly_beyond_so_many_characters(
    tmp_path: Path, count: int, shape: str
) -> None:
    number = shape.format("9" * count)
    file = tmp_path / "a.toml"
    file.write_text(document("", f"x = {number}"))
    if len(number.strip("[]").removeprefix("1, ")) <= MAX_NUMBER_CHARACTERS:
        assert "x" in parse_toml(read_toml_text(file), file)
        return
    with pytest.raises(ConfigError, match=rf"a\.toml:2: a number has more than {MAX_NUMBER_CHARACTERS}"):
        parse_toml(read_toml_text(file), file)


@INTO_ONE_FOLDER
@given(text=st.text(st.sampled_from("a1.='\"\\#[]{},\n +-e"), max_size=60))
def test_any_text_is_read_as_tomllib_reads_it_or_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text)
    try:
        found = tomllib.loads(text)
    except ValueError:
        with pytest.raises(ConfigError):
            parse_toml(read_toml_text(file), file)
        return
    with contextlib.suppress(ConfigError):
        assert parse_toml(read_toml_text(file), file) == found
