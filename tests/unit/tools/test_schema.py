"""The schema of the configuration takes and refuses what the reader does."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.config import read_config
from telemetry.errors import ConfigError
from telemetry.settings.document import Document
from tests.support.command import printed
from tools.pages.configuration import tables
from tools.pages.schema import schema, text

ROOT = Path(__file__).parents[3]
EVERYTHING = (ROOT / "tests/data/every_table.toml").read_text("utf-8")
LEAST = (ROOT / "tests/data/least_of_every_table.toml").read_text("utf-8")
FILE = ROOT / "packaging" / "gateway.schema.json"
SCHEMA = schema()
_BLOCK = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
TABLES = [name for name in tables() if name != "top"]


def samples() -> Iterator[tuple[str, str]]:
    """Yield each configuration, or part of one, in the tree."""
    yield "everything", EVERYTHING
    yield "least", LEAST
    for file in sorted((ROOT / "packaging").rglob("gateway.toml")):
        yield str(file.relative_to(ROOT)), file.read_text("utf-8")
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for page in pages:
        if page.name.startswith("simulator") or page.name in ("plugins.md", "vehicles.md"):
            continue  # scenarios, tables of packages that no schema knows, and profiles
        for number, block in enumerate(_BLOCK.findall(page.read_text("utf-8"))):
            yield f"{page.relative_to(ROOT)}#{number}", block


def errors(document: object) -> list[str]:
    from jsonschema import Draft7Validator  # a second, which workers without these tests are spared

    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(document)]


def with_key(document: dict[str, Any], path: str, key: str, value: object) -> dict[str, Any]:
    """`document` with one more key in the first table at `path`; empty: at the top."""
    first, _, rest = path.partition(".")
    if not path:
        return {**document, key: value}
    below = document.get(first, {})
    if isinstance(below, list):
        return {**document, first: [with_key(below[0], rest, key, value), *below[1:]]}
    return {**document, first: with_key(below, rest, key, value)}


def is_read(document: dict[str, Any], folder: Path) -> bool:
    for name in ("ev.dbc", "chassis.dbc", "drive.log", "token"):
        (folder / name).write_text("x\n")
        (folder / name).chmod(0o600)
    try:
        read_config(Document.plain(folder / "gateway.toml", document), {})
    except ConfigError:
        return False
    return True


def test_the_file_is_what_the_command_prints() -> None:
    assert printed("schema") == text()


def test_it_is_a_schema() -> None:
    from jsonschema import Draft7Validator

    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("name", "sample"), list(samples()), ids=[name for name, _ in samples()])
def test_every_sample_in_the_tree_is_valid(name: str, sample: str) -> None:
    assert errors(tomllib.loads(sample)) == [], name


def test_the_samples_name_it_where_it_lies() -> None:
    for file in sorted((ROOT / "packaging").rglob("gateway.toml")):
        match = re.match(r"#:schema (.*)\n", file.read_text("utf-8"))
        assert match is not None, file
        assert (file.parent / match[1]).resolve() == FILE


@pytest.mark.parametrize("path", ["", *TABLES])
def test_a_key_that_the_reader_does_not_know_is_refused_by_both(path: str, tmp_path: Path) -> None:
    document = tomllib.loads(EVERYTHING)
    assert not errors(document)
    assert is_read(document, tmp_path)
    wrong = with_key(document, path, "no_such_key", 1)
    assert errors(wrong)
    assert not is_read(wrong, tmp_path)


@pytest.mark.parametrize(
    ("path", "key", "value", "is_right"),
    [
        ("", "clock", "wait", True),
        ("", "clock", "sometimes", False),
        ("", "gateway_every_s", 0, False),
        ("", "gateway_every_s", 86_400, True),
        ("", "gateway_every_s", 86_401, False),
        ("", "gateway_every_s", "10", False),
        ("", "vehicle", "", False),
        ("can", "bitrate", 500_000, True),
        ("can", "bitrate", 999, False),
        ("can", "bitrate", 5.5, False),
        ("can", "j1939", 1, False),
        ("can", "databases", ["ev.dbc"], True),
        ("can", "databases", "ev.dbc", False),
        ("map", "absent", [1, "lost"], True),
        ("map", "absent", [1.5], False),
        ("map", "values", {"3": "bulk"}, True),
        ("map", "values", {"3": 3}, False),
        ("reduce", "measurements", {"Any": 1.5}, True),
        ("reduce", "measurements", {"Any": -1}, False),
        ("influx", "password", "plain", False),
        ("replay", "isotp", [{"id": "7E8"}], True),
        ("replay", "isotp", [{}], False),
    ],
)
def test_values_are_taken_and_refused_as_by_the_reader(
    path: str, key: str, value: object, is_right: bool, tmp_path: Path
) -> None:
    document = with_key(tomllib.loads(EVERYTHING), path, key, value)
    assert (errors(document) == []) is is_right
    assert is_read(document, tmp_path) is is_right


def test_a_choice_may_be_a_variable_and_a_secret_is_nothing_else() -> None:
    document = tomllib.loads(LEAST)
    assert not errors(with_key(document, "", "clock", "${CLOCK:-wait}"))
    assert not errors(with_key(document, "influx", "token", "${TOKEN}"))
    assert errors(with_key(document, "influx", "token", "${TOKEN:-plain}"))


@pytest.mark.parametrize("path", ["can", "python_can", "serial", "replay", "map", "protect", "limit"])
def test_what_an_entry_needs_is_required(path: str) -> None:
    document = tomllib.loads(LEAST)
    required = SCHEMA["properties"][path]["items"]["required"]
    assert required
    for key in required:
        entry = {name: value for name, value in document[path][0].items() if name != key}
        assert errors({**document, path: [entry]})
