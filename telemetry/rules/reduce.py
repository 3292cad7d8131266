"""What `[reduce]` may name; the work is `telemetry_core.rules.reducer`'s."""

from collections.abc import Iterable

from telemetry_core.decode.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.model.measurements import MEASUREMENTS


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
