"""The JSON schema of the configuration, by which editors complete and check it.

Promises: it has exactly the keys that settings declare, with their types, bounds, choices and words. Every
text may hold variables instead of a choice. A key is required only in tables of arrays, whose entries stand
whole in one file; any other may stand in another file.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from telemetry.config import ARRAYS, SECTIONS, TopKeys
from telemetry.settings.declared import keys_of
from telemetry.settings.table import Key
from telemetry.sinks.kinds import KINDS as SINKS
from telemetry.sources.kinds import KINDS as SOURCES

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
    "files": _TEXTS,
    "flag": {"type": "boolean"},
    "names": {"anyOf": [_TEXT, {**_TEXTS, "uniqueItems": True}]},
    "values": {"anyOf": [*_VALUE["anyOf"], {"type": "array", "items": _VALUE}]},
}
_MARKS = re.compile(r"`([^`]*)`|\[([^]]*)\]\([^)]*\)")  # of Markdown


def schema() -> Schema:
    """Return the whole schema."""
    arrays = {**ARRAYS, **{name: kind().keys for name, kind in SOURCES.items()}}
    sections = {**{name: kind() for name, kind in SINKS.items()}, **SECTIONS}
    top = _table(keys_of(TopKeys), is_whole=False)
    top["properties"] |= {name: _table(keys_of(cls), is_whole=False) for name, cls in sections.items()}
    top["properties"] |= {name: _array(cls) for name, cls in arrays.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of nev-telemetry",
        **top,
    }


def _table(keys: Iterable[Key], *, is_whole: bool) -> Schema:
    """Return the schema of a table. is_whole: all its keys stand in one file."""
    found = list(keys)
    needed = [one.name for one in found if one.is_required and not one.unless] if is_whole else []
    table: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {one.name: _property(one) for one in found},
    }
    return {**table, "required": needed} if needed else table


def _array(cls: type) -> Schema:
    return {"type": "array", "items": _table(keys_of(cls), is_whole=True)}


def _property(one: Key) -> Schema:
    if one.kind == "table":
        found = _table(keys_of(one.of), is_whole=True)
    else:
        found = _array(one.of) if one.kind == "tables" else _value(one)
    words = _MARKS.sub(r"\1\2", one.words)
    return {**found, "description": words} if words else found


def _value(one: Key) -> Schema:
    if one.one_of:
        value: Schema = {"anyOf": [{"enum": list(one.one_of)}, _VARIABLE]}
    elif one.kind == "free":
        value = {"type": "object", "additionalProperties": True if one.of is None else _value(one.of)}
    elif one.kind in ("number", "integer"):
        value = {"type": one.kind, **_bounds(one)}
    elif one.kind == "integers":
        value = {"type": "array", "items": {"type": "integer", **_bounds(one)}}
    else:
        value = dict(_KINDS[one.kind])
    if one.default is not None:
        value["default"] = one.default
    return value


def _bounds(one: Key) -> Schema:
    bounds = {"exclusiveMinimum": one.above, "minimum": one.least, "maximum": one.most}
    return {name: bound for name, bound in bounds.items() if math.isfinite(bound)}


def text() -> str:
    """Return the schema's file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
