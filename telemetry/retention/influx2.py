"""InfluxDB 2.x: buckets and tasks of the configured organisation."""

import csv
import re
from datetime import datetime
from typing import Any, Self

from telemetry.errors import UnavailableError
from telemetry.retention import flux
from telemetry.retention.kept import MINUTES, RAW, TIERS
from telemetry.retention.server import Retaining, hours
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api, InfluxServer

_DAY_S = 86_400


class Influx2(Retaining):
    """See `Retaining`."""

    name, place_kind, task_kind = "InfluxDB 2.x", "bucket", "task"

    @classmethod
    def found(cls, client: InfluxClient, settings: InfluxServer) -> Self | None:
        """Return it if it shows buckets. Raises UnavailableError if the configured one is missing."""
        server = cls(client, settings)
        if (bucket := server._bucket(settings.v2_bucket)) is None:
            return None
        server._organisation()  # who is not shown it is shown no bucket, and could make none
        if not bucket:
            raise server.missing(f"bucket {settings.v2_bucket}")
        return server

    def _bucket(self, name: str) -> dict[str, Any] | None:
        """Return a bucket; an empty one where there is none of that name, None where nobody knows buckets."""
        query = {"name": name, "org": self.settings.org}
        status, said = self.ask(Api.V2, "GET", "/api/v2/buckets", query)
        if not isinstance(said, dict) or not ("buckets" in said or said.get("code") == "not found"):
            return None
        return next(iter(said.get("buckets", ())), {}) if status == 200 else {}

    def _organisation(self) -> str:
        status, said = self.ask(Api.V2, "GET", "/api/v2/orgs", {"org": self.settings.org})
        if status != 200 or not said.get("orgs"):
            words = f"shows no organisation {self.settings.org!r} to this account"
            raise UnavailableError(words, where=self.settings.url, hint="an all-access token is needed")
        return str(said["orgs"][0]["id"])

    def place(self, name: str) -> str:
        return flux.bucket(self.settings.v2_bucket, name)

    def keeps_days(self, place: str) -> float | None:
        if not (bucket := self._bucket(place)):
            return None
        return float(sum(rule["everySeconds"] for rule in bucket["retentionRules"]) / _DAY_S)

    def keep(self, place: str, days: int) -> None:
        wanted = {"retentionRules": [{"type": "expire", "everySeconds": days * _DAY_S}] if days else []}
        if bucket := self._bucket(place):
            self.insist(Api.V2, "PATCH", f"/api/v2/buckets/{bucket['id']}", {}, wanted)
        else:
            whose = {"orgID": self._organisation(), "name": place}
            self.insist(Api.V2, "POST", "/api/v2/buckets", {}, whose | wanted)

    def texts(self) -> dict[str, str]:
        bucket = self.settings.v2_bucket
        return {flux.task_name(bucket, tier): flux.task(bucket, tier) for tier in TIERS}

    def _task(self, name: str) -> dict[str, Any]:
        query = {"name": name, "org": self.settings.org}
        return next(iter(self.insist(Api.V2, "GET", "/api/v2/tasks", query)["tasks"]), {})

    def written(self) -> dict[str, tuple[str, str]]:
        tasks = {name: task for name in self.texts() if (task := self._task(name))}
        states = {"active": "there", "inactive": "is switched off, and stays so"}
        return {name: (states[task["status"]], task["flux"]) for name, task in tasks.items()}

    def write(self, name: str, text: str) -> None:
        if task := self._task(name):
            self.insist(Api.V2, "PATCH", f"/api/v2/tasks/{task['id']}", {}, {"flux": text})
        else:
            made = {"orgID": self._organisation(), "flux": text}
            self.insist(Api.V2, "POST", "/api/v2/tasks", {}, made)

    def _query(self, text: str) -> list[dict[str, str]]:
        body = {"query": text, "type": "flux", "dialect": {"annotations": []}}
        said = self.insist(Api.V2, "POST", "/api/v2/query", {"org": self.settings.org}, body=body)
        if failed := re.search(r"^,error,reference\s+,(.*)", str(said), re.MULTILINE):  # after a status 200
            words = f"ends a query: {failed[1].strip()}"
            raise UnavailableError(words, where=self.settings.url, hint="the same command goes on")
        return list(csv.DictReader(str(said).split()))

    def _of(self, place: str, rest: str) -> list[dict[str, str]]:
        return self._query(f"from(bucket: {flux.quoted(place)}) |> range(start: 0) |> {rest}")

    def count(self, place: str) -> int:
        return sum(int(row["_value"]) for row in self._of(place, "count() |> group() |> sum()"))

    def _time(self, name: str, each: str, of_all: str) -> datetime | None:
        rest = f'{each}() |> keep(columns: ["_time"]) |> {of_all}(column: "_time")'
        rows = self._of(self.place(name), rest)
        return datetime.fromisoformat(rows[0]["_time"]) if rows else None

    def oldest(self) -> datetime | None:
        return self._time(RAW, "first", "min")

    def newest_minute(self) -> datetime | None:
        return self._time(MINUTES, "last", "max")

    def bring_in(self, start: datetime, stop: datetime) -> None:
        for query in flux.once(self.settings.v2_bucket, hours(start), hours(stop)):
            self._query(query)
