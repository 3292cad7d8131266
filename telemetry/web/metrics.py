"""The service's status as Prometheus metrics: the three accounts, the spool, the sink, the process.

Promises: counters go on over restarts as the accounts do, except those of logs, of the sink's requests and of
the process; every counter of the ledger is in one of the metrics, from 0 on; the process has the standard
`process_*` too, which every Prometheus client exports. Relies on `telemetry.live.gateway.describe` for names.
`prometheus-client` is imported here alone, and this module only when somebody scrapes for the first time.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from telemetry import __version__
from telemetry.ledger import POINT_ENDS, Counters, frames_in_flight, sources
from telemetry.model.fields import Kind
from telemetry.model.measurements import BATTERY, CHARGER, METER
from telemetry.model.source_states import WELL

CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "nev_telemetry_"

Status = Mapping[str, Any]

# Gauge of the status, name and meaning of the metric.
_GAUGES = (
    ("spool_bytes", "spool_size_bytes", "Size of the spool on disk."),
    ("spool_oldest_s", "spool_oldest_batch_age_seconds", "Age of the oldest batch that waits."),
    ("spool_volatile", "spool_volatile", "1 while the disk refuses and live data flows from memory alone."),
    ("frames_waiting", "frames_waiting", "Frames read that wait for the pipeline."),
    ("bound_factor", "bound_factor", "By which bounds are multiplied, where [uplink] sets a budget."),
    ("sink_held", "sink_held", "1 while the server refuses everything and batches are held."),
    ("memory_bytes", "process_resident_memory_bytes", "Resident memory."),
    ("uptime_s", "uptime_seconds", "Time since the service started."),
    ("status_age_s", "status_age_seconds", "Age of these numbers."),
    ("progress_age_s", "progress_age_seconds", "Time since the pipeline got on."),
)
_COUNTERS = (  # likewise
    ("cpu_s", "process_cpu_seconds", "Processor time used, user and system."),
    ("log_lines_dropped", "log_lines_dropped", "Lines that nobody has read from stderr in time."),
    ("incomplete_cycles", "incomplete_cycles", "Cycles of cell pages that were not complete."),
)

_SOURCE = "/(?P<source>[^/]+)/"
_ACCOUNTS = (  # which counters of the accounts, name and meaning of the metric
    (f"bus{_SOURCE}read", "frames_read", "Frames and messages that came in, good or bad."),
    (f"bus{_SOURCE}kernel_dropped", "frames_kernel_dropped", "Frames that the kernel dropped."),
    (f"frames{_SOURCE}(?P<result>(?!lost/).+)", "frames", "Frames by what became of them."),
    (f"frames{_SOURCE}lost/(?P<reason>.+)", "frames_lost", "Frames that were read and lost."),
    (
        f"bus{_SOURCE}(?P<kind>(?!(?:read|kernel_dropped)$).+)",
        "source_counts",
        "What else a source counts.",
    ),
    (f"sessions{_SOURCE}(?P<result>.+)", "transport_sessions", "Transport sessions by what became of them."),
    (
        f"protection{_SOURCE}(?P<message>.+)/(?P<fault>[^/]+)",
        "protected_frames_wrong",
        "Frames that are not what they ought to be.",
    ),
    ("values/left_out/(?P<measurement>.+)", "values_left_out", "Values left out within their bounds."),
    ("triggers/(?P<result>.+)", "triggers", "Triggers by what became of them."),
    ("black_box/(?P<result>.+)", "black_box", "What the black box counts."),
    (
        f"senders{_SOURCE}(?P<message>.+)/[^/]+",
        "rows_of_other_senders",
        "Rows that fill no field: of a J1939 sender that the map does not take.",
    ),
)

_PROCESS = ProcessCollector(registry=None)  # it reads the time of the boot once


def exposition(status: Status, *, with_values: bool = False) -> bytes:
    """Return the text of a scrape, of the status of one moment."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status, with_values=with_values))
    registry.register(_PROCESS)
    return generate_latest(registry)


class StatusCollector(Collector):
    """Makes the metrics of one status."""

    def __init__(self, status: Status, *, with_values: bool) -> None:
        self._status = status
        self._with_values = with_values

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(PREFIX + "build", "What runs.", {"version": __version__})
        yield from self._bus_and_frames()
        yield from self._points()
        yield from self._sink()
        gauges = self._status["gauges"]
        for key, name, meaning in _GAUGES:
            if key in gauges:  # one that the system did not give is absent, and never 0
                yield GaugeMetricFamily(PREFIX + name, meaning, float(gauges[key]))
        for key, name, meaning in _COUNTERS:
            yield CounterMetricFamily(PREFIX + name, meaning, gauges[key])
        if self._with_values:
            yield from value_metrics(self._status["live"])

    def _bus_and_frames(self) -> Iterator[Metric]:
        accounts = self._status["accounts"]
        for pattern, name, meaning in _ACCOUNTS:
            yield _counters(accounts, pattern, name, meaning)
        rates = _gauge("source_frames_per_second", "Frames that came lately.", "source")
        busy = _gauge("bus_load_ratio", "Part of its time that the bus was busy lately.", "source")
        up = _gauge(
            "source_up",
            "1 while the source receives, from one of its devices at least, or has read its log.",
            "source",
        )
        device_up = _gauge(
            "device_up", "1 while this one of several devices is received.", "source", "device"
        )
        in_flight = _gauge("frames_in_flight", "Frames read and not accounted for yet.", "source")
        for source in sources(accounts):
            in_flight.add_metric([source], frames_in_flight(accounts, source))
        for each in self._status["live"]["sources"]:
            rates.add_metric([each["source"]], each["frames_per_s"])
            if each["state"]:  # others are no longer configured, and have accounts alone
                is_up = any(state in WELL for state in (each["state"], *each["devices"].values()))
                up.add_metric([each["source"]], float(is_up))
            for device, state in each["devices"].items():
                device_up.add_metric([each["source"], device], float(state in WELL))
            if each["bus_load_pct"] is not None:
                busy.add_metric([each["source"]], each["bus_load_pct"] / 100.0)
        yield from (in_flight, rates, busy, up, device_up)

    def _points(self) -> Iterator[Metric]:
        accounts, gauges = self._status["accounts"], self._status["gauges"]
        yield _counters(accounts, "points/made/(?P<measurement>.+)", "points_made", "Points made.")
        ends = CounterMetricFamily(PREFIX + "points", "Points by what became of them.", labels=["result"])
        for end in POINT_ENDS:
            ends.add_metric([end], accounts.get(f"points/{end}", 0))
        waiting = _gauge("points_waiting", "Points not acknowledged yet.", "place")
        for place in ("memory", "disk"):
            waiting.add_metric([place], gauges[f"points_waiting_{place}"])
        yield from (ends, waiting)

    def _sink(self) -> Iterator[Metric]:
        sink = self._status["sink"]
        latency = sink["latency"]
        buckets = [(str(float(bound)), count) for bound, count in latency["buckets"]]
        yield HistogramMetricFamily(
            PREFIX + "sink_request_duration_seconds",
            "How long requests to the server took, answered or not.",
            [*buckets, ("+Inf", latency["count"])],
            latency["sum_s"],
        )
        yield CounterMetricFamily(
            PREFIX + "sink_sent_bytes", "Lines sent, mostly compressed, each time.", sink["bytes_sent"]
        )
        lines = CounterMetricFamily(
            PREFIX + "line_bytes", "Lines made, without tags and stamps of rows.", labels=["measurement"]
        )
        for measurement, count in self._status["line_bytes"].items():
            lines.add_metric([measurement], count)
        yield lines
        yield CounterMetricFamily(
            PREFIX + "sink_link_bytes", "About what the link has carried, both ways.", sink["link_bytes"]
        )


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, meaning, labels=labels)


def _counters(accounts: Counters, pattern: str, name: str, meaning: str) -> CounterMetricFamily:
    """Return the counters whose whole name fits: its named groups are the labels."""
    named = re.compile(pattern, re.DOTALL)
    family = CounterMetricFamily(PREFIX + name, meaning, labels=list(named.groupindex))
    for counter, count in accounts.items():
        if match := named.fullmatch(counter):
            family.add_metric(match.groups(), count)
    return family


# Measurement; its label; where the live values have such things, and the values of each.
_SHOWN = (
    (BATTERY, "pack", "packs", "battery"),
    (CHARGER, "charger", "chargers", "values"),
    (METER, "charger", "meters", "values"),
)


def value_metrics(live: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield a gauge for each field that something has now, for `[web] values = true`.

    live: as of `telemetry.live.view.live_view`. Names are the data model's, labels the configuration's: their
    number does not grow with time. A value that is stale is absent, as Prometheus expects of what is not
    known. A flag is 1 or 0. Texts and single cells are left out.
    """
    for measurement, label, things, values in _SHOWN:
        for field in measurement.fields:
            if field.kind is Kind.TEXT:
                continue
            gauge = GaugeMetricFamily(
                f"{PREFIX}{measurement.name}_{field.name}",
                f"{field.meaning[0].upper()}{field.meaning[1:]}.",
                labels=["vehicle", label, "source"],
            )
            for thing in live[things]:
                if field.name in thing[values] and field.name not in thing["stale"]:
                    names = [live["vehicle"], thing[label], thing["source"]]
                    gauge.add_metric(names, float(thing[values][field.name]))
            if gauge.samples:
                yield gauge
