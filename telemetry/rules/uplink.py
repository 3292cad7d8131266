"""[uplink] of the configuration: what a link may carry in an hour. `telemetry.sinks.budget` keeps it."""

from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where

_TABLE = Where("uplink")


@settings
class UplinkSettings:
    """[uplink]. bytes_per_hour: None: no budget."""

    bytes_per_hour: int | None = key(
        "a budget of [link bytes](operations.md#link-bytes): over it all bounds are multiplied by 2, 4 … 32,"
        " from 4 on also `longest_s`, `[send] every_s` and `gateway_every_s`"
        " ([how](reduction.md#a-budget))",
        default=None,
        shown="none",
        least=1,
    )
    where: Where = _TABLE
