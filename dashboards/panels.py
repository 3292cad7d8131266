"""The few kinds of panel that the dashboards are made of, with one look: units, colours, legends, limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    MatcherConfig,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards.influx import ALARM_TAGS, DATASOURCE, Language

PACK = "${__field.labels.vehicle} ${__field.labels.pack}"
PACK_AND_SOURCE = f"{PACK} (${{__field.labels.source}})"
VEHICLE = "${__field.labels.vehicle}"
SOURCE = "${__field.labels.vehicle} ${__field.labels.source}"
CHARGER = "${__field.labels.vehicle} ${__field.labels.charger}"
WORST = 20  # rows of a table of many vehicles

GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"
YES_NO: list[ValueMapping] = [
    ValueMap({"true": ValueMappingResult(text="yes", color=ORANGE, index=0)}),
    ValueMap({"false": ValueMappingResult(text="no", color=GREEN, index=1)}),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a panel and what its series are called."""

    query: str
    name: str = PACK


@dataclass(frozen=True, slots=True)
class Limits:
    """Colours by value: the first one from below everything, each other one from its value on."""

    steps: tuple[tuple[float | None, str], ...]

    def built(self) -> builders.ThresholdsConfig:
        """Return the steps as a panel takes them."""
        steps = [Threshold(value, color) for value, color in self.steps]
        return builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


NO_LIMITS = Limits(((None, GREEN),))


def rising(warning: float, critical: float) -> Limits:
    """Good below, bad above."""
    return Limits(((None, GREEN), (warning, ORANGE), (critical, RED)))


def falling(critical: float, warning: float) -> Limits:
    """Bad below, good above."""
    return Limits(((None, RED), (critical, ORANGE), (warning, GREEN)))


class Panels:
    """Makes panels that ask in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def lines(
        self,
        title: str,
        asked: Sequence[Asked],
        *,
        unit: str,
        description: str = "",
        limits: Limits = NO_LIMITS,
        lowest: float | None = None,
        highest: float | None = None,
        over_gaps: bool = False,
    ) -> timeseries.Panel:
        """Curves over time; limits are drawn as dashed lines.

        over_gaps: where intervals may be shorter than the distance of rows; a course has nulls in gaps.
        """
        panel = (
            timeseries.Panel()
            .title(title)
            .description(description)
            .datasource(DATASOURCE)
            .unit(unit)
            .thresholds(limits.built())
            .line_width(1)
            .fill_opacity(8)
            .show_points(common.VisibilityMode.AUTO)  # one value between two gaps is a point
            .span_nulls(3_600_000.0 if over_gaps else False)  # ms: what is absent for longer is a gap
            .legend(_legend())
            .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
            .span(12)
            .height(8)
        )
        if limits is not NO_LIMITS:
            dashed = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
            panel.thresholds_style(dashed)
        if lowest is not None:
            panel.min(lowest)
        if highest is not None:
            panel.max(highest)
        for ref_id, one in zip("ABCDEF", asked, strict=False):
            panel.with_target(self._language.query(ref_id, one.query, as_table=False))
        return panel.overrides(_names(asked))

    def bars(
        self, title: str, asked: Sequence[Asked], *, unit: str, description: str = ""
    ) -> timeseries.Panel:
        """Show one bar for each day and series."""
        return (
            self.lines(title, asked, unit=unit, description=description, lowest=0.0)
            .draw_style(common.GraphDrawStyle.BARS)
            .fill_opacity(70)
            .bar_width_factor(0.8)
        )

    def number(
        self, title: str, asked: Asked, *, unit: str, limits: Limits = NO_LIMITS, description: str = ""
    ) -> stat.Panel:
        """Show the last value of each series, coloured by the limits."""
        return (
            stat.Panel()
            .title(title)
            .description(description)
            .datasource(DATASOURCE)
            .unit(unit)
            .thresholds(limits.built())
            .color_mode(common.BigValueColorMode.VALUE)
            .graph_mode(common.BigValueGraphMode.NONE)
            .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
            .reduce_options(_last())
            .with_target(self._language.query("A", asked.query, as_table=False))
            .overrides(_names([asked]))
            .span(4)
            .height(5)
        )

    def words(self, title: str, asked: Asked, *, mappings: list[ValueMapping] | None = None) -> stat.Panel:
        """Show the last word or flag of each series."""
        panel = self.number(title, asked, unit="string")
        panel.reduce_options(_last().fields("/.*/"))
        return panel.mappings(mappings) if mappings else panel

    def gauges(self, title: str, asked: Asked, *, unit: str, description: str = "") -> bargauge.Panel:
        """Show one bar for each field, from the lowest to the highest value."""
        return (
            bargauge.Panel()
            .title(title)
            .description(description)
            .datasource(DATASOURCE)
            .unit(unit)
            .decimals(4)
            .orientation(common.VizOrientation.VERTICAL)
            .display_mode(common.BarGaugeDisplayMode.BASIC)
            .color_scheme(builders.FieldColor().mode(FieldColorModeId.CONTINUOUS_BL_YL_RD))
            .reduce_options(_last())
            .with_target(self._language.query("A", asked.query, as_table=False))
            .overrides(_names([asked]))
            .span(24)
            .height(8)
        )

    def map_of_rows(self, title: str, asked: Asked, *, unit: str, description: str = "") -> heatmap.Panel:
        """Show a row for each field, coloured by value, over time."""
        return (
            heatmap.Panel()
            .title(title)
            .description(description)
            .datasource(DATASOURCE)
            .calculate(False)
            .color(heatmap.HeatmapColorOptions().scheme("Turbo").steps(64))
            .cell_values(heatmap.CellValues().unit(unit).decimals(4))
            .cell_gap(0)
            .with_target(self._language.query("A", asked.query, as_table=False))
            .overrides(_names([asked]))
            .span(24)
            .height(10)
        )

    def states(
        self, title: str, asked: Sequence[Asked], *, mappings: list[ValueMapping]
    ) -> statetimeline.Panel:
        """Show flags or words over time, a row for each series."""
        panel = (
            statetimeline.Panel()
            .title(title)
            .datasource(DATASOURCE)
            .mappings(mappings)
            .show_value(common.VisibilityMode.NEVER if mappings else common.VisibilityMode.AUTO)
            .merge_values(True)
            .row_height(0.8)
            .span(24)
            .height(7)
        )
        for ref_id, one in zip("ABCDEF", asked, strict=False):
            panel.with_target(self._language.query(ref_id, one.query, as_table=False))
        return panel.overrides(_names(asked))

    def events(self) -> table.Panel:
        """List what happened, newest first."""
        query = self._language.listing("event", ALARM_TAGS, ("level", "active", "text"))
        return self.rows("Events", query, description="Level: 1 warning, 2 critical.")

    def worst(
        self,
        title: str,
        query: str,
        *,
        by: str = "value",
        highest: bool = False,
        unit: str = units.Short,
        description: str = "",
        hidden: str = "",
    ) -> table.Panel:
        """Show WORST rows of a table: the highest or lowest of a column. hidden: one that says nothing."""
        order = {"sort": [{"field": by, "desc": highest}]}
        without = {"excludeByName": {hidden: True} if hidden else {}}
        return (
            self.rows(title, query, description=description)
            .with_transformation(DataTransformerConfig(id_val="sortBy", options=order))
            .with_transformation(DataTransformerConfig(id_val="limit", options={"limitField": WORST}))
            .with_transformation(DataTransformerConfig(id_val="organize", options=without))
            .override_by_name("value", [DynamicConfigValue(id_val="unit", value=unit)])
            .span(12)
        )

    def rows(self, title: str, query: str, *, description: str = "") -> table.Panel:
        """Show a table as the query gives it."""
        return (
            table.Panel()
            .title(title)
            .description(description)
            .datasource(DATASOURCE)
            .filterable(True)
            .with_target(self._language.query("A", query, as_table=True))
            .span(24)
            .height(9)
        )


def _names(asked: Sequence[Asked]) -> list[Builder[DashboardFieldConfigSourceOverrides]]:
    """Name the series of each query."""
    return [
        builders.DashboardFieldConfigSourceOverrides()
        .matcher(MatcherConfig(id_val="byFrameRefID", options=ref_id))
        .properties([DynamicConfigValue(id_val="displayName", value=one.name)])
        for ref_id, one in zip("ABCDEF", asked, strict=False)
        if one.name
    ]


def _legend() -> common_builders.VizLegendOptions:
    return (
        common_builders.VizLegendOptions()
        .show_legend(True)
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
    )


def _last() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
