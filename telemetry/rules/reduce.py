"""[reduce] of the configuration: how often rows go out. `telemetry_core.rules.reducer` does the work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.model.measurements import MEASUREMENTS
from telemetry.toml_document import Where
from telemetry.toml_table import TomlTable

DAY_S = 86_400.0
_TABLE = Where("reduce")


@dataclass(frozen=True, slots=True)
class ReduceSettings:
    """[reduce]: seconds between rows of one measurement; 0 sends everything.

    flags_every_s: between changes of flags, of messages; 0: each passes. The data model's only by their name.
    """

    every_s: float
    every_s_by_measurement: Mapping[str, float]
    flags_every_s: float = 0.0
    flags_every_s_by_measurement: Mapping[str, float] = field(default_factory=dict)
    where: Where = _TABLE

    @property
    def longest_s(self) -> float:
        """Return the longest of all intervals."""
        return max(
            self.every_s,
            self.flags_every_s,
            *self.every_s_by_measurement.values(),
            *self.flags_every_s_by_measurement.values(),
        )

    def every_ns(self, measurement: str) -> int:
        """The interval of one measurement, in ns."""
        return round(self.every_s_by_measurement.get(measurement, self.every_s) * 1e9)

    def flags_every_ns(self, record: RecordSpec) -> int:
        """The interval of changes of flags in the rows of `record`, in ns."""
        usual_s = 0.0 if record.modelled else self.flags_every_s
        return round(self.flags_every_s_by_measurement.get(record.measurement, usual_s) * 1e9)


SEND_ALL = ReduceSettings(0.0, {})


def read_reduce(table: TomlTable) -> ReduceSettings:
    """[reduce]. Raises ConfigError."""
    every_s = table.take_number("every_s", 0.0, least=0.0, most=DAY_S)
    by_measurement = _intervals_s(table.take_table("measurements"))
    flags_every_s = table.take_number("flags_every_s", 0.0, least=0.0, most=DAY_S)
    flags = _intervals_s(table.take_table("flags"))
    table.close()
    if (flags_every_s or flags) and not (every_s or any(by_measurement.values())):
        key = "flags_every_s" if flags_every_s else "flags"
        raise table.wrong(key, "does nothing where all rows are sent", "set every_s, at least as long")
    return ReduceSettings(every_s, by_measurement, flags_every_s, flags, table.where())


def _intervals_s(table: TomlTable) -> dict[str, float]:
    return {name: table.take_number(name, least=0.0, most=DAY_S) for name in table.names()}


def check_measurements(settings: ReduceSettings, records: Iterable[RecordSpec]) -> None:
    """Raise ConfigError if an interval is given for an unknown measurement: it would never be used.

    Known are those of the data model, and those of `records`: the databases' messages.
    """
    known = {record.measurement for record in records} | MEASUREMENTS.keys()
    for key, names in (
        ("measurements", settings.every_s_by_measurement),
        ("flags", settings.flags_every_s_by_measurement),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"there is no measurement {name!r}",
                    where=settings.where.key(key),
                    hint="the names of the databases' messages and of the data model, in their case",
                )
