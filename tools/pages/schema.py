"""The JSON schema of the configuration, by which editors complete and check it.

Promises: it has exactly the keys that the code asks for, with their types, bounds and choices, and the words
of the configuration reference. Every text may hold variables instead of a choice. A key is required only in
tables of arrays, whose entries stand whole in one file; any other may stand in another file.

`python -m tools.pages.schema packaging/gateway.schema.json` writes it.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from telemetry.toml_table import AskedKey
from tools.pages.command_line import named_files
from tools.pages.configuration import recorded_keys
from tools.pages.configuration_words import EVERYTHING, LEAST, WORDS

Schema = dict[str, Any]

_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_SECRET = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"}
_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT}
_VALUE = {"anyOf": [{"type": "integer"}, _TEXT]}
_KINDS: Mapping[str, Schema] = {
    "text": _TEXT,
    "path": _TEXT,
    "secret": _SECRET,
    "texts": _TEXTS,
    "paths": _TEXTS,
    "flag": {"type": "boolean"},
    "names": {"anyOf": [_TEXT, {**_TEXTS, "uniqueItems": True}]},
    "values": {"anyOf": [*_VALUE["anyOf"], {"type": "array", "items": _VALUE}]},
}
_MARKS = re.compile(r"`([^`]*)`|\[([^]]*)\]\([^)]*\)")  # of Markdown


def schema() -> Schema:
    """The whole schema."""
    found, least = recorded_keys(EVERYTHING), recorded_keys(LEAST)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of nev-telemetry",
        **_table("", found, least, is_whole=False),
    }


def _table(
    path: str,
    found: Mapping[str, Mapping[str, AskedKey]],
    least: Mapping[str, Mapping[str, AskedKey]],
    *,
    is_whole: bool,
) -> Schema:
    """The schema of the table at `path`. least: what is asked of entries that have what they need alone."""
    properties: Schema = {}
    for key, asked in found[path].items():
        below = f"{path}.{key}" if path else key
        words = WORDS.get(path or "top", {}).get(key)
        if asked.kind == "tables":
            items = _table(_described(below, found), found, least, is_whole=True)
            properties[key] = {"type": "array", "items": items}
        elif asked.kind == "table":
            is_free = words is not None
            properties[key] = (
                _free(found.get(below, {})) if is_free else _table(below, found, least, is_whole=False)
            )
        else:
            properties[key] = _value(asked)
        if words is not None:
            properties[key]["description"] = _MARKS.sub(r"\1\2", words.meaning)
    needed = [key for key, asked in least.get(path, {}).items() if asked.required] if is_whole else []
    table: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**table, "required": needed} if needed else table


def _described(path: str, found: Mapping[str, object]) -> str:
    """Which of the tables of that name has its keys on record: EVERYTHING has each once."""
    name = path.rpartition(".")[2]
    return path if path in found else next(each for each in found if each.rpartition(".")[2] == name)


def _free(asked: Mapping[str, AskedKey]) -> Schema:
    """A table whose keys the user names; without a key on record its values are passed through."""
    first = next(iter(asked.values()), None)
    return {"type": "object", "additionalProperties": True if first is None else _value(first)}


def _value(asked: AskedKey) -> Schema:
    if asked.one_of:
        value: Schema = {"anyOf": [{"enum": list(asked.one_of)}, _VARIABLE]}
    elif asked.kind in ("number", "integer"):
        value = {"type": asked.kind, **_bounds(asked)}
    elif asked.kind == "integers":
        value = {"type": "array", "items": {"type": "integer", **_bounds(asked)}}
    else:
        value = dict(_KINDS[asked.kind])
    if asked.default is not None:
        value["default"] = asked.default
    return value


def _bounds(asked: AskedKey) -> Schema:
    bounds = {"exclusiveMinimum": asked.above, "minimum": asked.least, "maximum": asked.most}
    return {name: bound for name, bound in bounds.items() if math.isfinite(bound)}


def text() -> str:
    """The schema's file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file in named_files("schema", __doc__, "FILE"):
        file.write_text(text(), "utf-8")
