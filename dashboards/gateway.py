"""The dashboard `gateway`: whether the gateways do their work, what waits, what is lost and why."""

from functools import partial

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import dashboard, sources, vehicles
from dashboards.influx import Language, Values
from dashboards.panels import NO_LIMITS, SOURCE, VEHICLE, YES_NO, Asked, Limits, Panels, rising
from dashboards.units import unit_of

_HOUR_S = 3600.0


def _of_gateway(field: str) -> Values:
    return Values("gateway", field, by=("vehicle",), where=("vehicle",))


def _of_source(field: str) -> Values:
    return Values("gateway", field, by=("vehicle", "source"), where=("vehicle", "source"))


def gateway(language: Language) -> Dashboard:
    """Show all gateways of the chosen vehicles and their sources."""
    panels = Panels(language)
    lines = partial(panels.lines, over_gaps=True)

    def now(title: str, field: str, limits: Limits = NO_LIMITS) -> stat.Panel:
        asked = Asked(language.latest(_of_gateway(field)), VEHICLE)
        return panels.number(title, asked, unit=unit_of("gateway", field), limits=limits)

    def lost(title: str, field: str) -> stat.Panel:
        asked = Asked(language.growth_from_0(_of_source(field)), SOURCE)
        return panels.number(title, asked, unit=units.Short, limits=rising(1.0, 100.0))

    def points(field: str, name: str) -> Asked:
        return Asked(language.rate(_of_gateway(field)), f"{name} {VEHICLE}")

    return dashboard(
        language,
        "gateway",
        "Accounts of the gateways: what they read, sent, hold and lost.",
        [vehicles(language), sources(language)],
        [
            (
                "Now",
                [
                    now("Oldest data that waits", "spool_oldest_s", rising(600.0, 24.0 * _HOUR_S)),
                    now("Points that wait", "points_waiting_disk"),
                    panels.words(
                        "Server refuses",
                        Asked(language.latest(_of_gateway("sink_held")), VEHICLE),
                        mappings=YES_NO,
                    ),
                    panels.words(
                        "Disk refuses",
                        Asked(language.latest(_of_gateway("spool_volatile")), VEHICLE),
                        mappings=YES_NO,
                    ),
                    now("Points refused", "points_dead", rising(1.0, 1000.0)),
                    now("Points evicted", "points_evicted", rising(1.0, 1000.0)),
                ],
            ),
            (
                "Frames",
                [
                    lines(
                        "Frames read",
                        [Asked(language.rate(_of_source("read")), SOURCE)],
                        unit="suffix:/s",
                    ),
                    lines(
                        "Frames that no database knows",
                        [Asked(language.rate(_of_source("unknown")), SOURCE)],
                        unit="suffix:/s",
                    ),
                    lost("Dropped by the kernel", "kernel_dropped").span(12),
                    lost("Lost: a queue was full", "lost_queue_overflow").span(12),
                ],
            ),
            (
                "Points",
                [
                    lines(
                        "Points made and acknowledged",
                        [points("points_made", "made"), points("points_acknowledged", "acknowledged")],
                        unit="suffix:/s",
                        description="They differ while the link is gone, and while it catches up.",
                    ),
                    lines(
                        "Age of the oldest data that waits",
                        [Asked(language.over_time(_of_gateway("spool_oldest_s"), "max"), VEHICLE)],
                        unit=unit_of("gateway", "spool_oldest_s"),
                        limits=rising(600.0, 24.0 * _HOUR_S),
                    ),
                    lines(
                        "Spool on disk",
                        [Asked(language.over_time(_of_gateway("spool_bytes"), "max"), VEHICLE)],
                        unit=unit_of("gateway", "spool_bytes"),
                    ),
                    lines(
                        "Written to disk",
                        [Asked(language.over_time(_of_gateway("spool_written_bytes_per_h")), VEHICLE)],
                        unit=unit_of("gateway", "spool_written_bytes_per_h"),
                        description="What wears out a memory card.",
                    ),
                ],
            ),
            (
                "The process",
                [
                    lines(
                        "Processor",
                        [Asked(language.rate(_of_gateway("cpu_s")), VEHICLE)],
                        unit=units.PercentUnit,
                        description="Of one core.",
                    ),
                    lines(
                        "Memory",
                        [Asked(language.over_time(_of_gateway("memory_bytes"), "max"), VEHICLE)],
                        unit=unit_of("gateway", "memory_bytes"),
                    ),
                    panels.events(),
                ],
            ),
        ],
    )
