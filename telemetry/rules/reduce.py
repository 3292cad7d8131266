"""[reduce] of the configuration: how often rows go out. `telemetry_core.rules.reducer` does the work."""

from collections.abc import Iterable, Mapping

from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.model.measurements import MEASUREMENTS
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import Key, TomlTable

DAY_S = 86_400.0
_TABLE = Where("reduce")
_INTERVAL_S = Key("", kind="number", least=0.0, most=DAY_S)


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

    def check(self, table: TomlTable) -> None:
        """Raise ConfigError where flags are reduced and rows are not."""
        has_flags = self.flags_every_s or self.flags_every_s_by_measurement
        if has_flags and not (self.every_s or any(self.every_s_by_measurement.values())):
            name = "flags_every_s" if self.flags_every_s else "flags"
            raise table.wrong(name, "does nothing where all rows are sent", "set every_s, at least as long")

    def every_ns(self, measurement: str) -> int:
        """Return the interval of one measurement, in ns."""
        return round(self.every_s_by_measurement.get(measurement, self.every_s) * 1e9)

    def flags_every_ns(self, record: RecordSpec) -> int:
        """Return the interval of changes of flags in the rows of `record`, in ns."""
        usual_s = 0.0 if record.modelled else self.flags_every_s
        return round(self.flags_every_s_by_measurement.get(record.measurement, usual_s) * 1e9)


SEND_ALL = ReduceSettings()


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
