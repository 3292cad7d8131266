"""[reduce] of the configuration: how often rows go out, and within which bound values are left out.

`telemetry_core.rules.reducer` and `telemetry_core.rules.bounds` do the work.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.errors import ConfigError, Faults
from telemetry.model.fields import Kind
from telemetry.model.measurements import MAX_NUMBERED_FIELDS, MEASUREMENTS, numbered_field
from telemetry.rules.signals import choice
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import Key, TomlTable

DAY_S = 86_400.0
LONGEST_S = 60.0
NO_BOUND: Final = -1.0
MOST_BOUND = 1e100  # whatever is configured: a slope of it is a number still
_TABLE = Where("reduce")
_INTERVAL_S = Key("", kind="number", least=0.0, most=DAY_S)
_BOUND = Key("", kind="number", least=0.0)
_NUMBERS = (SlotKind.INT, SlotKind.UINT, SlotKind.FLOAT)


@settings
class ReduceSettings:
    """[reduce]: seconds between rows of one measurement; 0 sends everything.

    flags_every_s: between changes of flags, of messages; 0: each passes. The data model's only by their name.
    """

    every_s: float = key("the interval; 0: send everything", default=0.0, least=0.0, most=DAY_S)
    every_s_by_measurement: Mapping[str, float] = key(
        "intervals of single measurements, in s: `measurements = { Cells = 10.0, Alarms = 0.0 }`",
        name="measurements",
        kind="free",
        of=_INTERVAL_S,
        default={},
        shown="none",
    )
    flags_every_s: float = key(
        "of flags in messages: one change passes at once in each of these intervals, and the last state"
        " goes out when it ends; 0: each change passes",
        default=0.0,
        least=0.0,
        most=DAY_S,
    )
    flags_every_s_by_measurement: Mapping[str, float] = key(
        "the same of single measurements, also of the data model: `flags = { BMS_Alive = 3600.0 }`",
        name="flags",
        kind="free",
        of=_INTERVAL_S,
        default={},
        shown="none",
    )
    shape: str | None = key(
        "what a store's reader draws between kept values, with `bounds`: `hold`, the last one kept goes on,"
        " or `line`, a straight line ([which](reduction.md#two-shapes))",
        default=None,
        shown="`hold`",
        one_of=("hold", "line"),
    )
    longest_s: float | None = key(
        "a field with a bound has a kept value at least so often; by `line` one may come so late",
        default=None,
        shown="60",
        least=1.0,
        most=3600.0,
    )
    bounds: Mapping[str, float] = key(
        "globs of `measurement.field`, the first that fits wins: how far off what is drawn may be, as in"
        ' `"cells.v*" = 0.005`. With them `every_s` is the shortest distance of two kept values'
        " ([what is promised](reduction.md))",
        kind="free",
        of=_BOUND,
        default={},
        shown="none",
    )
    ring_bytes: int = key(
        "how much memory the rows may take that `[[trigger]]` sends from before its event",
        name="ring_mb",
        kind="number",
        default=8_000_000,
        scale=1e6,
        above=0.0,
        most=1024.0,
    )
    where: Where = _TABLE

    @property
    def longest_interval_s(self) -> float:
        """Return the longest of all intervals."""
        return max(
            self.every_s,
            self.flags_every_s,
            *self.every_s_by_measurement.values(),
            *self.flags_every_s_by_measurement.values(),
        )

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where flags are reduced and rows are not, or a key needs another one."""
        for name in ("shape", "longest_s") if not self.bounds else ():
            if getattr(self, name) is not None:
                raise table.wrong(name, "does nothing without bounds", "add [reduce.bounds]")
        if self.bounds and self.longest_ns < self.every_s * 1e9:
            words = f"is {self.longest_ns / 1e9:g}{'' if self.longest_s else ' where it is not given'}"
            words += f", and every_s is {self.every_s:g}"
            raise table.wrong("longest_s", words, "it may not be less")
        has_flags = self.flags_every_s or self.flags_every_s_by_measurement
        is_reduced = self.bounds or self.every_s or any(self.every_s_by_measurement.values())
        if has_flags and not is_reduced:
            name = "flags_every_s" if self.flags_every_s else "flags"
            raise table.wrong(name, "does nothing where all rows are sent", "set every_s, at least as long")

    def every_ns(self, measurement: str) -> int:
        """Return the interval of one measurement, in ns."""
        return round(self.every_s_by_measurement.get(measurement, self.every_s) * 1e9)

    def flags_every_ns(self, record: RecordSpec) -> int:
        """Return the interval of changes of flags in the rows of `record`, in ns."""
        usual_s = 0.0 if record.modelled else self.flags_every_s
        return round(self.flags_every_s_by_measurement.get(record.measurement, usual_s) * 1e9)

    @property
    def is_line(self) -> bool:
        """Return whether a reader draws straight lines between kept values."""
        return self.shape == "line"

    @property
    def longest_ns(self) -> int:
        """Return the longest distance of kept values of a field with a bound."""
        return round((self.longest_s or LONGEST_S) * 1e9)

    def bounds_of(self, records: Sequence[RecordSpec]) -> list[float]:
        """Return the bound of each field of `records`, one after the other; NO_BOUND: it has none.

        Raises ConfigError for a glob that fits no field, flags or texts alone, or a field of a measurement
        that has an interval of its own.
        """
        faults, where = Faults(), self.where.key("bounds")
        bounds: dict[str, float] = {}  # by name, as the file has them
        numbers, others = _names(records)
        for glob, bound in self.bounds.items():
            found = fnmatch.filter(numbers, glob)
            own = [name for name in found if name.partition(".")[0] in self.every_s_by_measurement]
            with faults.gathered():
                if own:
                    words = f"{own[0]} is of a measurement with an interval of its own"
                    hint = f"take {own[0].partition('.')[0]} out of reduce.measurements, or name other fields"
                    raise ConfigError(words, where=where.key(glob), hint=hint)
                if not found and (flags := fnmatch.filter(others, glob)):
                    words, hint = f"{flags[0]} is a flag or a text", "it passes at each change"
                    raise ConfigError(words, where=where.key(glob), hint=hint)
                if not found:
                    hint = choice(glob, (form for name in numbers for form in _forms(name, glob)))
                    raise ConfigError("there is no such field", where=where.key(glob), hint=hint)
            for name in found:
                bounds.setdefault(name, min(bound, MOST_BOUND))
        faults.raise_any()
        return [
            bounds.get(f"{record.measurement}.{field.name}", NO_BOUND) if is_number(field) else NO_BOUND
            for record in records
            for field in record.fields
        ]

    def glob_of(self, name: str) -> str:
        """Return the first glob that fits the field `name`; empty: none does."""
        return next((glob for glob in self.bounds if fnmatch.fnmatchcase(name, glob)), "")

    def idle_bounds(self, records: Sequence[RecordSpec]) -> Iterator[tuple[str, str]]:
        """Yield the globs whose bound no field of `records` has, and why."""
        names = [f"{record.measurement}.{field.name}" for record in records for field in record.fields]
        used = {*map(self.glob_of, names)}
        for glob in (glob for glob in self.bounds if glob not in used):
            is_late = fnmatch.filter(names, glob)
            yield glob, "globs above it have all of its fields" if is_late else "nothing writes such a field"


SEND_ALL = ReduceSettings()


def _forms(name: str, like: str) -> Iterator[str]:
    """Yield what this field is called by a glob of the form of `like`."""
    measurement, _, field = name.partition(".")
    head, star, tail = like.partition("*")
    if tail and name.startswith(head):  # as `*voltage_v`, `battery.*_wh`
        rest = re.sub("[0-9]+$", "*", name[len(head) :])
        yield from (f"{head}*{rest[found.start() :]}" for found in re.finditer(r"^|[._]|(?<=[._])", rest))
    elif like.endswith(".*") or not (star or "." in like):
        yield f"{measurement}.*"
        yield f"*.{field}"
    else:
        yield re.sub("[0-9]+$", "*", name)


def is_number(field: FieldSpec) -> bool:
    """Return whether a field may have a bound."""
    return field.kind in _NUMBERS and not field.passes


def _names(records: Iterable[RecordSpec]) -> tuple[dict[str, None], list[str]]:
    """Return the fields that may have a bound, and all others: of `records` and of the data model."""
    fields = {f"{one.measurement}.{field.name}": is_number(field) for one in records for field in one.fields}
    for measurement in MEASUREMENTS.values():
        for field in measurement.fields:
            family = re.fullmatch("([a-z]+)NNN", field.name)
            numbers = range(1, MAX_NUMBERED_FIELDS + 1) if family else ()
            for name in [numbered_field(family[1], number) for number in numbers] if family else [field.name]:
                fields.setdefault(f"{measurement.name}.{name}", field.kind is Kind.FLOAT)
    return dict.fromkeys(name for name, is_one in fields.items() if is_one), [
        name for name, is_one in fields.items() if not is_one
    ]


def check_measurements(settings: ReduceSettings, records: Iterable[RecordSpec]) -> None:
    """Raise ConfigError if an interval is given for an unknown measurement: it would never be used.

    Known are those of the data model, and those of `records`: the databases' messages.
    """
    known = {record.measurement for record in records} | MEASUREMENTS.keys()
    for name_of_key, names in (
        ("measurements", settings.every_s_by_measurement),
        ("flags", settings.flags_every_s_by_measurement),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"there is no measurement {name!r}",
                    where=settings.where.key(name_of_key),
                    hint="the names of the databases' messages and of the data model, in their case",
                )
