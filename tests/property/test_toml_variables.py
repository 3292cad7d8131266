"""`${NAME}` in texts: the shell is the independent reader of what is a variable and what it stands for."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.settings.variables import VariableError, expanded, is_variable
from tests.support.examples import examples

NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,3}", fullmatch=True)
ENVIRONMENTS = st.dictionaries(NAMES, st.text("ab ${}:-\\'\"", max_size=6), max_size=3)
PLAIN = st.text("ab :-{n}\\'\".\n", max_size=6)  # without $


@st.composite
def pieces(draw: st.DrawFn) -> tuple[str, str | None, str | None]:
    """Draw a piece of text, with the variable that it names and that one's default."""
    kind = draw(st.sampled_from(["plain", "variable", "default"]))
    if kind == "plain":
        return draw(PLAIN), None, None
    name = draw(NAMES)
    default = draw(st.text("ab :-{.", max_size=4)) if kind == "default" else None
    return (f"${{{name}}}" if default is None else f"${{{name}:-{default}}}"), name, default


@given(st.lists(pieces(), max_size=5), ENVIRONMENTS)
def test_each_variable_stands_for_its_value_and_all_else_for_itself(
    parts: list[tuple[str, str | None, str | None]], environment: dict[str, str]
) -> None:
    text = "".join(piece for piece, _, _ in parts)
    missing = [name for _, name, default in parts if name and default is None and name not in environment]
    if missing:
        with pytest.raises(VariableError, match=f"^the variable {missing[0]} is not set$"):
            expanded(text, environment)
        return
    wanted = [
        piece
        if name is None
        else (environment[name] if default is None else environment.get(name) or default)
        for piece, name, default in parts
    ]
    assert expanded(text, environment) == "".join(wanted)


@given(st.text("$ab ", max_size=12))
def test_a_dollar_that_no_brace_follows_stands_for_itself(text: str) -> None:
    assert expanded(text, {}) == text


@given(st.text("${}a", max_size=20).filter(lambda text: "$${" not in text))
def test_any_text_can_be_written(text: str) -> None:
    assert expanded(text.replace("${", "$${"), {}) == text


@given(st.text("${}:-Aa0_ ", max_size=16), ENVIRONMENTS)
def test_any_text_is_expanded_or_refused_without_its_values(text: str, environment: dict[str, str]) -> None:
    secrets = {name: f"secret {value}" for name, value in environment.items()}
    words = ""
    try:
        expanded(text, secrets)
    except VariableError as error:
        words = error.what + error.hint
    assert "secret" not in words
    assert not words or "${" in text


@settings(max_examples=examples(100), deadline=None)
@given(NAMES, st.none() | st.text("ab ", max_size=3), st.text("ab", max_size=3))
def test_a_shell_gives_the_same_values(ending: str, value: str | None, default: str) -> None:
    name = f"NEV_{ending}"  # no variable that a shell sets by itself
    environment = {} if value is None else {name: value}
    text = f"<${{{name}:-{default}}}>"
    script = f'printf "%s" "{text}"'
    shown = subprocess.run(
        ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert expanded(text, environment) == shown.stdout


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("${A}", True),
        ("${a_1}", True),
        ("${A:-x}", False),
        (" ${A}", False),
        ("${A}${B}", False),
        ("$${A}", False),
    ],
)
def test_one_variable_alone_is_known(text: str, is_one: bool) -> None:
    assert is_variable(text) is is_one


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A", "${A:x}", "${A-x}", "${ A}", "${A:-x"])
def test_a_brace_that_begins_no_variable_is_refused(text: str) -> None:
    with pytest.raises(VariableError, match=r"begins no variable"):
        expanded(f"x {text}", {"A": "a"})
