"""InfluxDB 2 itself, by influxdb-client: makes a bucket, and says what the server and the bucket are.

Promises:
- influxdb-client opens no connection: each request goes through `InfluxClient`, with its deadline, abort,
  credentials and blotting.
- What the server answers raises nothing here.

Imported when a bucket is missing or `check` asks: it costs 0.3 s and 14 MB, with numpy 26.
"""

import contextlib
import io
from collections.abc import Callable, Iterable, Mapping

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.post_bucket_request import PostBucketRequest
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from telemetry.sinks.influx.server import Api, InfluxServer
from telemetry.sinks.influx.verdict import Answer, Unanswered

Request = Callable[[Api, str, str, dict[str, str], dict[str, str], bytes], Answer | Unanswered]

_JSON = {"Content-Type": "application/json"}
# No answer, a refusal, or what InfluxDB 2 does not answer: the models fail in each of these ways.
_FAILURES = (HTTPError, InfluxDBError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


class _Pool:
    """Stands where influxdb-client has its urllib3 pool; `answer` is the last one."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.answer: Answer | Unanswered | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        fields: Iterable[tuple[str, str]] | None = None,
        body: str | None = None,
        **_: object,
    ) -> HTTPResponse:
        """Send one request. The path stands in `url`; time-outs and header fields are our own."""
        self.answer = self._request(Api.V2, method, url, dict(fields or ()), _JSON, (body or "").encode())
        if isinstance(self.answer, Unanswered):
            raise HTTPError(self.answer.failure.value)
        body_read = io.BytesIO(self.answer.body)  # empty bytes would not count as a body
        return HTTPResponse(body_read, self.answer.headers, self.answer.status, decode_content=False)


def find_organisation(request: Request, settings: InfluxServer) -> str:
    """Return the organisation's id; empty where the server shows none of that name to these credentials."""
    client, _ = _connect(request)
    try:
        return str(client.organizations_api().find_organizations(org=settings.org)[0].id)
    except _FAILURES:
        return ""


def make_bucket(request: Request, settings: InfluxServer) -> Answer | Unanswered | None:
    """Make the bucket, and return what the server answered; None where it names no organisation."""
    organisation = find_organisation(request, settings)
    if not organisation:
        return None
    client, pool = _connect(request)
    wanted = PostBucketRequest(org_id=organisation, name=settings.v2_bucket, retention_rules=[], rp=None)
    with contextlib.suppress(*_FAILURES):  # the answer says it
        client.buckets_api().create_bucket(wanted)
    return pool.answer


def describe(request: Request, settings: InfluxServer) -> str:
    """Return the server's version and the bucket's retention; empty where neither is to be known."""
    client, _ = _connect(request)
    whose: Mapping[str, str] = {"org": settings.org} if settings.org else {}
    try:
        bucket = client.buckets_api().find_buckets(name=settings.v2_bucket, **whose).buckets[0]
        keeps_s = sum(rule.every_seconds for rule in bucket.retention_rules)  # one at most
        version = client.version().replace("unknown", "of no version")  # InfluxDB Cloud's
        return f"InfluxDB {version}, bucket {bucket.name} keeps {_duration(keeps_s)}"
    except _FAILURES:
        return ""


def _connect(request: Request) -> tuple[InfluxDBClient, _Pool]:
    client, pool = InfluxDBClient(url=""), _Pool(request)
    client.api_client.rest_client.pool_manager = pool  # type: ignore[assignment]  # only `request` is asked
    return client, pool


def _duration(seconds: int) -> str:
    if not seconds:
        return "its points for ever"
    return f"{seconds // _DAY_S} d" if seconds % _DAY_S == 0 else f"{seconds / _HOUR_S:g} h"
