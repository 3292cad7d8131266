"""[reduce] of the configuration: how often rows go out. `telemetry_core.rules.reducer` does the work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.model.measurements import MEASUREMENTS
from telemetry.toml_table import TomlTable

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ReduceSettings:
    """[reduce]: seconds between rows of one measurement; 0 sends everything."""

    every_s: float
    every_s_by_measurement: Mapping[str, float]

    def every_ns(self, measurement: str) -> int:
        """The interval of one measurement, in ns."""
        return round(self.every_s_by_measurement.get(measurement, self.every_s) * 1e9)


SEND_ALL = ReduceSettings(0.0, {})


def read_reduce(table: TomlTable) -> ReduceSettings:
    """[reduce]. Raises ConfigError."""
    every_s = table.take_number("every_s", 0.0, least=0.0, most=DAY_S)
    exceptions = table.take_table("measurements")
    names = exceptions.names()
    by_measurement = {name: exceptions.take_number(name, least=0.0, most=DAY_S) for name in names}
    table.close()
    return ReduceSettings(every_s, by_measurement)


def check_measurements(names: Iterable[str], records: Iterable[RecordSpec]) -> None:
    """Raise ConfigError if an interval is given for an unknown measurement: it would never be used.

    Known are those of the data model, and those of `records`: the databases' messages.
    """
    known = {record.measurement for record in records} | MEASUREMENTS.keys()
    for name in names:
        if name not in known:
            raise ConfigError(
                f"there is no measurement {name!r}",
                where="reduce.measurements",
                hint="the names of the databases' messages and of the data model, in their case",
            )
