"""In which line of a TOML text each key stands, for messages; scanned when a message needs it.

Relies on the text being TOML: tomllib has read it. Of what tomllib would refuse, lines may be wrong or
missing.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\n]*'""")
_STRING = re.compile(
    r"""
      \"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"{3,5} | '''.*?'{3,5}
    | "[^"\\\n]*(?:\\.[^"\\\n]*)*" | '[^'\n]*'
    """,
    re.VERBOSE | re.DOTALL,
)
_OTHER = re.compile(r"[^,\[\]{}#\n]*")  # a number, a date, true


def lines_of(text: str) -> Mapping[str, int]:
    """Return the line of each key by its path, such as `can[0].name`; `can[0]` is the first [[can]] itself.

    Lines count from 1. Elements of arrays have a path too. A table has the line where it first occurs.
    """
    return _Scan(text).lines


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._line_at = 1, 0
        self._counts: dict[str, int] = {}  # of [[tables]], by path
        self.lines: dict[str, int] = {}
        self._document()

    def _document(self) -> None:
        table = ""
        while self._skip(_BLANK) < len(self._text):
            began = self._at
            if self._takes("[["):
                table = self._header(is_array=True)
            elif self._takes("["):
                table = self._header(is_array=False)
            else:
                self._pair(table)
            self._skip(re.compile(r"[^\n]*") if self._at == began else _OTHER)

    def _header(self, *, is_array: bool) -> str:
        path = ""
        parts = list(self._parts())
        for number, part in enumerate(parts):
            path = _joined(path, part)
            if is_array and number == len(parts) - 1:
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = f"{path}[{self._counts[path] - 1}]"
            self._note(path)
        self._takes("]")
        self._takes("]")
        return path

    def _pair(self, table: str) -> None:
        path = table
        for part in self._parts():
            path = self._note(_joined(path, part))
        if self._takes("="):
            self._value(path)

    def _parts(self) -> Iterator[str]:
        while key := _KEY.match(self._text, self._skip(_SPACE)):
            self._at = key.end()
            word = key[0]
            yield _unquoted(word) if word[0] in "\"'" else word
            if not self._takes("."):
                return

    def _value(self, path: str) -> None:
        self._skip(_BLANK)
        if self._takes("["):
            self._elements(path)
        elif self._takes("{"):
            while self._at < len(self._text) and not self._takes("}"):
                began = self._at
                self._pair(path)
                if not self._takes(",") and self._at == began:
                    return  # is not TOML
        elif string := _STRING.match(self._text, self._at):
            self._at = string.end()
        else:
            self._skip(_OTHER)

    def _elements(self, path: str) -> None:
        number = 0
        while self._skip(_BLANK) < len(self._text) and not self._takes("]"):
            began = self._at
            self._value(self._note(f"{path}[{number}]"))
            number += 1
            self._skip(_BLANK)
            if not self._takes(",") and self._at == began:
                return  # is not TOML

    def _note(self, path: str) -> str:
        self._line += self._text.count("\n", self._line_at, self._at)
        self._line_at = self._at
        self.lines.setdefault(path, self._line)
        return path

    def _skip(self, pattern: re.Pattern[str]) -> int:
        """Go on after what `pattern` matches; return where that is."""
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _takes(self, mark: str) -> bool:
        """Return whether `mark` is next, and go on after it."""
        at = self._skip(_SPACE)
        if not self._text.startswith(mark, at):
            return False
        self._at = at + len(mark)
        return True


def _unquoted(word: str) -> str:
    try:
        return str(tomllib.loads(f"x = {word}")["x"])
    except tomllib.TOMLDecodeError:
        return word


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
