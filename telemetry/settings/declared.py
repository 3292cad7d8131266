"""Settings that are declared once: a class whose fields carry key, type, bounds and words.

    @settings
    class CrossCheckSettings:
        current_a: float = key("currents that are measured may be so far apart", default=2.0, least=0.0)

Promises:
- `read` takes exactly the declared keys of a table, in their order. Each fault is a ConfigError with file,
  line and key, all are raised together; an unknown key gets the nearest name that is declared.
- The reference page and the editors' schema are made of the same declarations (`tools.pages`): a key is
  stated nowhere else.

The type of a field says what its key must hold. `convert` makes the field's value of that; a ValueError of
it, or a ConfigError without a place, refuses the key. Relies on annotations that are values: no module with
settings postpones them.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar, dataclass_transform

from telemetry.errors import ConfigError, Faults
from telemetry.settings.document import Where
from telemetry.settings.table import Key, TomlTable

T = TypeVar("T")

_KINDS: Final[Mapping[Any, str]] = {
    str: "text",
    float: "number",
    int: "integer",
    bool: "flag",
    Path: "path",
    tuple[str, ...]: "texts",
    tuple[Path, ...]: "paths",
    tuple[int | str, ...]: "values",
}
_MANY: Final = (  # may hold none
    *("texts", "paths", "names", "values", "integers"),
    *("tables", "table", "named", "free"),
)
_NOTHING: Final = (MISSING, None, "", ())  # defaults that say that the file has no such key


@dataclass(frozen=True, slots=True)
class _Declared:
    """What `key` was called with. A scaled key holds the field's value divided by `scale`."""

    default: Any
    scale: float
    one_of: Collection[str] | Mapping[str, Any]
    given: Mapping[str, Any]


def key(
    words: str = "",
    *,
    default: Any = MISSING,
    scale: float = 1.0,
    one_of: Collection[str] | Mapping[str, Any] = (),
    convert: Callable[[Any], Any] | None = None,
    **given: Any,
) -> Any:
    """Declare a field that a key fills. `given` is what `Key` says of it; name and kind are the field's own.

    default: of the field, or of the file where `convert` makes the field's value; without one the key is
    required, unless the field may be None. one_of: a mapping has the field's value of each text.
    """
    declared = _Declared(default, scale, one_of, {"words": words, "convert": convert, **given})
    usable = convert(default) if convert and default not in _NOTHING else default
    is_mutable = isinstance(usable, dict)
    return dataclasses.field(
        **({"default_factory": dict} if is_mutable else {"default": usable}), metadata={"key": declared}
    )


def part(*, unless: str = "") -> Any:
    """Declare a field that is settings of its own, whose keys stand in the same table.

    unless: where the table has tables of that name, the keys are theirs, and the field is None.
    """
    return dataclasses.field(metadata={"part": unless})


@dataclass_transform(frozen_default=True, field_specifiers=(key, part, dataclasses.field))
def settings(cls: type[T] | None = None, *, kw_only: bool = False) -> Any:
    """Make a frozen class with slots of the declared fields.

    A field of the type `Where` gets its table's place. A method `check(table)` raises ConfigError where
    values do not go together.
    """
    if cls is None:
        return functools.partial(settings, kw_only=kw_only)
    return dataclass(frozen=True, slots=True, kw_only=kw_only)(cls)


def keys_of(cls: Any) -> Iterator[Key]:
    """Yield the declared keys of a table, those of its parts in their place."""
    for field in dataclasses.fields(cls):
        if "part" in field.metadata:
            unless = field.metadata["part"]
            yield from (dataclasses.replace(one, unless=unless) for one in keys_of(_plain(field.type)[0]))
        elif "key" in field.metadata:
            yield _key(field)


def name_of(field: "dataclasses.Field[Any]") -> str:
    """Return the name of the key that fills a field; of another field its own name."""
    return _key(field).name if "key" in field.metadata else field.name


def read(cls: type[T], table: TomlTable, *, environment: Mapping[str, str] | None = None, **known: Any) -> T:
    """Return the settings in `table`. Raises ConfigError.

    environment: of keys that name a variable. known: fields that the table does not hold.
    """
    faults = Faults()
    made = faults.value(lambda: _read(cls, table, environment or {}, known))
    with faults.gathered():
        table.close()
    faults.raise_any()
    check(made, table)
    return made


def check(made: Any, table: TomlTable) -> None:
    """Raise ConfigError where values do not go together, those of parts first."""
    for field in dataclasses.fields(made):
        if "part" in field.metadata and getattr(made, field.name) is not None:
            check(getattr(made, field.name), table)
    if hasattr(made, "check"):
        made.check(table)


def _read(cls: type[T], table: TomlTable, environment: Mapping[str, str], known: Mapping[str, Any]) -> T:
    values, faults = dict(known), Faults()
    for field in dataclasses.fields(typing.cast("Any", cls)):
        if field.name not in known:
            with faults.gathered():
                values |= _values(field, table, environment)
    faults.raise_any()
    return cls(**values)


def _values(
    field: "dataclasses.Field[Any]", table: TomlTable, environment: Mapping[str, str]
) -> Mapping[str, Any]:
    """Return the field's value by its name; none where its default holds."""
    if "part" in field.metadata:
        of, unless = _plain(field.type)[0], field.metadata["part"]
        is_theirs = unless in table
        if is_theirs:
            table.refuse_beside(unless, [one.name for one in keys_of(of)])
        return {field.name: None if is_theirs else _read(of, table, environment, {})}
    if "key" in field.metadata:
        found = _value(field, table, environment)
        return {} if found is MISSING else {field.name: found}
    return {field.name: table.where()} if field.type is Where else {}


def _value(field: "dataclasses.Field[Any]", table: TomlTable, environment: Mapping[str, str]) -> Any:
    """Return the field's value; MISSING: its default holds."""
    one = _key(field)
    if one.kind == "named":
        return _named(one.of, table.take_table(one.name), environment)
    if one.kind == "table" and one.name not in table and _plain(field.type)[1]:
        table.know(one.name)
        return None
    if one.kind in ("table", "tables") and one.of is not None:
        below = table.take_tables(one.name) if one.kind == "tables" else [table.take_table(one.name)]
        faults = Faults()
        found = faults.each(lambda each: read(one.of, each, environment=environment), below)
        faults.raise_any()
        return found if one.kind == "tables" else found[0]
    value = table.take(one) if one.name in table else environment.get(one.variable, MISSING)
    if value is MISSING or value == "":  # no text that is taken is empty
        table.know(one.name)
        if one.is_required:
            raise table.missing(one.name, one.hint)
        return _absent(field, one)
    if one.convert is None:
        return value
    try:
        return one.convert(value)
    except ConfigError as error:
        raise error if error.where else table.wrong(one.name, error.what, error.hint) from error
    except ValueError as error:
        raise table.wrong(one.name, str(error), one.hint) from error


def _named(of: Any, above: TomlTable, environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the settings of each table below, by the name that the user gave it."""
    faults, found = Faults(), {}
    for name in above.names():
        with faults.gathered():
            found[name] = read(of, above.take_table(name), environment=environment, name=name)
    faults.raise_any()
    return found


def _absent(field: "dataclasses.Field[Any]", one: Key) -> Any:
    """Return the field's value where the table lacks its key; MISSING: its default holds."""
    if field.default is not MISSING or field.default_factory is not MISSING:
        return MISSING
    return () if one.kind in _MANY else None


@functools.cache
def _key(field: "dataclasses.Field[Any]") -> Key:
    declared: _Declared = field.metadata["key"]
    plain, is_optional = _plain(field.type)
    given = {"name": field.name, **declared.given}
    is_enum = isinstance(plain, type) and issubclass(plain, StrEnum)
    if "kind" not in given:
        says_how = is_enum or isinstance(declared.one_of, Mapping) or declared.given["convert"] is not None
        if plain not in _KINDS and not says_how:
            raise TypeError(f"{field.name}: no key holds a {plain}; say its kind")
        given["kind"] = _KINDS.get(plain, "text")
    one_of, default = declared.one_of, declared.default
    if is_enum:
        one_of = {str(each): each for each in plain}
    if isinstance(one_of, Mapping):
        given["convert"] = one_of.__getitem__
        default = next((text for text, value in one_of.items() if value == default), default)
    elif declared.scale != 1.0:
        given["convert"] = functools.partial(_scaled, declared.scale, plain is int)
        default = default if default in _NOTHING else default / declared.scale
    may_lack = is_optional or given["kind"] in _MANY
    return Key(
        **{
            "is_required": default is MISSING and not may_lack,
            **given,
            "default": None if default in _NOTHING or isinstance(default, dict) else default,
            "one_of": tuple(one_of) if isinstance(one_of, Mapping) else one_of,
        }
    )


def _scaled(scale: float, is_integer: bool, value: float) -> float:
    return round(value * scale) if is_integer else value * scale


def _plain(annotation: Any) -> tuple[Any, bool]:
    """Return the type without None, and whether it may be None."""
    if isinstance(annotation, types.UnionType) and types.NoneType in annotation.__args__:
        rest = [each for each in annotation.__args__ if each is not types.NoneType]
        return (rest[0] if len(rest) == 1 else annotation), True
    return annotation, False
