"""TOML text into plain values, within bounds.

Promises:

- Text that would cost tomllib more than its length is one ConfigError with file and line, before tomllib sees
  it: a key of thousands of parts, arrays within arrays, a number of thousands of digits.
- A text that is not TOML is one ConfigError too.

Relies on finding strings and comments as tomllib finds them: where a string does not end, tomllib ends too.
"""

import contextlib
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from telemetry.errors import ConfigError

MAX_FILE_BYTES = 1024 * 1024
MAX_KEY_PARTS = 16
MAX_NESTING = 16  # of arrays and inline tables
STDIN = Path("-")
MAX_NUMBER_CHARACTERS = 100  # 64 bits in binary, with underscores, are 82

_TOKEN = re.compile(
    r"""
      \#[^\n]*+
    | (?P<quotes> \"""|''' )
    | "[^"\\\n]*+(?:\\.[^"\\\n]*+)*+" | '[^'\n]*+'
    | (?P<number> [+-]?[0-9][0-9A-Za-z_+.:-]*+ )
    | [A-Za-z_-][0-9A-Za-z_-]*+
    | (?P<mark> ["'.=,\[\]{}\n] )
    """,
    re.VERBOSE,
)
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")  # tomllib's
_REMEDIES = {  # by how tomllib's words begin
    "Cannot overwrite a value": "it is set above; each of several tables is written [[…]]",
    "Cannot declare": "it stands above; join the two, or write each of several tables [[…]]",
    "Invalid value": "a text stands in quotes",
    "Illegal character '\\n'": "is a quote missing at the end?",
}
_ENDS = {
    '"""': re.compile(r'[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"{3,5}', re.DOTALL),
    "'''": re.compile(r".*?'{3,5}", re.DOTALL),
}


def read_toml_text(file: Path) -> str:
    """Return the text of the file, or of stdin (`-`), with LF at the ends of lines.

    Raises ConfigError for what is unreadable, not UTF-8, or too large.
    """
    if file == STDIN and sys.stdin is None:
        raise ConfigError("is closed", where="stdin")
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if file == STDIN else file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        hint = "as its owner, or by sudo" if isinstance(error, PermissionError) else ""
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file), hint=hint) from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"is larger than {MAX_FILE_BYTES} bytes", where=str(file))
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 at byte {error.start}", where=str(file)) from error


def parse_toml(text: str, file: Path) -> dict[str, Any]:
    """Return the top table of `text`, which messages call `file`.

    Raises ConfigError for what is not TOML, or beyond bounds.
    """
    try:
        _check_bounds(text, file)
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib's own, and Python's of a number or a date
        raise _refusal(str(error), text, file) from error


def _refusal(words: str, text: str, file: Path) -> ConfigError:
    """Return the error for `words` of tomllib, at the line that they name."""
    place = _PLACE.search(words)
    if place is None:
        return ConfigError(f"is not valid TOML: {words}", where=str(file))
    line = place["line"] or text.count("\n", 0, len(text.rstrip())) + 1
    at = f"at column {place['column']}" if place["column"] else "at the end of the file"
    hints = (remedy for begin, remedy in _REMEDIES.items() if words.startswith(begin))
    hint = next(hints, "") if place["column"] else ""
    what = f"is not valid TOML: {words[: place.start()]}, {at}"
    return ConfigError(what, where=f"{file}:{line}", hint=hint)


def _check_bounds(text: str, file: Path) -> None:
    """Raise ConfigError for a key, a nesting or a number beyond the bounds."""
    at = nesting = 0
    parts = 1  # of the key that may be here
    while token := _TOKEN.search(text, at):
        at = token.end()
        what = ""
        if quotes := token["quotes"]:
            end = _ENDS[quotes].match(text, at)
            if end is None:
                return
            at = end.end()
        elif number := token["number"]:
            parts += number.count(".")
            if len(number) > MAX_NUMBER_CHARACTERS:
                what = f"a number has more than {MAX_NUMBER_CHARACTERS} characters"
        elif mark := token["mark"]:
            if mark in "\"'":
                return  # a string that does not end
            if mark == ".":
                parts += 1
            else:
                parts = 1
                nesting += (mark in "[{") - (mark in "]}")
        if parts > MAX_KEY_PARTS:
            what = f"a key has more than {MAX_KEY_PARTS} parts"
        if nesting > MAX_NESTING:
            what = f"arrays or tables are nested more than {MAX_NESTING} deep"
        if what:
            line = text.count("\n", 0, token.start()) + 1
            raise ConfigError(what, where=f"{file}:{line}")
