"""How often a measurement is worth a point, as `[reduce]` says; the work is `telemetry_core.reducer`'s."""

from collections.abc import Callable, Iterable, Mapping

from telemetry_core.spec import RecordSpec

from telemetry.errors import ConfigError


def every_ns(every_s: float, every_s_by_measurement: Mapping[str, float]) -> Callable[[RecordSpec], int]:
    """The interval of a record in ns, 0 where everything is sent: its measurement's own, else `every_s`."""

    def interval_ns(record: RecordSpec) -> int:
        return round(1e9 * every_s_by_measurement.get(record.measurement, every_s))

    return interval_ns


def check_measurements(every_s_by_measurement: Mapping[str, float], records: Iterable[RecordSpec]) -> None:
    """ConfigError if an interval is given for a measurement that none of `records` makes: a typing error."""
    known = {record.measurement for record in records}
    for measurement in every_s_by_measurement:
        if measurement not in known:
            raise ConfigError(
                f"no source makes a measurement {measurement!r}",
                where="reduce.measurements",
                hint="names are those of the databases' messages and of the data model",
            )
