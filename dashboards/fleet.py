"""The dashboard `fleet`: of many vehicles the worst in each respect, as tables."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import dashboard, vehicles
from dashboards.influx import Language, Values
from dashboards.panels import Panels
from dashboards.units import label_of, unit_of


def _of_gateway(field: str) -> Values:
    return Values("gateway", field, by=("vehicle",), where=("vehicle",))


def _of_source(field: str) -> Values:
    return Values("gateway", field, by=("vehicle", "source"), where=("vehicle",))


def fleet(language: Language) -> Dashboard:
    """Show, of the chosen vehicles, those to look after first."""
    panels = Panels(language)
    standing, lost = language.standing, language.lost
    return dashboard(
        language,
        "fleet",
        "Which vehicles to look after first. Each table has the worst twenty of the time range.",
        [vehicles(language)],
        [
            (
                "Who is there",
                [
                    panels.worst(
                        "Not heard for longest", standing(_of_gateway("uptime_s")), by="Time", hidden="value"
                    ),
                    panels.worst("Oldest versions", standing(_of_gateway("version")), unit="string"),
                ],
            ),
            (
                "Batteries",
                [
                    panels.worst(
                        f"Lowest {label_of('battery', 'soc_pct').lower()}",
                        standing(Values("battery", "soc_pct", where=("vehicle",))),
                        unit=unit_of("battery", "soc_pct"),
                    ),
                    panels.worst(
                        "Alarms that stand",
                        language.alarms(),
                        highest=True,
                        description="Level: 1 warning, 2 critical.",
                    ),
                ],
            ),
            (
                "Data",
                [
                    panels.worst(
                        "Oldest data that waits",
                        standing(_of_gateway("spool_oldest_s")),
                        unit=unit_of("gateway", "spool_oldest_s"),
                        highest=True,
                    ),
                    panels.worst(
                        "Points that wait", standing(_of_gateway("points_waiting_disk")), highest=True
                    ),
                    panels.worst(
                        "Frames dropped by the kernel",
                        lost(_of_source("kernel_dropped")),
                        highest=True,
                        hidden="Time",
                    ),
                    panels.worst(
                        "Points evicted", lost(_of_gateway("points_evicted")), highest=True, hidden="Time"
                    ),
                ],
            ),
        ],
    )
