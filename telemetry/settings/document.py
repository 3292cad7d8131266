"""A configuration as one document, whether it is a file, a file with others that it includes, or a folder.

Promises:

- `include = ["kona-map.toml", "conf.d/*.toml"]` adds other files, and they may include more. A folder is all
  its `*.toml`, in the order of their names.
- Tables join key by key, and `[[tables]]` add up: those of a file come before those that it includes.
- A key that is set twice is refused with both places, and so is a file that is included twice.
- A place in the document is the line of the file that it came from, and a relative path starts in that file's
  own folder.
- What is included is a regular file: no device and no pipe that would wait.
"""

import fnmatch
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from telemetry.errors import ConfigError
from telemetry.settings.lines import lines_of
from telemetry.settings.text import STDIN, parse_toml, read_toml_text

INCLUDE = "include"  # the key
MAX_FILES = 256
_WILDCARDS = frozenset("*?")


def shown_name(file: Path) -> str:
    """Return what messages call `file`: its path, or `stdin` for `-`."""
    return "stdin" if file == STDIN else str(file)


@dataclass(frozen=True)
class Part:
    """One file of a document. text: as it was read; empty: the values are not from a file."""

    file: Path
    text: str = field(default="", repr=False)

    @functools.cached_property
    def _lines(self) -> Mapping[str, int]:
        return lines_of(self.text)

    @property
    def folder(self) -> Path:
        """Return where relative paths start."""
        return self.file.parent

    def place(self, path: str) -> str:
        """Return `file:line: path`; of a key that is not there the line of its table, if it has one."""
        name = shown_name(self.file)
        known = (each for one in _upward(path) for each in (one, f"{one}[0]") if each in self._lines)
        line = next((self._lines[each] for each in known), None)
        where = name if line is None else f"{name}:{line}"
        return f"{where}: {path}" if path else where


@dataclass(frozen=True)
class Document:
    """What a configuration holds.

    - `file`: the file or folder that was named.
    - `parts`: its files, in the order in which their tables add up.
    - `origins`: of several files, by path of a key or table: which part it is from, and its path there.
    """

    file: Path
    values: Mapping[str, Any]
    parts: Sequence[Part]
    origins: Mapping[str, tuple[Part, str]] = field(default_factory=dict)

    @classmethod
    def plain(cls, file: Path, values: Mapping[str, Any]) -> "Document":
        """Return a document of values from elsewhere; `file` is what messages call that."""
        return cls(file, values, (Part(file),))

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files that it was read from."""
        return tuple(part.file for part in self.parts)

    def _origin(self, path: str) -> tuple[Part, str]:
        for each in _upward(path):
            if each in self.origins:
                part, own = self.origins[each]
                return part, own + path.removeprefix(each)
        return self.parts[0], path

    def place(self, path: str) -> str:
        """Return `file:line: path.to.key`, as the key's file has it."""
        part, own = self._origin(path)
        return part.place(own)

    def folder(self, path: str) -> Path:
        """Return where relative paths start that stand at `path`."""
        return self._origin(path)[0].folder


@dataclass(frozen=True, slots=True)
class Where:
    """A place of a configuration for messages: prints as `file:line: path.to.key`.

    The line is looked for when it prints. document: None: the path alone is known.
    """

    path: str
    document: Document | None = field(default=None, repr=False, compare=False)

    def key(self, name: str) -> "Where":
        """Return the place of a key of this table."""
        return Where(f"{self.path}.{name}" if self.path else name, self.document)

    def __str__(self) -> str:
        return self.path if self.document is None else self.document.place(self.path)


def read_document(path: Path) -> Document:
    """Return what the file or folder `path` holds, or stdin (`-`). Raises ConfigError."""
    if path == STDIN or not _is_folder(path):
        text = read_toml_text(path)
        values = parse_toml(text, Path(shown_name(path)))
        part = Part(path, text)
        if INCLUDE not in values:
            return Document(path, values, (part,))
        joined = _Joined()
        joined.add(part, values, str(path))
    else:
        joined = _Joined()
        files = _matching(path, "*.toml")
        if not files:
            raise ConfigError("is a folder without *.toml", where=str(path))
        for file in files:
            joined.read(file, str(path))
    return Document(path, joined.values, tuple(joined.parts), joined.origins)


class _Joined:
    """Files put together."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.parts: list[Part] = []
        self.origins: dict[str, tuple[Part, str]] = {}
        self._files: dict[Path, str] = {}  # resolved; what has included it

    def read(self, file: Path, included_by: str) -> None:
        text = read_toml_text(file)
        self.add(Part(file, text), parse_toml(text, file), included_by)

    def add(self, part: Part, values: Mapping[str, Any], included_by: str) -> None:
        real = part.file.resolve()
        if real in self._files:
            raise ConfigError(
                f"includes {part.file} twice", where=included_by, hint=f"see {self._files[real]}"
            )
        if len(self.parts) == MAX_FILES:
            raise ConfigError(f"more than {MAX_FILES} files are included", where=included_by)
        self._files[real] = included_by
        self.parts.append(part)
        self._join(self.values, {key: value for key, value in values.items() if key != INCLUDE}, part, "")
        for file in self._included(values.get(INCLUDE, []), part):
            self.read(file, part.place(INCLUDE))

    def _join(self, into: dict[str, Any], values: Mapping[str, Any], part: Part, table: str) -> None:
        for key, value in values.items():
            path = f"{table}.{key}" if table else key
            known = into.get(key)
            if isinstance(value, dict) and isinstance(known, dict | None):
                if known is None:
                    known = into[key] = {}
                    self.origins[path] = (part, path)
                self._join(known, value, part, path)
            elif _are_tables(value) and (known is None or _are_tables(known)):
                before = into.setdefault(key, [])
                for number, one in enumerate(value):
                    self.origins[f"{path}[{len(before)}]"] = (part, f"{path}[{number}]")
                    before.append(one)
            elif key in into:
                other, own = self.origins.get(path) or self.origins[f"{path}[0]"]
                hint = f"see {other.place(own)}; keep one of the two"
                raise ConfigError("is set already", where=part.place(path), hint=hint)
            else:
                into[key] = value
                self.origins[path] = (part, path)

    def _included(self, patterns: object, part: Part) -> Iterator[Path]:
        where = part.place(INCLUDE)
        if not isinstance(patterns, list) or not all(isinstance(each, str) and each for each in patterns):
            raise ConfigError("must be a list of file names", where=where, hint='as ["conf.d/*.toml"]')
        for text in patterns:
            pattern = Path(text)
            if _WILDCARDS & set(str(pattern.parent)):
                raise ConfigError(f"{text!r}: * and ? may stand in the last part only", where=where)
            if "\0" in text:
                raise ConfigError("holds the character NUL, as no name and no path can", where=where)
            folder = part.folder / pattern.parent
            if _WILDCARDS & set(pattern.name):
                yield from _matching(folder, pattern.name)
                continue
            file = folder / pattern.name
            try:
                is_file = file.is_file()
            except OSError as error:  # of a folder on the way to it
                raise ConfigError(f"cannot be read: {file}: {error.strerror}", where=where) from error
            if not is_file:
                raise ConfigError(f"no such file: {file}", where=where)
            yield file


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder whose name fits, by name; none begins with a dot, as in a shell."""
    pattern = pattern.replace("[", "[[]")  # fnmatch knows sets of characters, too
    try:
        return [
            file
            for file in sorted(folder.iterdir())
            if fnmatch.fnmatchcase(file.name, pattern) and file.name[0] != "." and file.is_file()
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(folder)) from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # of a folder on the way to it: reading it says so
        return False


def _upward(path: str) -> Iterator[str]:
    """Yield `path` and what it lies in: `a[0].b`, `a[0]`, `a`."""
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
