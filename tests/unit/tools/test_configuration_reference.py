"""docs/configuration.md names every key that the code reads, as the code reads it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.pages.configuration import asked_keys, differences, rewritten
from tools.pages.configuration_words import EVERYTHING, WORDS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "configuration.md"
REWRITE = "python -m tools.pages.configuration docs/configuration.md"


def keys_in_the_code() -> Iterator[tuple[str, str]]:
    """(file and line, key) of each `….take_X("key" …)` in the service, but of files other than its own."""
    for file in sorted((ROOT / "telemetry").rglob("*.py")):
        if file.name == "register_map.py":
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr.startswith("take_")
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", str(node.args[0].value)


def test_the_tables_of_the_page_are_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert page == rewritten(page), REWRITE


def test_every_key_has_words_and_all_words_have_a_key() -> None:
    assert list(differences(asked_keys())) == []


def test_no_key_of_the_code_escapes_the_recording() -> None:
    recorded = {key for keys in asked_keys().values() for key in keys}
    recorded |= {part for table in WORDS for part in table.split(".")}
    assert [(where, key) for where, key in keys_in_the_code() if key not in recorded] == [], (
        "give EVERYTHING in tools/pages/configuration_words.py what makes the service ask for them"
    )


def test_a_key_without_words_and_words_without_a_key_are_reported() -> None:
    keys = {table: dict(names) for table, names in asked_keys().items()}
    keys["can"]["new_key_s"] = keys["can"].pop("socket")
    reported = list(differences(keys))
    assert [sentence.split(" ")[:2] for sentence in reported] == [["can:", "new_key_s"], ["can:", "socket"]]


def test_a_table_that_the_page_has_no_place_for_is_reported() -> None:
    page = PAGE.read_text("utf-8").replace("<!-- keys of spool -->", "")
    with pytest.raises(ValueError, match="the page has places for"):
        rewritten(page)


@pytest.mark.parametrize(
    "row",
    [
        "| `vehicle` | text | required |",
        "| `gateway_every_s` | number, s, above 0, up to 86,400 | 10 |",
        "| `keep_free_mib` | number, MiB, 0 to 16,777,216 | 64 |",
        "| `receive_buffer_kib` | integer, KiB, 64 to 1,048,576 | 16,384 |",
        "| `create` | true or false | false |",
        '| `clock` | `"system"`, `"wait"` | `"system"` |',
        "| `databases` | list of paths | none |",
    ],
)
def test_types_units_bounds_and_defaults_are_those_of_the_code(row: str) -> None:
    assert row in PAGE.read_text("utf-8")


def test_the_example_with_everything_names_every_table() -> None:
    tables = [name for name in WORDS if name != "top"]
    assert all(f"[{name}]" in EVERYTHING for name in tables)
