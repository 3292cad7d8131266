"""Reads a TOML file key by key, typed. A fault is one line with the file and the key's path.

Promises:

- Every key is either read or reported (`close`), with the nearest name that would have been right.
- Numbers are checked for range, booleans are not numbers, and nothing is converted silently.
"""

import copy
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from telemetry.errors import ConfigError, Faults
from telemetry.plugins import Choices
from telemetry.settings.document import Document, Where, read_document
from telemetry.settings.likeness import closest
from telemetry.settings.variables import VariableError, as_written, expanded, is_variable, looks_like_variable

_ALIKE = 0.7  # of 1, as `closest` counts: `parity` is not `port`
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z%°]*)")  # of a text that should be one
_SECONDS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_INDEX = re.compile(r"\[[0-9]+\]")  # of one of several tables, in a path


@dataclass(frozen=True, slots=True)
class Key:
    """What a table may hold under one key.

    - `words`: what it means, in Markdown; `shown`: the default in words, where its value says too little.
    - `kind`: text, number, integer, flag, path, file, texts, paths, files, names, values, integers, secret,
      table, tables, named: tables below one, which the user names, or free: a table whose keys he names.
    - `default`: as a file has it; None: the key has none. `is_required`: a table without the key is refused.
    - The bounds: above < value, least <= value <= most; `count`: of integers.
    - `of`: the settings of its tables; of a free table what each of its values is, if that is known.
    - `unless`: the tables below in which the key stands instead, where there are any.
    - `variable`: of the environment, which holds what the file leaves out.
    - `convert` makes of the value what the settings hold; `hint` is for what it refuses, and for a key
      that is missing.
    """

    name: str
    words: str = ""
    kind: str = "text"
    shown: str = ""
    default: Any = None
    is_required: bool = False
    one_of: Collection[str] = ()
    above: float = -math.inf
    least: float = -math.inf
    most: float = math.inf
    count: int = 0
    of: Any = None
    unless: str = ""
    variable: str = ""
    convert: Callable[[Any], Any] | None = None
    hint: str = ""


class TomlTable:
    """One table of the file; the `take_…` methods remove the key they read.

    Texts are taken with the values of their variables (`telemetry.settings.variables`). What nobody takes
    needs none.
    """

    def __init__(
        self,
        document: Document,
        environment: Mapping[str, str],
    ) -> None:
        """Begin with the document's top table."""
        self._document = document
        self._environment = environment
        self._path = ""
        self._values = dict(document.values)
        self._known: set[str] = set()
        self._written: dict[str, Any] = {}  # what was taken, with the variables as the file has them
        self._taken: dict[str, TomlTable] = {}  # tables below, by their keys
        self._at_top = self._known  # what the top table may hold
        self._explained: dict[str, ConfigError] = {}  # of the document, by the path of a key
        self.notes: list[ConfigError] = []  # of the document: what is allowed, and may not be meant
        self._others: tuple[str, ...] = ()  # where this table is absent: what stands beside it, unread

    @classmethod
    def load(cls, file: Path, environment: Mapping[str, str] | None = None) -> "TomlTable":
        """Return the top table of a file, of a folder of files, or of stdin (`-`).

        Raises ConfigError when it cannot be read or is not TOML. environment: None: the process's own.
        """
        return cls(read_document(file), os.environ if environment is None else environment)

    def where(self, key: str = "") -> Where:
        """Return what prints as `file:line: path.to.key`, for messages."""
        where = Where(self._path, self._document)
        return where.key(key) if key else where

    def wrong(self, key: str, what: str, hint: str = "") -> ConfigError:
        """Return the error to raise when the value of `key` makes no sense."""
        for text in _texts(self._written.get(key.partition("[")[0])):
            what, hint = (as_written(words, text, self._environment) for words in (what, hint))
        return ConfigError(what, where=self.where(key), hint=hint)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def take(self, key: Key) -> Any:
        """Return what stands under a key of this table, typed and within bounds, not converted."""
        name = key.name
        match key.kind:
            case "text":
                return self.take_text(name, one_of=key.one_of)
            case "number":
                return self.take_number(name, above=key.above, least=key.least, most=key.most)
            case "integer":
                return self.take_integer(name, least=key.least, most=key.most)
            case "integers":
                return self.take_integers(name, count=key.count, least=key.least, most=key.most)
            case "free":  # the user names its keys
                table = self.take_table(name)
                if key.of is None:
                    return dict(table.take_rest())
                return {each: table.take(replace(key.of, name=each)) for each in table.names()}
            case kind:
                return getattr(self, f"take_{kind}")(name)

    def refuse_beside(self, tables: str, keys: Iterable[str]) -> None:
        """Raise ConfigError for any of `keys`, which belong to each of the tables of that name."""
        whole = _INDEX.sub("", self.where(tables).path)
        for key in keys:
            if key in self:
                error = self.wrong(key, f"stands beside [[{whole}]]", f"it belongs to a {tables}")
                self._explained[self.where(key).path] = error
                raise error

    def know(self, key: str) -> None:
        """Note a key that this table may have, for the hint at an unknown one."""
        self._known.add(key)

    def missing(self, key: str, hint: str = "") -> ConfigError:
        """Return the error to raise where a key that is required is not there.

        It is also the one of an unknown key that shows why.
        """
        if not self._path and key in self._explained:
            return self._explained[key]
        meant, words = ("", hint) if hint else self._why_missing(key)
        error = self.wrong(key, "is missing", words)
        if meant:
            self._explained[meant] = error
        return error

    def take_text(self, key: str, default: str | None = None, *, one_of: Collection[str] = ()) -> str:
        """Return a string that is not empty."""
        value = self._take(key, default)
        if value == "":
            raise self.wrong(key, "is empty")
        if not isinstance(value, str):
            raise self.wrong(key, f"must be text, not {_describe(value)}")
        if one_of and value not in one_of:
            added = one_of.added() if isinstance(one_of, Choices) else []
            raise self.wrong(key, f"must be one of {', '.join([*one_of, *added])}, not {value!r}")
        return value

    def take_optional_text(self, key: str) -> str | None:
        """Return a string that is not empty, or None when the key is absent."""
        self._known.add(key)
        return self.take_text(key) if key in self._values else None

    def take_secret(self, key: str) -> str | None:
        """Return the text of the one variable that the file names, `"${NAME}"`. None: the key is absent."""
        self._known.add(key)
        if key not in self._values:
            return None
        value = self._values[key]
        if not isinstance(value, str) or not is_variable(value):
            hint = f'{key} = "${{NAME}}", a variable that holds it, or {key}_file'
            raise self.wrong(key, "a secret stands in no configuration", hint)
        return self.take_text(key)

    def take_values(self, key: str) -> tuple[int | str, ...]:
        """Return integers and texts, in a list or one alone; empty when the key is absent."""
        value = self._take(key, [])
        values = value if isinstance(value, list) else [value]
        for one in values:
            if isinstance(one, bool) or not isinstance(one, int | str) or one == "":
                raise self.wrong(key, f"must be integers or texts, not {_describe(one)}")
        return tuple(values)

    def take_names(self, key: str) -> tuple[str, ...]:
        """Return texts that are not empty, each once, of a list or one alone; none when the key is absent."""
        value = self._take(key, [])
        names = value if isinstance(value, list) else [value]
        for number, name in enumerate(names):
            if not isinstance(name, str) or not name:
                raise self.wrong(key, f"must be a text or a list of texts, not {_describe(name)}")
            if name in names[:number]:
                raise self.wrong(key, f"names {name!r} twice")
        return tuple(names)

    def take_texts(self, key: str, what: str = "texts") -> tuple[str, ...]:
        """Return the strings of a list, not empty; none when the key is absent. what: for messages."""
        values = self._take(key, [])
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(values, list) or not isinstance(value, str) or not value:
                raise self.wrong(key, f"must be a list of {what}, not {_describe(value)}")
        return tuple(values)

    def take_integers(self, key: str, *, count: int, least: float, most: float) -> tuple[int, ...]:
        """Return `count` integers, each with least <= integer <= most; empty when the key is absent."""
        values = self._take(key, [])
        is_one = isinstance(values, list) and all(type(value) is int for value in values)
        if not is_one or len(values) not in (0, count) or not all(least <= value <= most for value in values):
            raise self.wrong(key, f"must be {count} integers from {least} to {most}")
        return tuple(values)

    def take_path(self, key: str, default: str | None = None) -> Path:
        """Return a path, relative to the folder of its file."""
        return self.full_path(key, self.take_text(key, default))

    def full_path(self, key: str, text: str) -> Path:
        """Return `text`, the value of `key`, as a path relative to the folder of its file."""
        try:
            return self._document.folder(self.where(key).path) / Path(text).expanduser()
        except RuntimeError as error:
            raise self.wrong(key, f"nobody here has the home directory of {text!r}") from error

    def check_is_file(self, key: str, file: Path) -> None:
        """Check that `file`, a value of `key`, is there and this user may see it. Raises ConfigError."""
        try:
            is_file = file.is_file()
        except OSError as error:  # of a folder on the way to it
            raise self.wrong(key, f"cannot be read: {file}: {error.strerror}") from error
        if not is_file:
            raise self.wrong(key, f"no such file: {file}")

    def take_files(self, key: str) -> tuple[Path, ...]:
        """Return paths, as `take_paths`, of files that are there."""
        files = self.take_paths(key)
        for file in files:
            self.check_is_file(key, file)
        return files

    def take_paths(self, key: str) -> tuple[Path, ...]:
        """Return the paths of a list, relative to the folder of its file; empty when the key is absent."""
        return tuple(self.full_path(key, value) for value in self.take_texts(key, "file names"))

    def take_flag(self, key: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {_describe(value)}")
        return value

    def take_number(
        self,
        key: str,
        default: float | None = None,
        *,
        above: float = -math.inf,
        least: float = -math.inf,
        most: float = math.inf,
    ) -> float:
        """Return a finite number: above < number, or least <= number, and number <= most."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, f"must be a number, not {_describe(value)}", _as_number(key, value))
        if not math.isfinite(value):
            raise self.wrong(key, f"must be a finite number, not {value}")
        if not (above < value and least <= value <= most):
            raise self.wrong(key, f"must be {_range(above, least, most)}, not {value:.12g}")
        return float(value)

    def take_optional_number(
        self, key: str, *, above: float = -math.inf, most: float = math.inf
    ) -> float | None:
        """Return a number as `take_number`, or None when the key is absent."""
        self._known.add(key)
        return self.take_number(key, above=above, most=most) if key in self._values else None

    def take_integer(self, key: str, default: int | None = None, *, least: float, most: float) -> int:
        """Return an integer with least <= integer <= most."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, f"must be an integer, not {_describe(value)}", _as_number(key, value))
        if not least <= value <= most:
            words = f"from {least} to {most}" if most != math.inf else _range(-math.inf, least, most)
            raise self.wrong(key, f"must be {words}, not {value}")
        return value

    def take_optional_integer(self, key: str, *, least: int, most: int) -> int | None:
        """Return an integer as `take_integer`, or None when the key is absent."""
        self._known.add(key)
        return self.take_integer(key, least=least, most=most) if key in self._values else None

    def take_table(self, key: str) -> "TomlTable":
        """Return a table; empty when the key is absent."""
        self._known.add(key)
        others = () if key in self._values else tuple(self._values)
        value = self._values.pop(key, {})
        if not isinstance(value, dict):
            whole = _INDEX.sub("", Where(self._path).key(key).path)
            raise self.wrong(key, f"must be a table [{whole}], not {_describe(value)}")
        table = self._below(key, value)
        table._others = others
        return table

    def take_tables(self, key: str) -> list["TomlTable"]:
        """Return the tables of [[key]]; an empty list without any."""
        self._known.add(key)
        values = self._values.pop(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            whole = _INDEX.sub("", Where(self._path).key(key).path)
            raise self.wrong(key, f"must be tables [[{whole}]], not {_describe(values)}")
        return [self._below(f"{key}[{index}]", value) for index, value in enumerate(values)]

    def at(self, key: str) -> "TomlTable":
        """Return a table below that has been taken, for messages about its keys."""
        return self._taken[key]

    def _below(self, key: str, value: dict[str, Any]) -> "TomlTable":
        table = copy.copy(self)
        table._path = self.where(key).path
        table._values = dict(value)
        table._known = set()
        table._written = {}
        table._taken = {}
        table._others = ()
        self._taken[key] = table
        return table

    def names(self) -> list[str]:
        """Return the keys that have not been read yet."""
        return list(self._values)

    def tables(self) -> list[str]:
        """Return the keys of tables that have not been read yet."""
        return [key for key, value in self._values.items() if isinstance(value, dict)]

    def arrays(self) -> list[str]:
        """Return the keys of arrays of tables that have not been read yet."""
        lists = ((key, value) for key, value in self._values.items() if isinstance(value, list))
        return [key for key, value in lists if value and isinstance(value[0], dict)]

    def take_rest(self) -> Iterator[tuple[str, Any]]:
        """Take all keys that are left, with their plain values: for options that are passed through."""
        for key in list(self._values):
            yield key, self._take(key, None)

    def close(self) -> None:
        """Raise ConfigError when keys are left that nobody has read."""
        faults = Faults()
        for key in self._values:
            with faults.gathered():
                raise self._unknown(key)
        faults.raise_any()

    def _unknown(self, key: str) -> ConfigError:
        if error := self._explained.get(self.where(key).path):
            return error
        if self._path and key in self._at_top and key not in (*self.tables(), *self.arrays()):
            table = _INDEX.sub("", self._path)
            above = f"[[{table}]]" if self._path.endswith("]") else f"[{table}]"
            error = self.wrong(key, f"stands below {above}", "it belongs above the first table of the file")
            return self._explained.setdefault(key, error)
        near = closest(key, sorted(self._known))
        known = ", ".join(sorted(self._known))
        return self.wrong(key, "unknown key", f"did you mean {near}?" if near else f"known are: {known}")

    def _take(self, key: str, default: Any) -> Any:
        self._known.add(key)
        if key in self._values:
            self._written[key] = self._values.pop(key)
            value = self._expanded(key, self._written[key])
            for name in filter(None, map(looks_like_variable, _texts(self._written[key]))):
                note = f"${name} stands for itself"
                self.notes.append(ConfigError(note, where=self.where(key), hint=f"a variable is ${{{name}}}"))
            if any("\0" in text for text in _texts(value)):
                raise self.wrong(key, "holds the character NUL, as no name and no path can")
            return value
        if default is None:
            raise self.missing(key)
        return default

    def _why_missing(self, key: str) -> tuple[str, str]:
        """Return what stands in the place of `key`, as far as that shows: an unread key, or its table.

        First the path of that, or nothing; then words.
        """
        if near := closest(key, self._values, _ALIKE):
            return self.where(near).path, f"is {near} meant to be it?"
        above, _, name = self._path.rpartition(".")
        if near := closest(name, self._others, _ALIKE):
            meant = Where(above).key(near).path
            return meant, f"is [{meant}] meant to be [{self._path}]?"
        given = [name for name, value in self._values.items() if not isinstance(value, dict | list)]
        return "", f"there are {', '.join(given)}" if given and self._path else ""

    def _expanded(self, key: str, value: Any) -> Any:
        """Return `value` with the variables in its texts."""
        try:
            if isinstance(value, str):
                return expanded(value, self._environment)
            if isinstance(value, list):
                return [self._expanded(f"{key}[{number}]", each) for number, each in enumerate(value)]
            if isinstance(value, dict):
                return {name: self._expanded(f"{key}.{name}", each) for name, each in value.items()}
        except VariableError as error:
            raise self.wrong(key, error.what, error.hint) from None
        return value


def _texts(value: object) -> Iterator[str]:
    """Yield a text, or the texts of a list."""
    for one in value if isinstance(value, list) else (value,):
        if isinstance(one, str):
            yield one


def _range(above: float, least: float, most: float) -> str:
    """Return the range as the page shows it: `from 0 to 86400`, `above 0 and at most 60`, `0 or more`."""
    is_open = above > least
    lowest = f"above {above:.12g}" if is_open else f"{least:.12g}"
    if most == math.inf:
        return lowest if is_open else f"{lowest} or more"
    return f"{lowest} and at most {most:.12g}" if is_open else f"from {lowest} to {most:.12g}"


def _as_number(key: str, value: object) -> str:
    """Return how a text that is a number, maybe with a unit, is written: `every_s = 60, in seconds`.

    Likewise a name with a dot that has become a table.
    """
    if isinstance(value, dict) and value:  # as dotted keys of TOML are
        return f'a name with a dot stands in quotes: "{key}.{next(iter(value))}"'
    found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return ""
    is_time = key.endswith("_s")
    if found[2] and found[2] not in (_SECONDS if is_time else ()):
        return f"the number alone: its unit stands in the name {key}"
    number = float(found[1]) * (_SECONDS[found[2]] if found[2] else 1.0)
    return f"{key} = {number:.12g}{', in seconds, without a unit' if is_time else ', without quotes'}"


def _describe(value: object) -> str:
    names = {
        bool: "true/false",
        int: "an integer",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
    }
    if isinstance(value, str) and not value:
        return "an empty text"
    return names.get(type(value), type(value).__name__)
