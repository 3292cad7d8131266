"""docs/configuration.md names every key that settings declare, as they read it."""

from pathlib import Path

import pytest

from telemetry.settings.declared import keys_of
from tools.pages.configuration import rewritten, tables

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_every_key_has_words_unless_it_is_tables_of_their_own() -> None:
    lacking = [
        f"{table}.{key.name}" for table, cls in tables().items() for key in keys_of(cls) if not key.words
    ]
    assert lacking == ["can.isotp", "python_can.isotp", "serial.device", "replay.isotp"]


def test_a_table_that_the_page_has_no_place_for_is_reported() -> None:
    page = PAGE.read_text("utf-8").replace("<!-- keys of spool -->", "")
    with pytest.raises(ValueError, match="lacks `<!-- keys of spool -->`; without settings: none"):
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
