"""The database as the sender sees it: lines in, a verdict out, whatever API the server speaks.

Promises:
- What the server answers settles `api = auto`; the version that it claims never does.
- A missing bucket or database is created when that is allowed.
- A server that takes no gzip gets plain lines.
- Credentials stand in headers only, and are blotted out of every answer.
- One thread, started before the first request, ends requests that take too long.
- urllib3 is imported with the first request: the first frame does not wait for it.
- influxdb-client is imported when a bucket is missing, or when `check` asks for it.
"""

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING

from telemetry.clock import Clock
from telemetry.errors import ConfigError
from telemetry.sinks.blot import Blotter
from telemetry.sinks.credentials import Secret, read_secret
from telemetry.sinks.deadline import RequestDeadline
from telemetry.sinks.delivery import MAX_BATCH_BYTES
from telemetry.sinks.influx.server import Api, InfluxServer
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered, judge, says_made, shows_a_store
from telemetry.sinks.influxql import quoted
from telemetry.sinks.verdict import Exchange, Hold, HoldCause
from telemetry.spool.compress import decompress

if TYPE_CHECKING:
    from telemetry.sinks.influx.http import HttpTransport

ANSWER_BYTES = 64 * 1024  # of an answer to a write
_EMPTY = gzip.compress(b"", mtime=0)
GZIP_AGAIN_S = 3600.0  # after a server took no gzip: another one may stand there by now
_UNSUPPORTED = 415  # media type or content coding: RFC 9110, 15.5.16


class InfluxClient:
    """One server. `write` and `query` are called from one thread; `abort` from any."""

    def __init__(self, settings: InfluxServer, clock: Clock, *, answer_bytes: int = ANSWER_BYTES) -> None:
        """Connect nowhere yet. answer_bytes: how much of an answer is read at most."""
        self._settings = settings
        self._answer_bytes = answer_bytes
        self._clock = clock
        self._token = settings.token
        self._password = settings.password
        self._api = settings.api
        self._blotter = _blotter_of(settings.token, settings.username, settings.password)
        self._deadline = RequestDeadline()
        self._transports: dict[Api, HttpTransport] = {}
        self._plain_until_s: float | None = None  # None: gzip
        self._sent_bytes = self._link_bytes = 0
        self._aborted = False
        self._secrets_read = False
        self._has_shown_itself = False

    @property
    def api(self) -> Api:
        """Return the API as configured, or as found out; AUTO while it is not known."""
        return self._api

    def start(self) -> None:
        """Start the thread that ends requests; otherwise the first request does. Raises UnavailableError."""
        self._deadline.start()

    def write(self, payload: bytes) -> Exchange:
        """Send gzip-compressed line protocol with stamps in ns. Raises ConfigError: a secret's file."""
        exchange = self._ask(payload)
        verdict = exchange.verdict
        if not (self._settings.create and isinstance(verdict, Hold)) or verdict.cause != HoldCause.NOT_FOUND:
            return exchange
        created = self._create(Api(exchange.api))
        if says_made(created):
            return self._ask(payload)
        words = f"{verdict.words}; making it: {judge(created)}"
        return replace(exchange, verdict=replace(verdict, words=words))

    def probe(self) -> Exchange:
        """Ask without lines, to check address, certificate, credentials and bucket. Changes nothing."""
        return self._ask(_EMPTY)

    def query(self, text: str) -> Answer | Unanswered:
        """Ask by InfluxQL, which every InfluxDB answers at `/query`. Raises ConfigError as `write` does."""
        parameters = {"db": self._settings.v1_database, "epoch": "ns", "q": text}
        if self._settings.v1_retention_policy:
            parameters["rp"] = self._settings.v1_retention_policy
        return self.request(Api.V1, "GET", "/query", parameters, {}, b"")

    def describe(self) -> str:
        """Return an InfluxDB 2's version and its bucket's retention; empty where neither is to be known."""
        if self._api is not Api.V2:
            return ""
        from telemetry.sinks.influx.ask import describe

        return describe(self.request, self._settings)

    def refusal_to_create(self) -> str:
        """Return why these credentials may make no database; empty: they may, or nobody knows.

        Nothing is changed. InfluxDB 2 shows the organisation to those who may make a bucket in it. InfluxDB 1
        lists its users for an administrator, and nobody else makes a database.
        """
        if self._api is Api.V2:
            from telemetry.sinks.influx.ask import find_organisation

            if find_organisation(self.request, self._settings):
                return ""
        answer = self.request(Api.V1, "GET", "/query", {"q": "SHOW USERS"}, {}, b"")
        verdict = judge(answer)
        if isinstance(verdict, Hold) and verdict.cause is HoldCause.CREDENTIALS:
            return verdict.words or str(verdict)
        is_v2 = isinstance(answer, Answer) and b"not implemented" in answer.body  # 1.8 writes by v2, too
        return f"they are shown no organisation {self._settings.org!r}" if is_v2 else ""

    def is_recognised(self) -> bool:
        """Return whether an answer so far, or the one to a ping, has named a store in its header."""
        if not self._has_shown_itself:
            self.request(Api.V2 if self._api is Api.V2 else Api.V1, "GET", "/ping", {}, {}, b"")
        return self._has_shown_itself

    def _ask(self, payload: bytes) -> Exchange:
        started_s, sent_bytes, link_bytes = self._clock.monotonic_s(), self._sent_bytes, self._link_bytes
        api, answer = self._write(payload)
        return Exchange(
            judge(answer),
            api,
            answer.status if isinstance(answer, Answer) else 0,
            self._clock.monotonic_s() - started_s,
            sent_bytes=self._sent_bytes - sent_bytes,
            link_bytes=self._link_bytes - link_bytes,
            plain=self._plain_until_s is not None,
        )

    def reread_credentials(self) -> bool:
        """Read the secrets' files again; whether anything changed. Raises ConfigError as `write` does."""
        before = (self._token, self._password)
        self._read_secrets()
        changed = before != (self._token, self._password)
        if changed:
            self._disconnect()
        return changed

    def abort(self) -> None:
        """End the request that is in flight, and let no other begin. From any thread; returns at once."""
        self._aborted = True
        for transport in list(self._transports.values()):
            transport.abort()

    def close(self) -> None:
        """Close the connections, and end the thread. A later request makes them again."""
        self._disconnect()
        self._deadline.close()

    def _disconnect(self) -> None:
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def _write(self, payload: bytes) -> tuple[Api, Answer | Unanswered]:
        """Try what is known or likely; another API only where the server has no such endpoint.

        A page for people at its path is no endpoint either: sites have them for every path.
        """
        if self._settings.api is not Api.AUTO:
            return self._settings.api, self._write_to(self._settings.api, payload)
        likely = (Api.V1, Api.V2) if self._api is Api.V1 else (Api.V2, Api.V1)
        answers = []
        for api in likely:
            answers.append(self._write_to(api, payload))
            if not _no_endpoint(answers[-1]):
                if isinstance(answers[-1], Answer):
                    self._api = api
                return api, answers[-1]
        self._api = Api.AUTO
        return likely[0], answers[0]

    def _write_to(self, api: Api, payload: bytes) -> Answer | Unanswered:
        settings = self._settings
        query = {"precision": "ns"}
        if api is Api.V1:
            query["db"] = settings.v1_database
            if settings.v1_retention_policy:
                query["rp"] = settings.v1_retention_policy
        else:
            query["bucket"] = settings.v2_bucket
            if settings.org:
                query["org"] = settings.org
        path = "/write" if api is Api.V1 else "/api/v2/write"
        now_s = self._clock.monotonic_s()
        if self._plain_until_s is None or now_s >= self._plain_until_s:
            self._plain_until_s = None
            answer = self.request(api, "POST", path, query, {"Content-Encoding": "gzip"}, payload)
            if not _is_unsupported(answer):
                return answer
        answer = self.request(api, "POST", path, query, {}, decompress(payload, MAX_BATCH_BYTES))
        if _is_unsupported(answer):  # plain too: it is not the compression
            self._plain_until_s = None
        elif self._plain_until_s is None and isinstance(answer, Answer):
            self._plain_until_s = now_s + GZIP_AGAIN_S
        return answer

    def _create(self, api: Api) -> Answer | Unanswered:
        """Make the database or bucket."""
        if api is Api.V2:
            from telemetry.sinks.influx.ask import make_bucket

            if made := make_bucket(self.request, self._settings):
                return made
        # InfluxDB 1.8 writes by API v2 but makes databases by v1 only.
        question = f"CREATE DATABASE {quoted(self._settings.v1_database)}"
        return self.request(Api.V1, "POST", "/query", {"q": question}, {}, b"")

    def request(
        self, api: Api, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> Answer | Unanswered:
        """Send one request with the credentials of that API, and return its answer without our secrets."""
        if api not in self._transports and not self._aborted:
            self._transports[api] = self._connect(api)
        if self._aborted:
            return Unanswered(Failure.ABORTED)
        transport = self._transports[api]
        answer = transport.request(
            method, path, query, headers, body, deadline_s=self._settings.request_deadline_s(len(body))
        )
        self._sent_bytes += transport.sent_bytes
        self._link_bytes += transport.link_bytes
        self._has_shown_itself |= isinstance(answer, Answer) and shows_a_store(answer)
        return self._blotted(answer)

    def _connect(self, api: Api) -> "HttpTransport":
        from telemetry.sinks.influx.http import HttpTransport

        if not self._secrets_read:
            self._read_secrets()
        self._deadline.start()
        token, basic = self._credentials(api)
        return HttpTransport(
            self._settings,
            token,
            basic=basic,
            clock=self._clock,
            deadline=self._deadline,
            answer_bytes=self._answer_bytes,
        )

    def _credentials(self, api: Api) -> tuple[Secret | None, bool]:
        """Return what stands in the header, and whether by HTTP basic authentication."""
        if self._token is not None and not _fits_a_header(self._token):
            raise ConfigError("the token is not printable ASCII", where="influx")
        if not self._settings.username or (api is Api.V2 and self._token is not None):
            return self._token, False
        pair = Secret(f"{self._settings.username}:{self._password.reveal() if self._password else ''}")
        if api is Api.V1:
            return pair, True
        # InfluxDB 1.8 takes user and password as the token of its API v2.
        return (pair if _fits_a_header(pair) else None), False

    def _read_secrets(self) -> None:
        if self._settings.token_file is not None:
            self._token = read_secret(self._settings.token_file)
        if self._settings.password_file is not None:
            self._password = read_secret(self._settings.password_file)
        self._blotter = _blotter_of(self._token, self._settings.username, self._password)
        self._secrets_read = True

    def _blotted(self, answer: Answer | Unanswered) -> Answer | Unanswered:
        """Return it without our secrets, which a server, a proxy or a library may quote."""
        blotter = self._blotter
        if isinstance(answer, Unanswered):
            return replace(answer, words=blotter.text(answer.words))
        headers = {name: blotter.text(value) for name, value in answer.headers.items()}
        return replace(answer, headers=headers, body=blotter.body(answer.body))


def _blotter_of(token: Secret | None, username: str, password: Secret | None) -> Blotter:
    known = [secret.reveal() for secret in (token, password) if secret]
    return Blotter(known, [f"{username}:{password.reveal()}"] if password else [])


def _fits_a_header(secret: Secret) -> bool:
    return secret.reveal().isascii() and secret.reveal().isprintable()


def _no_endpoint(answer: Answer | Unanswered) -> bool:
    verdict = judge(answer)
    return isinstance(verdict, Hold) and verdict.cause in (HoldCause.NO_ENDPOINT, HoldCause.NO_DATABASE)


def _is_unsupported(answer: Answer | Unanswered) -> bool:
    return isinstance(answer, Answer) and answer.status == _UNSUPPORTED
