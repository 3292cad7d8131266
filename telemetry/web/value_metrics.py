"""Live values as Prometheus gauges, for `[web] values = true`: those of `battery`, `charger` and `meter`.

Promises:
- Names are the data model's, labels the configuration's: their number does not grow with time.
- A value that is stale is absent, as Prometheus expects of what is not known.
- A flag is 1 or 0. Texts and single cells are left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from telemetry.model.fields import Kind
from telemetry.model.measurements import BATTERY, CHARGER, METER

# Measurement; its label; where the live values have such things, and the values of each.
_SHOWN = (
    (BATTERY, "pack", "packs", "battery"),
    (CHARGER, "charger", "chargers", "values"),
    (METER, "charger", "meters", "values"),
)


def value_metrics(prefix: str, live: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield a gauge for each field that something has now. live: as of `telemetry.live.view.live_view`."""
    for measurement, label, things, values in _SHOWN:
        for field in measurement.fields:
            if field.kind is Kind.TEXT:
                continue
            gauge = GaugeMetricFamily(
                f"{prefix}{measurement.name}_{field.name}",
                f"{field.meaning[0].upper()}{field.meaning[1:]}.",
                labels=["vehicle", label, "source"],
            )
            for thing in live[things]:
                if field.name in thing[values] and field.name not in thing["stale"]:
                    names = [live["vehicle"], thing[label], thing["source"]]
                    gauge.add_metric(names, float(thing[values][field.name]))
            if gauge.samples:
                yield gauge
