"""The configuration reference: the tables of docs/configuration.md, made from what settings declare.

Promises: names, types, units, defaults, bounds and words are those of the classes that read them
(`telemetry.settings.declared`). Prose around the tables is the page's own.

The tables stand between `<!-- keys of TABLE -->` and `<!-- end -->`.
"""

import re
from collections.abc import Mapping

from telemetry.config import ARRAYS, SECTIONS, TopKeys
from telemetry.settings.declared import keys_of
from telemetry.settings.table import Key
from telemetry.sinks.kinds import KINDS as SINKS
from telemetry.sources.kinds import KINDS as SOURCES

_TABLES = re.compile(r"(?<=<!-- keys of )([^ ]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
_TYPES = {
    "flag": "true or false",
    "paths": "list of paths",
    "files": "list of paths",
    "texts": "list of texts",
    "secret": '`"${NAME}"`',
    "integers": "list of integers",
    "names": "text or list of texts",
    "values": "integers and texts",
    "free": "table",
    "named": "tables, each with a name",
}
# Longest ending first: receive_buffer_kib is no number of bytes.
_UNITS = {
    "_kib": "KiB",
    "_mib": "MiB",
    "_pct": "%",
    "_ah": "Ah",
    "_ns": "ns",
    "_ms": "ms",
    "_s": "s",
    "_h": "h",
    "_v": "V",
    "_a": "A",
    "_w": "W",
    "_c": "°C",
}


def tables() -> Mapping[str, type]:
    """Return the settings of each table of a configuration, by its path."""
    found: dict[str, type] = {"top": TopKeys, **SECTIONS, **ARRAYS}
    found |= {name: kind() for name, kind in SINKS.items()}
    found |= {name: kind().keys for name, kind in SOURCES.items()}
    for name, cls in list(found.items()):
        below = (
            one for one in keys_of(cls) if one.kind in ("table", "tables") and one.of not in found.values()
        )
        found |= {f"{name}.{one.name}": one.of for one in below}
    return found


def rewritten(page: str) -> str:
    """Return the page with its tables made again. Raises ValueError for one that is missing or too many."""
    known = tables()
    placed = {match[1] for match in _TABLES.finditer(page)}
    if placed != known.keys():
        missing = ", ".join(f"`<!-- keys of {name} -->`" for name in sorted(known.keys() - placed))
        extra = ", ".join(sorted(placed - known.keys()))
        raise ValueError(
            f"docs/configuration.md lacks {missing or 'no table'}; without settings: {extra or 'none'}"
        )
    return _TABLES.sub(lambda match: f"{match[1]}{match[2]}\n{keys_table(known[match[1]])}\n", page)


def keys_table(cls: type, without: type | None = None) -> str:
    """Return the keys of a table, but for those that another one has, too."""
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    known = [one.name for one in keys_of(without)] if without else ()
    for one in keys_of(cls):
        if one.words and one.name not in known:  # tables below have a place of their own
            rows.append(f"| `{one.name}` | {_type(one)} | {one.shown or _default(one)} | {one.words} |")
    return "".join(f"{row}\n" for row in rows)


def _type(one: Key) -> str:
    if one.one_of:
        return ", ".join(f'`"{value}"`' for value in one.one_of)
    unit = next((unit for ending, unit in _UNITS.items() if one.name.endswith(ending)), "")
    is_number = one.kind in ("number", "integer")
    parts = (_TYPES.get(one.kind, one.kind), unit if is_number else "", _bounds(one))
    return ", ".join(part for part in parts if part)


def _bounds(one: Key) -> str:
    """Return the bounds as a reader takes them: `above 0`, `0 or more`, `64 to 1,048,576`."""
    lowest = max(one.least, one.above)
    has_lowest, has_most = lowest != float("-inf"), one.most not in (float("inf"), 2**63 - 1)
    excluded = one.above > one.least
    if has_lowest and has_most:
        return f"{f'above {_figure(lowest)}, up' if excluded else _figure(lowest)} to {_figure(one.most)}"
    if has_lowest:
        return f"above {_figure(lowest)}" if excluded else f"{_figure(lowest)} or more"
    return f"at most {_figure(one.most)}" if has_most else ""


def _figure(value: float) -> str:
    return f"{round(value, 6) + 0.0:,.6f}".rstrip("0").rstrip(".")


def _default(one: Key) -> str:
    match one.default:
        case None:
            return "required" if one.is_required else ""
        case bool() as flag:
            return str(flag).lower()
        case str() as text:
            return f'`"{text}"`'
        case number:
            return _figure(float(number))
