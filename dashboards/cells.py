"""The dashboard `cells`: one pack, cell by cell and sensor by sensor."""

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models.common import LineInterpolation
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import dashboard, drawn, packs, vehicles
from dashboards.influx import Language, Values
from dashboards.panels import NO_LIMITS, Asked, Limits, Panels, rising
from dashboards.units import label_of, unit_of

CELL = "${__field.labels._field}"  # InfluxQL names its columns itself


def cells(language: Language) -> Dashboard:
    """Show one pack of one vehicle: cells of several packs in one picture say nothing."""
    panels = Panels(language)
    volt, celsius = unit_of("cells", "vNNN"), unit_of("cells", "tNNN")
    name_of_field = CELL if language.name == "flux" else ""

    def now(field: str, limits: Limits = NO_LIMITS, title: str = "") -> stat.Panel:
        asked = Asked(language.latest(Values("battery", field)))
        return panels.number(
            title or label_of("battery", field), asked, unit=unit_of("battery", field), limits=limits
        )

    def both(lowest: str, highest: str) -> list[Asked]:
        return [
            Asked(language.course(Values("battery", lowest), "min"), "lowest"),
            Asked(language.course(Values("battery", highest), "max"), "highest"),
        ]

    return dashboard(
        language,
        "cells",
        "Voltage of each cell and temperature of each sensor of one pack.",
        [vehicles(language, several=False), packs(language, several=False), *drawn()],
        [
            (
                "Now",
                [
                    now("cell_min_v"),
                    now("cell_min_index", title="Its number"),
                    now("cell_max_v"),
                    now("cell_max_index", title="Its number"),
                    now("cell_delta_v", rising(0.03, 0.05)),
                    now("temp_max_c", rising(45.0, 55.0)),
                    panels.gauges(
                        "All cells",
                        Asked(language.fields_now("cells", "v"), name_of_field),
                        unit=volt,
                        description="The last reading of all cells.",
                    ),
                ],
            ),
            (
                "Course",
                [
                    panels.lines(
                        "Delta of the cells",
                        [Asked(language.course(Values("battery", "cell_delta_v"), "max"), "delta")],
                        unit=volt,
                        limits=rising(0.03, 0.05),
                        description="At rest it shows drift; under load it shows resistance.",
                    ),
                    panels.lines("Lowest and highest cell", both("cell_min_v", "cell_max_v"), unit=volt),
                    panels.map_of_rows(
                        "Cells over time",
                        Asked(language.fields_over_time("cells", "v"), name_of_field),
                        unit=volt,
                    ),
                    panels.lines(
                        "Number of the lowest cell",
                        [Asked(language.states(Values("battery", "cell_min_index")), "cell")],
                        unit=unit_of("battery", "cell_min_index"),
                        description="One number for days: that cell is weak.",
                    ).line_interpolation(LineInterpolation.STEP_AFTER),
                    panels.lines(
                        "Sensors",
                        [Asked(language.fields_over_time("cells", "t"), name_of_field)],
                        unit=celsius,
                        limits=rising(45.0, 55.0),
                    ),
                ],
            ),
        ],
    )
