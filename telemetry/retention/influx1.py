"""InfluxDB 1.x: retention policies and continuous queries of the configured database."""

from datetime import UTC, datetime
from typing import Any, Self

from telemetry.errors import UnavailableError
from telemetry.retention import influxql
from telemetry.retention.kept import MINUTES, RAW
from telemetry.retention.server import Retaining, hours
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api, InfluxServer
from telemetry.sinks.influxql import quoted


class Influx1(Retaining):
    """See `Retaining`."""

    name, place_kind, task_kind = "InfluxDB 1.x", "retention policy", "continuous query"

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

    def _policies(self) -> list[dict[str, Any]]:
        (shown,) = self.query(f"SHOW RETENTION POLICIES ON {quoted(self._database)}")
        return list(shown["rows"])

    def place(self, name: str) -> str:
        if name != RAW:
            return name
        default = (row["name"] for row in self._policies() if row["default"])
        return self.settings.v1_retention_policy or next(default, influxql.DEFAULT_POLICY)

    def keeps_days(self, place: str) -> float | None:
        durations = (row["duration"] for row in self._policies() if row["name"] == place)
        return next((int("0" + each.rpartition("h")[0]) / 24 for each in durations), None)  # `720h0m0s`; `0s`

    def keep(self, place: str, days: int) -> None:
        verb = "CREATE" if self.keeps_days(place) is None else "ALTER"
        self.query(influxql.policy(self._database, place, days, verb))

    def texts(self) -> dict[str, str]:
        return influxql.queries(self._database, self.place(RAW))

    def written(self) -> dict[str, tuple[str, str]]:
        shown = self.query("SHOW CONTINUOUS QUERIES")
        rows = (row for each in shown if each["name"] == self._database for row in each["rows"])
        return {row["name"]: ("there", row["query"]) for row in rows}

    def write(self, name: str, text: str) -> None:
        self.query(f"DROP CONTINUOUS QUERY {quoted(name)} ON {quoted(self._database)}")
        self.query(text)

    def count(self, place: str) -> int:
        shown = self.query(" ".join(("SELECT count(*) FROM", f"{quoted(place)}./.*/")))
        counts = (pair for each in shown for row in each["rows"] for pair in row.items())
        return sum(count or 0 for name, count in counts if name != "time")

    def oldest(self) -> datetime | None:
        where = (self._database, self.place(RAW))
        shards = (row for each in self.query("SHOW SHARD GROUPS") for row in each["rows"])
        starts = [row["start_time"] for row in shards if (row["database"], row["retention_policy"]) == where]
        return min(map(datetime.fromisoformat, starts), default=None)

    def newest_minute(self) -> datetime | None:
        text = " ".join(("SELECT * FROM", f"{MINUTES}./.*/", "ORDER BY time DESC LIMIT 1"))
        times_ns = [row["time"] for each in self.query(text) for row in each["rows"]]
        return datetime.fromtimestamp(max(times_ns) // 10**9, UTC) if times_ns else None

    def bring_in(self, start: datetime, stop: datetime) -> None:
        between = f"WHERE time >= '{hours(start)}' AND time < '{hours(stop)}'"
        for into, group in influxql.selections(self._database, self.place(RAW)).values():
            self.query(f"{into} {between} {group}")
