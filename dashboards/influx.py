"""The two languages in which a dashboard asks InfluxDB, and the query as Grafana's SDK wants it.

Promises: both languages ask the same, so one description of a dashboard serves both; series carry the tags
that they are grouped by as labels. Relies on Grafana to fill in the time range, the interval and the
variables (`vehicle`, `pack`, `source`, `shape`, `silence`) of the dashboard.
"""

from dataclasses import dataclass
from typing import Protocol

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

PACK_OF_SOURCE = ("vehicle", "pack", "source")  # counters of one pack on two buses are not one counter
ALARM_TAGS = ("vehicle", "pack", "charger", "source", "code")
DATASOURCE = DataSourceRef(type_val="influxdb", uid="${datasource}")


@dataclass(frozen=True)
class InfluxQuery(Dataquery):
    """One query of a panel, as Grafana's data source for InfluxDB keeps it: the SDK has no type for it."""

    ref_id: str
    query: str
    is_flux: bool
    result_format: str

    def to_json(self) -> dict[str, object]:
        """Return what the SDK's encoder asks for."""
        fields: dict[str, object] = {"refId": self.ref_id, "datasource": DATASOURCE, "query": self.query}
        if self.is_flux:
            return fields
        return {**fields, "rawQuery": True, "resultFormat": self.result_format}


@dataclass(frozen=True)
class BuiltQuery(Builder[Dataquery]):
    """What a panel's `with_target` takes."""

    query: InfluxQuery

    def build(self) -> Dataquery:
        """Return the query itself: it needs no building."""
        return self.query


@dataclass(frozen=True, slots=True)
class Values:
    """One field of a measurement.

    by: one series for each set of these tags; where: the dashboard's variables that choose.
    """

    measurement: str
    field: str
    by: tuple[str, ...] = ("vehicle", "pack")
    where: tuple[str, ...] = ("vehicle", "pack")


class Language(Protocol):
    """What a dashboard asks. `mean` and the like are functions that both languages have by that name."""

    name: str
    title: str

    def over_time(self, values: Values, function: str = "mean") -> str:
        """Ask for one value for each interval of the panel, of rows of which none is left out."""

    def course(self, values: Values, function: str = "mean") -> str:
        """Ask for the mean over time in each interval, as `shape` draws between stored values.

        Where values are more than `silence` seconds apart it is null. `max`, `min`: of that and the values.
        """

    def states(self, values: Values) -> str:
        """Ask for the flag, word or number that stood in each interval; it stands until it changes."""

    def latest(self, values: Values) -> str:
        """Ask for the last value, from a day before the time range on."""

    def rate(self, values: Values) -> str:
        """Growth of a counter a second; a counter that begins again gives nothing."""

    def growth(self, values: Values) -> str:
        """Ask how much a device's own counter grew within the time range, from its first value there on.

        It may have begun at 0 again.
        """

    def growth_from_0(self, values: Values) -> str:
        """Ask how much a gateway's own counter grew within the range; before its first value it was 0."""

    def standing(self, values: Values) -> str:
        """Ask for a table of the last values within the time range: `Time`, the tags, `value`."""

    def lost(self, values: Values) -> str:
        """Ask for a table of what `growth_from_0` asks for: the tags, `value`."""

    def alarms(self) -> str:
        """Ask for a table of the chosen vehicles' alarms that stand: tags, `value` (the level), `text`."""

    def thousands_per_day(self, values: Values) -> str:
        """Ask how much a counter grew on each day, in thousands; it may have begun at 0 again."""

    def percent_per_week(self, part: str, whole: str) -> str:
        """Ask how much one counter of a battery grew in each week for what another one did; likewise."""

    def minutes_per_day_between(self, soc_from: float, soc_to: float) -> str:
        """Minutes of each day in which nothing but current into a pack was read, within these percents.

        So a minute of a drive in which it brakes does not count as one.
        """

    def fields_over_time(self, measurement: str, letter: str) -> str:
        """Ask for all of the numbered fields `vNNN` or `tNNN` of a pack."""

    def fields_now(self, measurement: str, letter: str) -> str:
        """Ask for the last value of each of them."""

    def sums_per_day(self, values: Values) -> str:
        """Ask for the sum of each day, in thousands."""

    def listing(self, measurement: str, tags: tuple[str, ...], fields: tuple[str, ...]) -> str:
        """Ask for a table of the chosen vehicles' points, newest first: time, tags, fields."""

    def tag_values(self, tag: str, measurement: str = "", where: tuple[str, ...] = ()) -> str:
        """Ask what a variable may be, of one measurement or of all."""

    def query(self, ref_id: str, text: str, *, as_table: bool) -> BuiltQuery:
        """Return the text as a query of a panel."""
