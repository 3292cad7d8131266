"""What all dashboards share: data source, variables, time range, links between them, panel numbers."""

from collections.abc import Iterable, Mapping

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.influx import DATASOURCE, Language

TAG = "nev-telemetry"
ROWS_END_AT = 24  # columns of Grafana's grid

Row = tuple[str, Iterable[Builder[Panel]]]


def dashboard(
    language: Language,
    name: str,
    description: str,
    variables: Iterable[Builder[VariableModel]],
    rows: Iterable[Row],
) -> Dashboard:
    """Make a dashboard of rows of panels; its uid never changes, so that links and bookmarks hold."""
    built = (
        builders.Dashboard(f"{name.capitalize()} ({language.title})")
        .uid(f"nev-{name}-{language.name}")
        .description(description)
        .tags([TAG, language.name])
        .timezone("browser")
        .time("now-7d", "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("More")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG, language.name])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(builders.DatasourceVariable("datasource").label("Data source").type("influxdb"))
    )
    for variable in variables:
        built.with_variable(variable)
    number = 0
    for title, panels in rows:
        number += 1
        built.with_row(builders.Row(title).id(number))
        for panel in panels:
            number += 1
            built.with_panel(_Numbered(panel, number))
    return built.build()


class _Numbered(Builder[Panel]):
    """A panel with its number, which Grafana wants to be unique in a dashboard."""

    def __init__(self, panel: Builder[Panel], number: int) -> None:
        self._panel = panel
        self._number = number

    def build(self) -> Panel:
        panel = self._panel.build()
        panel.id_val = self._number
        return panel


def vehicles(language: Language, *, several: bool = True) -> builders.QueryVariable:
    """Make the variable `vehicle`: all, also those of which a recording is all that there is."""
    return _variable("vehicle", "Vehicle", language.tag_values("vehicle"), several=several)


def packs(language: Language, *, several: bool = True) -> builders.QueryVariable:
    """Make the variable `pack`: of the chosen vehicles."""
    query = language.tag_values("pack", "battery", where=("vehicle",))
    return _variable("pack", "Pack", query, several=several)


def sources(language: Language) -> builders.QueryVariable:
    """Make the variable `source`: buses and ports of the chosen vehicles."""
    query = language.tag_values("source", "gateway", where=("vehicle",))
    return _variable("source", "Source", query, several=True)


def drawn() -> tuple[builders.CustomVariable, ...]:
    """Make the variables that say what is between two stored values: `shape` and `silence`."""
    shapes = {"line": "0.5", "hold": "1.0", "mean by count": "0.0"}  # of a step, what its area lacks
    silences = {"90 s": "90", "5 min": "300", "15 min": "900", "90 min": "5400"}
    return _choice("shape", "Between values", shapes), _choice("silence", "Gap after", silences)


def _choice(name: str, label: str, values: Mapping[str, str]) -> builders.CustomVariable:
    options = [VariableOption(not at, text, value) for at, (text, value) in enumerate(values.items())]
    query = ",".join(f"{text} : {value}" for text, value in values.items())
    return builders.CustomVariable(name).label(label).values(query).options(options).current(options[0])


def _variable(name: str, label: str, query: str, *, several: bool) -> builders.QueryVariable:
    """Make a variable. All stands for any name: a thousand of them make a query of 11 kB."""
    variable = (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
        .hide(VariableHide.DONT_HIDE)
        .multi(several)
        .include_all(several)
    )
    return variable.all_value(".*") if several else variable
