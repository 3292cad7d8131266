"""InfluxDB 1.x: retention policies and continuous queries of the configured database."""

from datetime import datetime
from functools import partial
from typing import Any, Self

from telemetry.errors import UnavailableError
from telemetry.retention import influxql
from telemetry.retention.kept import MINUTES, RECORDS
from telemetry.retention.server import ENDLESS, Retaining, Step, hours
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api, InfluxServer
from telemetry.sinks.influxql import quoted


class Influx1(Retaining):
    """See `Retaining`."""

    name = "InfluxDB 1.x"

    @classmethod
    def found(cls, client: InfluxClient, settings: InfluxServer) -> Self | None:
        """Return it if it knows retention policies. Raises UnavailableError if the database is missing."""
        server = cls(client, settings)
        question = {"q": f"SHOW RETENTION POLICIES ON {quoted(server._database)}"}
        status, said = server.ask(Api.V1, "POST", "/query", question)
        results = said.get("results") if status == 200 and isinstance(said, dict) else None
        result = results[0] if isinstance(results, list) and results else {}
        series = result.get("series") or [{}]
        if "database not found" in result.get("error", ""):
            raise server.missing(f"database {server._database}")
        return server if "duration" in series[0].get("columns", ()) else None

    @property
    def _database(self) -> str:
        return self.settings.v1_database

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return the series of an answer, rows as dictionaries under `rows`."""
        said = self.insist(Api.V1, "POST", "/query", {"db": self._database, "q": text, "epoch": "ns"})
        result = said["results"][0]
        if "error" in result:
            raise UnavailableError(f"refuses: {result['error']}", where=self.settings.url)
        return [
            {
                "name": each.get("name", ""),
                "rows": [dict(zip(each["columns"], row, strict=True)) for row in rows],
            }
            for each in result.get("series", ())
            if (rows := each.get("values"))
        ]

    def _policies(self) -> dict[str, dict[str, Any]]:
        (shown,) = self.query(f"SHOW RETENTION POLICIES ON {quoted(self._database)}")
        return {row["name"]: row for row in shown["rows"]}

    def _raw_policy(self) -> str:
        default = (name for name, row in self._policies().items() if row["default"])
        return self.settings.v1_retention_policy or next(default, influxql.DEFAULT_POLICY)

    def places(self) -> list[Step]:
        found = self._policies()
        return [self._kept(name, wanted, found) for name, wanted in influxql.POLICIES.items()]

    def _kept(self, name: str, wanted: str, found: dict[str, dict[str, Any]]) -> Step:
        what = f"retention policy {name} of {wanted}"
        if name not in found:
            statement = influxql.policy(self._database, name, wanted)
            return Step(what, "missing", partial(self.query, statement))
        there, days = _days(found[name]["duration"]), _days(wanted)
        if there or not days:  # what somebody has chosen stays
            return Step(what, "there" if there == days else f"is of {there} days, and stays so")
        statement = influxql.policy(self._database, name, wanted, "ALTER")
        return Step(what, ENDLESS.format(days), partial(self.query, statement))

    def tasks(self) -> list[Step]:
        shown = self.query("SHOW CONTINUOUS QUERIES")
        rows: list[dict[str, Any]] = next(
            (each["rows"] for each in shown if each["name"] == self._database), []
        )
        found = {row["name"]: influxql.bare(row["query"]) for row in rows}
        steps = []
        for name, text in influxql.queries(self._database, self._raw_policy()).items():
            what = f"continuous query {name}"
            if found.get(name) == influxql.bare(text):
                steps.append(Step(what, "there"))
            else:
                steps.append(
                    Step(what, "differs" if name in found else "missing", partial(self._make, name, text))
                )
        return steps

    def _make(self, name: str, text: str) -> None:
        self.query(f"DROP CONTINUOUS QUERY {quoted(name)} ON {quoted(self._database)}")
        self.query(text)

    def raw(self) -> Step:
        return self._kept(self._raw_policy(), influxql.RAW, self._policies())

    def values(self) -> dict[str, int]:
        counted = {}
        for place in (self._raw_policy(), MINUTES, RECORDS):
            text = " ".join(("SELECT count(*) FROM", f"{quoted(place)}./.*/"))
            shown = self.query(text) if place in self._policies() else []
            counts = (row.items() for each in shown for row in each["rows"])
            counted[place] = sum(count or 0 for row in counts for name, count in row if name != "time")
        return counted

    def oldest(self) -> datetime | None:
        where = (self._database, self._raw_policy())
        shards = (row for each in self.query("SHOW SHARD GROUPS") for row in each["rows"])
        starts = [row["start_time"] for row in shards if (row["database"], row["retention_policy"]) == where]
        return min(map(datetime.fromisoformat, starts), default=None)

    def bring_in(self, start: datetime, stop: datetime) -> None:
        between = f"WHERE time >= '{hours(start)}' AND time < '{hours(stop)}'"
        for into, group in influxql.selections(self._database, self._raw_policy()).values():
            self.query(f"{into} {between} {group}")


def _days(duration: str) -> int:
    """Return the days of `365d` or `720h0m0s`; 0: for ever."""
    return (
        int(duration[:-1])
        if duration.endswith("d")
        else int(duration.partition("h")[0]) // 24
        if "h" in duration
        else 0
    )
