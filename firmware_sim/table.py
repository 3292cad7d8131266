"""What a scenario file says, key by key: fields that declare their bounds once, and the table they come from.

    @dataclass(frozen=True, slots=True)
    class Drive:
        duration_s: float = key(above=0.0, most=3600.0)

Promises: `read` takes the declared keys of a table, in their order, and any other key of it is a mistake. A
mistake is an error of the table's own, which names file, line and key: the simulator knows no file format.
Relies on annotations that are values: no module with keys postpones them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from enum import Enum
from math import inf
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


class Table(Protocol):
    """A table of a file. Each `take_…` removes the key it reads; for a mistake it raises its own error."""

    def __contains__(self, key: str) -> bool: ...

    def take_text(self, key: str, default: str | None = None, *, one_of: tuple[str, ...] = ()) -> str: ...

    def take_flag(self, key: str, default: bool = False) -> bool: ...

    def take_number(
        self,
        key: str,
        default: float | None = None,
        *,
        above: float = -inf,
        least: float = -inf,
        most: float = inf,
    ) -> float: ...

    def take_integer(self, key: str, default: int | None = None, *, least: int, most: int) -> int: ...

    def take_optional_text(self, key: str) -> str | None: ...

    def take_optional_number(self, key: str, *, above: float = -inf, most: float = inf) -> float | None: ...

    def take_optional_integer(self, key: str, *, least: int, most: int) -> int | None: ...

    def take_table(self, key: str) -> "Table": ...

    def take_tables(self, key: str) -> Sequence["Table"]: ...

    def wrong(self, key: str, what: str, hint: str = "") -> Exception:
        """Return the error to raise when the value of `key` makes no sense."""
        ...

    def close(self) -> None:
        """Raise an error when a key is left that nobody has taken."""
        ...


def key(
    default: Any = MISSING, *, absent: Any = None, name: str = "", scale: float = 1.0, **bounds: Any
) -> Any:
    """Declare a field that a key fills; `bounds` are those of the table's `take_…`.

    default: of the field and so of the key. absent: of the key alone. name: of the key, where it is not the
    field's. scale: the field's value for 1 in the file.
    """
    declared = {"name": name, "absent": absent, "scale": scale, "bounds": bounds}
    return field(default=default, metadata={"key": declared})


def read(cls: type[T], table: Table, **given: Any) -> T:
    """Return what the whole table says. given: fields that it does not say."""
    values = take(cls, table, **given)
    table.close()
    return values


def take(cls: type[T], table: Table, **given: Any) -> T:
    """Return what a part of the table says, as `read`."""
    declared = [each for each in fields(cls) if "key" in each.metadata and each.name not in given]  # type: ignore[arg-type]  # a dataclass
    return cls(**given, **{each.name: _value(table, each) for each in declared})


def take_choice(table: Table, name: str, choices: type[E], default: E | None = None) -> E:
    """Return the member of an enumeration whose value the text is."""
    texts = {str(one.value): one for one in choices}
    return texts[table.take_text(name, None if default is None else str(default.value), one_of=tuple(texts))]


def _value(table: Table, declared: "Field[Any]") -> Any:
    said: Mapping[str, Any] = declared.metadata["key"]
    name, scale, bounds = said["name"] or declared.name, said["scale"], said["bounds"]
    default = said["absent"] if declared.default is MISSING else declared.default
    kind: Any = declared.type
    if kind is float:
        return scale * table.take_number(name, None if default is None else default / scale, **bounds)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return take_choice(table, name, kind, default)
    if isinstance(kind, type):
        takers: Mapping[type, Any] = {str: table.take_text, int: table.take_integer, bool: table.take_flag}
        return takers[kind](name, default, **bounds)
    if kind == str | None:
        return table.take_optional_text(name)
    return table.take_optional_integer(name, **bounds)
