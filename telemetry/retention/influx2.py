"""InfluxDB 2.x: buckets and tasks of the configured organisation."""

import csv
import re
from datetime import datetime
from functools import partial
from typing import Any, Self

from telemetry.errors import UnavailableError
from telemetry.retention import flux
from telemetry.retention.kept import MINUTES, MINUTES_DAYS, RAW_DAYS, RECORDS, TIERS, Tier
from telemetry.retention.server import ENDLESS, Retaining, Step, hours
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api, InfluxServer

_DAY_S = 86_400


class Influx2(Retaining):
    """See `Retaining`."""

    name = "InfluxDB 2.x"

    @classmethod
    def found(cls, client: InfluxClient, settings: InfluxServer) -> Self | None:
        """Return it if it shows buckets. Raises UnavailableError if the configured one is missing."""
        server = cls(client, settings)
        if (bucket := server._bucket(server._raw)) is None:
            return None
        server._organisation()  # who is not shown it is shown no bucket, and could make none
        if not bucket:
            raise server.missing(f"bucket {server._raw}")
        return server

    @property
    def _raw(self) -> str:
        return self.settings.v2_bucket

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

    def _kept(self, name: str, days: int) -> Step:
        bucket = self._bucket(name) or {}
        what = f"bucket {name} of {days or 'all'} days"
        rules = [{"type": "expire", "everySeconds": days * _DAY_S}] if days else []
        if not bucket:
            return Step(what, "missing", partial(self._make_bucket, name, rules))
        found = sum(rule["everySeconds"] for rule in bucket["retentionRules"]) / _DAY_S
        if found or not days:  # what somebody has chosen stays
            return Step(what, "there" if found == days else f"is of {found:g} days, and stays so")
        path = f"/api/v2/buckets/{bucket['id']}"
        change = partial(self.insist, Api.V2, "PATCH", path, {}, body={"retentionRules": rules})
        return Step(what, ENDLESS.format(days), change)

    def _make_bucket(self, name: str, rules: list[dict[str, Any]]) -> None:
        wanted = {"orgID": self._organisation(), "name": name, "retentionRules": rules}
        self.insist(Api.V2, "POST", "/api/v2/buckets", {}, body=wanted)

    def places(self) -> list[Step]:
        minutes = self._kept(flux.bucket(self._raw, MINUTES), MINUTES_DAYS)
        return [minutes, self._kept(flux.bucket(self._raw, RECORDS), 0)]

    def tasks(self) -> list[Step]:
        return [self._task(tier) for tier in TIERS]

    def _task(self, tier: Tier) -> Step:
        name, text = flux.task_name(self._raw, tier), flux.task(self._raw, tier)
        said = self.insist(Api.V2, "GET", "/api/v2/tasks", {"name": name, "org": self.settings.org})
        found = next(iter(said["tasks"]), None)
        what = f"task {name}"
        if found is None:
            return Step(what, "missing", partial(self._make_task, text))
        state = "there" if found["status"] == "active" else "is switched off, and stays so"
        if found["flux"].strip() == text.strip():
            return Step(what, state)
        change = partial(
            self.insist, Api.V2, "PATCH", f"/api/v2/tasks/{found['id']}", {}, body={"flux": text}
        )
        return Step(what, f"{state}; differs", change)

    def _make_task(self, text: str) -> None:
        self.insist(Api.V2, "POST", "/api/v2/tasks", {}, body={"orgID": self._organisation(), "flux": text})

    def raw(self) -> Step:
        return self._kept(self._raw, RAW_DAYS)

    def _query(self, text: str) -> list[dict[str, str]]:
        body = {"query": text, "type": "flux", "dialect": {"annotations": []}}
        said = self.insist(Api.V2, "POST", "/api/v2/query", {"org": self.settings.org}, body=body)
        if failed := re.search(r"^,error,reference\s+,(.*)", str(said), re.MULTILINE):  # after a status 200
            raise UnavailableError(f"ends a query: {failed[1].strip()}", where=self.settings.url)
        return list(csv.DictReader(str(said).split()))

    def values(self) -> dict[str, int]:
        counted = {}
        for name in (self._raw, *(flux.bucket(self._raw, place) for place in (MINUTES, RECORDS))):
            counted[name] = 0
            if self._bucket(name):
                text = f"from(bucket: {flux.quoted(name)}) |> range(start: 0) |> count() |> group() |> sum()"
                counted[name] = sum(int(row["_value"]) for row in self._query(text))
        return counted

    def oldest(self) -> datetime | None:
        first = 'range(start: 0) |> first() |> keep(columns: ["_time"]) |> min(column: "_time")'
        rows = self._query(f"from(bucket: {flux.quoted(self._raw)}) |> {first}")
        found = min((datetime.fromisoformat(row["_time"]) for row in rows), default=None)
        return found and found.replace(minute=0, second=0, microsecond=0)

    def bring_in(self, start: datetime, stop: datetime) -> None:
        self._query(flux.once(self._raw, hours(start), hours(stop)))
