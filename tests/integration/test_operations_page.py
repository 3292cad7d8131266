"""docs/operations.md leaves out no counter, gauge, event code, exit code or warning that the code has."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from telemetry import errors
from telemetry.config import ARRAYS, SECTIONS, Config, TopKeys
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.measurements import GATEWAY
from telemetry.service.reload import TAKES_EFFECT
from telemetry.settings.declared import keys_of
from telemetry.sources.kinds import KINDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
CODE = {file: file.read_text("utf-8") for file in sorted((ROOT / "telemetry").rglob("*.py"))}
COUNTING = re.compile(
    r"^ {4}def (?:counts|omitted)\(.*?(?=^(?: {4})?(?:cdef|def|class|@)|\Z)", re.MULTILINE | re.DOTALL
)
COUNTED = re.compile(r'"([a-z_]+(?:/[a-z_]+)?)"\s*(?::|\] =)')


def table_rows(heading: str) -> list[str]:
    """The first cells of the rows of all tables under a heading."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]


def names_in(rows: list[str]) -> set[str]:
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def counters() -> Iterator[str]:
    """What sources, framers and the decoder count, in Python and in Cython."""
    files = [*(ROOT / "telemetry").rglob("*.py"), *(ROOT / "ext" / "telemetry_core").rglob("*.pyx")]
    for file in files:
        text = file.read_text("utf-8")
        yield from re.findall(r'"(lost/[a-z_]+)"', text)
        for function in COUNTING.findall(text):
            yield from COUNTED.findall(function)


def warnings_in_the_log() -> Iterator[str]:
    """The longest piece of each text that is logged as a warning."""
    for text in CODE.values():
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(ast.Attribute(attr="warning"), [ast.Constant(str() as words), *_]):
                    yield max((piece.strip(" :") for piece in re.split(r"%\w", words)), key=len)


def exit_codes() -> Iterator[int]:
    yield errors.TelemetryError.exit_code
    for error in errors.TelemetryError.__subclasses__():
        yield error.exit_code
    for file, text in CODE.items():
        for name in re.findall(r"^(EXIT_[A-Z_]+) = ", text, re.MULTILINE):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            yield int(getattr(importlib.import_module(module), name))


def test_every_exit_code_is_documented() -> None:
    documented = set(table_rows("Exit codes")) - {"code", "---"}
    assert documented == {str(code) for code in exit_codes()}


def test_every_counter_is_documented() -> None:
    counted = {name.removeprefix("lost/") for name in counters()}
    assert {"read", "nudged", "queue_overflow", "bad_checksum", "unknown", "short_frame"} <= counted
    documented = {name.rsplit("/", 1)[-1] for name in names_in(table_rows("The accounts"))}
    assert counted - documented == set()


def test_every_end_of_a_point_and_every_field_of_gateway_is_documented() -> None:
    accounts = {name.replace("/", "_") for name in names_in(table_rows("The accounts"))}
    accounts = {name.removeprefix("bus_SOURCE_").removeprefix("frames_SOURCE_") for name in accounts}
    documented = accounts | names_in(table_rows("Gauges")) | {"points_made", "lost_REASON"}
    assert {field.name for field in GATEWAY.fields} - documented == set()


def test_every_key_is_said_to_take_effect_while_the_service_runs_or_to_need_a_restart() -> None:
    *taken, refused = [{name.strip("[]") for name in names_in([row])} for row in table_rows("Another")[2:]]
    kept = {field.name for field in fields(Config)} - TAKES_EFFECT
    assert kept == {"sink", "spool", "web", "wait_for_clock", "spool_directory"}
    assert refused == {"influx", "spool", "web", "clock"}
    tables = {*SECTIONS, *ARRAYS, *KINDS, *(one.name for one in keys_of(TopKeys))}
    assert set[str]().union(*taken) == tables - refused


def test_every_event_has_its_remedy() -> None:
    documented = [name for row in table_rows("Events") for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(documented) == sorted(EVENT_CODES)


def test_every_warning_of_the_log_is_documented() -> None:
    documented = " ".join(table_rows("Warnings"))
    warnings = set(filter(None, warnings_in_the_log()))
    assert len(warnings) > 5
    parts = {part for words in warnings for part in words.split(": ")[-1].split("; ")}
    assert {part for part in parts if part not in documented} == set()


def test_every_fault_of_a_database_is_documented() -> None:
    documented = " ".join(table_rows("Warnings"))
    messages = CODE[ROOT / "telemetry" / "databases" / "layout.py"]
    kinds = re.findall(r'kind = "([^"]+)"', messages)
    kinds += re.findall(r'findings\.add\(.*? "([a-z][^"]+)", ', "".join(CODE.values()))
    assert len(kinds) > 5
    assert [kind for kind in kinds if kind not in documented] == []
