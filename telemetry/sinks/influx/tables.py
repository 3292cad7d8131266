"""What an InfluxDB holds, as tables: questions in InfluxQL, answers as columns and rows.

By InfluxQL, since every InfluxDB answers it: 1.x, 2.4 and later (a bucket is a database there), 3.x. Requests
go through the sink's own client, so address, TLS and credentials are those of the gateway.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import InfluxServer
from telemetry.sinks.influx.verdict import Answer
from telemetry.sinks.influxql import quoted

ROWS = 20_000  # of one answer: about a megabyte
_TIMEOUT_S = 30.0
_ANSWER_BYTES = 16 * 1024 * 1024


class InfluxTables:
    """An InfluxDB that is asked. Raises UnavailableError where it does not answer in InfluxQL's JSON."""

    def __init__(self, settings: InfluxServer, clock: Clock) -> None:
        self.url = settings.url
        patient = replace(settings, request_timeout_s=_TIMEOUT_S)
        self._client = InfluxClient(patient, clock, answer_bytes=_ANSWER_BYTES)

    def close(self) -> None:
        self._client.close()

    def table(self, query: str) -> tuple[list[str], list[list[Any]]]:
        """Return columns, `time` first, and rows; none when there is nothing."""
        answer = self._client.query(query)
        if not isinstance(answer, Answer):
            raise UnavailableError(f"does not answer: {answer.failure.value}", where=self.url)
        if answer.status in (401, 403):
            hint = "mend token or password, or what this account may do"
            raise UnavailableError("refuses these credentials", where=self.url, hint=hint)
        if answer.status != 200:
            raise UnavailableError(f"answers {answer.status} to a query", where=self.url)
        try:
            result = json.loads(answer.body)["results"][0]
            if result.get("error"):
                raise UnavailableError(f"refuses a query: {result['error']}", where=self.url)
            series = result.get("series")
            return (list(series[0]["columns"]), list(series[0]["values"])) if series else ([], [])
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise UnavailableError("answers something else than InfluxQL's JSON", where=self.url) from error

    def points(self, measurement: str, condition: str, *fields: str) -> Iterator[dict[str, Any]]:
        """Yield all points of a measurement, tags and fields by name, without those that are absent.

        condition: as in InfluxQL's WHERE; empty: all. fields: these alone; none named: all, and the tags.
        """
        wanted = ", ".join(map(quoted, fields)) or "*"
        where = f" WHERE {condition}" if condition else ""
        offset = 0
        while True:
            what = f"{wanted} FROM {quoted(measurement)}{where} ORDER BY time LIMIT {ROWS} OFFSET {offset}"
            columns, rows = self.table("SELECT " + what)
            for row in rows:
                pairs = zip(columns, row, strict=False)
                yield {name: value for name, value in pairs if value is not None}
            if len(rows) < ROWS:
                return
            offset += ROWS
