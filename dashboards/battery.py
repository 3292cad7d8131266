"""The dashboard `battery`: how each pack is, what it does, what it went through."""

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import dashboard, drawn, packs, vehicles
from dashboards.influx import PACK_OF_SOURCE, Language, Values
from dashboards.panels import NO_LIMITS, PACK_AND_SOURCE, YES_NO, Asked, Limits, Panels, falling, rising
from dashboards.units import label_of, unit_of


def battery(language: Language) -> Dashboard:
    """Show all packs of the chosen vehicles."""
    panels = Panels(language)

    def now(field: str, limits: Limits = NO_LIMITS) -> stat.Panel:
        asked = Asked(language.latest(Values("battery", field)))
        return panels.number(label_of("battery", field), asked, unit=unit_of("battery", field), limits=limits)

    def course(
        field: str, *, function: str = "mean", limits: Limits = NO_LIMITS, description: str = ""
    ) -> timeseries.Panel:
        asked = [Asked(language.course(Values("battery", field), function))]
        unit = unit_of("battery", field)
        title = label_of("battery", field)
        return panels.lines(title, asked, unit=unit, limits=limits, description=description)

    def a_day(title: str, counter: str, description: str) -> timeseries.Panel:
        counted = Values("battery", counter, by=PACK_OF_SOURCE)
        asked = [Asked(language.thousands_per_day(counted), PACK_AND_SOURCE)]
        return panels.bars(title, asked, unit=units.KiloWattHour, description=description)

    def a_week(title: str, out_of: str, into: str, description: str) -> timeseries.Panel:
        asked = [Asked(language.percent_per_week(out_of, into), PACK_AND_SOURCE)]
        return panels.bars(title, asked, unit=units.Percent, description=description)

    return dashboard(
        language,
        "battery",
        "State of charge, power, temperatures and alarms of each pack.",
        [vehicles(language), packs(language), *drawn()],
        [
            (
                "Now",
                [
                    now("soc_pct", falling(10.0, 20.0)),
                    now("power_w"),
                    now("temp_max_c", rising(45.0, 55.0)),
                    now("cell_delta_v", rising(0.03, 0.05)),
                    now("soh_pct", falling(70.0, 80.0)),
                    now("insulation_kohm", falling(100.0, 500.0)),
                ],
            ),
            (
                "Course",
                [
                    course("soc_pct").min(0.0).max(100.0),
                    course("power_w", description="Positive into the battery.").axis_centered_zero(True),
                    course("voltage_v"),
                    course("current_a", description="Positive into the battery.").axis_centered_zero(True),
                    course("temp_max_c", function="max", limits=rising(45.0, 55.0)),
                    course("temp_min_c", function="min", limits=falling(-10.0, 0.0)),
                ],
            ),
            (
                "Energy and states",
                [
                    a_day(
                        "Energy into the battery, a day",
                        "charged_wh",
                        "Charging, and what comes back while braking; counted over every frame.",
                    ),
                    a_day("Energy out of the battery, a day", "discharged_wh", "Counted over every frame."),
                    a_week(
                        "Energy out for what went in, a week",
                        "discharged_wh",
                        "charged_wh",
                        "The rest is lost as heat. A week that ends emptier than it began shows too much.",
                    ),
                    a_week(
                        "Charge out for what went in, a week",
                        "discharged_ah",
                        "charged_ah",
                        "Near 100 % in a week that ends as full as it began; otherwise a sensor is wrong.",
                    ),
                    panels.states(
                        "Charging",
                        [Asked(language.states(Values("battery", "charging")))],
                        mappings=YES_NO,
                    ),
                    panels.events(),
                ],
            ),
        ],
    )
