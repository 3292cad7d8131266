"""The configuration reference: the tables of docs/configuration.md, made from what the code asks for.

Promises: names, types, units, defaults and bounds are those of `telemetry.config`: they are recorded while
it reads a configuration that has everything. A key without words (`tools.pages.configuration_words`) is an
error, and so are words without a key. Prose around the tables is the page's own.

`python -m tools.pages.configuration FILE` writes the tables into the page, each between
`<!-- keys of TABLE -->` and `<!-- end -->`.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from telemetry.config import read_config
from telemetry.toml_document import Document, read_document
from telemetry.toml_table import AskedKey
from tools.pages.command_line import rewrite_pages
from tools.pages.configuration_words import EVERYTHING, WORDS, Words

Keys = Mapping[str, Mapping[str, AskedKey]]  # table -> key -> what is asked of it

_TABLES = re.compile(r"(?<=<!-- keys of )([^ ]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
_INDEX = re.compile(r"\[\d+\]")
_TYPES = {
    "flag": "true or false",
    "paths": "list of paths",
    "texts": "list of texts",
    "secret": '`"${NAME}"`',
    "integers": "list of integers",
    "names": "text or list of texts",
    "values": "integers and texts",
    "tables": "tables",
    "integer": "integer",
    "number": "number",
}
# Longest ending first: receive_buffer_kib is no number of bytes.
_UNITS = {
    "_kib": "KiB",
    "_mib": "MiB",
    "_pct": "%",
    "_ns": "ns",
    "_s": "s",
    "_h": "h",
    "_v": "V",
    "_a": "A",
    "_w": "W",
    "_c": "°C",
}
_DOES_NOT_ASK = ("tables", "table")  # of these each key is asked for itself


def asked_keys() -> Keys:
    """Every key that the service's configuration may have, as `telemetry.config` asks for it."""
    found = {table or "top": keys for table, keys in recorded_keys(EVERYTHING).items()}
    return _without_free_names(found)


def recorded_keys(text: str) -> Keys:
    """What is asked while the configuration `text` is read, by path of the table; the top's is empty."""
    found: dict[str, dict[str, AskedKey]] = {}

    def note(asked: AskedKey) -> None:
        found.setdefault(_INDEX.sub("", asked.table), {}).setdefault(asked.key, asked)

    with tempfile.TemporaryDirectory() as name:
        read_config(_document(Path(name), text), {}, note)
    return found


def _document(folder: Path, text: str) -> Document:
    """The configuration `text`, in a folder with the files that it names."""
    for name in ("ev.dbc", "chassis.dbc", "drive.log", "token"):
        (folder / name).write_text("x\n")
        (folder / name).chmod(0o600)
    file = folder / "gateway.toml"
    file.write_text(text)
    return read_document(file)


def _without_free_names(found: Mapping[str, Mapping[str, AskedKey]]) -> Keys:
    """Without the tables whose keys the user names: those that have words as a key of the table above."""
    free = {f"{table}.{key}" for table, keys in WORDS.items() for key in keys}
    tables = {name: keys for name, keys in found.items() if name not in free}
    return {
        name: {
            key: asked
            for key, asked in keys.items()
            if asked.kind not in _DOES_NOT_ASK or key in WORDS.get(name, {})
        }
        for name, keys in tables.items()
    }


def differences(keys: Keys) -> Iterator[str]:
    """One sentence for each key without words and for each word without a key."""
    asked = {f"{table}: {key}" for table, names in keys.items() for key in names}
    described = {f"{table}: {key}" for table, names in WORDS.items() for key in names}
    for name in sorted(asked - described):
        yield f"{name} is read by the service and has no words in configuration_words.py"
    for name in sorted(described - asked):
        yield f"{name} has words in configuration_words.py and is not read by the service"


def rewritten(page: str) -> str:
    """The page with its tables made again. ValueError: keys and words differ, or a table has no place."""
    keys = asked_keys()
    if wrong := list(differences(keys)):
        raise ValueError("; ".join(wrong))
    placed = {match[1] for match in _TABLES.finditer(page)}
    if placed != set(WORDS):
        raise ValueError(f"the page has places for {sorted(placed)}, and there are {sorted(WORDS)}")
    return _TABLES.sub(
        lambda match: f"{match[1]}{match[2]}\n{_table(keys[match[1]], WORDS[match[1]])}\n", page
    )


def _table(keys: Mapping[str, AskedKey], words: Mapping[str, Words]) -> str:
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for key, (default, meaning) in words.items():
        asked = keys[key]
        rows.append(f"| `{key}` | {_type(asked)} | {default or _default(asked)} | {meaning} |")
    return "".join(f"{row}\n" for row in rows)


def _type(asked: AskedKey) -> str:
    if asked.one_of:
        return ", ".join(f'`"{value}"`' for value in asked.one_of)
    unit = next((unit for ending, unit in _UNITS.items() if asked.key.endswith(ending)), "")
    is_number = asked.kind in ("number", "integer")
    parts = (_TYPES.get(asked.kind, asked.kind), unit if is_number else "", _bounds(asked))
    return ", ".join(part for part in parts if part)


def _bounds(asked: AskedKey) -> str:
    """As a reader takes them: `above 0`, `0 or more`, `64 to 1,048,576`."""
    lowest = max(asked.least, asked.above)
    has_lowest, has_most = lowest != float("-inf"), asked.most not in (float("inf"), 2**63 - 1)
    excluded = asked.above > asked.least
    if has_lowest and has_most:
        return f"{f'above {_figure(lowest)}, up' if excluded else _figure(lowest)} to {_figure(asked.most)}"
    if has_lowest:
        return f"above {_figure(lowest)}" if excluded else f"{_figure(lowest)} or more"
    return f"at most {_figure(asked.most)}" if has_most else ""


def _figure(value: float) -> str:
    return f"{round(value, 6) + 0.0:,.6f}".rstrip("0").rstrip(".")


def _default(asked: AskedKey) -> str:
    match asked.default:
        case None:
            return "required" if asked.required else ""
        case bool() as flag:
            return str(flag).lower()
        case str() as text:
            return f'`"{text}"`'
        case number:
            return _figure(float(number))


if __name__ == "__main__":
    rewrite_pages("configuration", __doc__, rewritten)
