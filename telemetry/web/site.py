"""The answer at each path: the page, the live values, messages, the past minutes, metrics and health.

Promises:
- An answer from the service's status is made once for all that ask within FRESH_S, and is never older than
  that.
- The stream has a message for each publication. Without one it has a message with the present ages each
  QUIET_S, so that readers see a pipeline that hangs.
- The site reads nothing from the disk after its start, and the status holds no secret.

Belongs to one thread.
"""

import hashlib
import json
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

from telemetry.clock import Clock
from telemetry.live.state import LiveSnapshot
from telemetry.live.troubles import alive, ready
from telemetry.live.view import messages_view
from telemetry.model.fields import Kind, shown
from telemetry.model.measurements import BATTERY, CHARGER, METER
from telemetry.web.connection import Answer, StatusFeed, Stream
from telemetry.web.history import History
from telemetry.web.http import JSON, Request, Response, words
from telemetry.web.settings import is_served, own_names

FRESH_S = 0.4
QUIET_S = 2.0
RETRY_MS = 2000  # after which a browser connects again

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Views:
    """What the service shows of itself; the server's thread calls these.

    status: as the status socket answers; snapshot: of the live values, as they were published last;
    ask_for_messages: to have the last values of all messages in snapshots, for a while.
    """

    status: Callable[[], Mapping[str, Any]]
    snapshot: Callable[[], LiveSnapshot]
    ask_for_messages: Callable[[], None]


class _Look:
    """The status of one moment, and what is made of it when it is asked for."""

    def __init__(self, status: Mapping[str, Any], at_s: float, *, with_values: bool) -> None:
        self.status = status
        self.at_s = at_s
        self._with_values = with_values

    @cached_property
    def live(self) -> bytes:
        return _json(self.status["live"]).encode()

    @cached_property
    def live_response(self) -> Response:
        return Response(self.live, JSON)

    @cached_property
    def metrics(self) -> Response:
        from telemetry.web import metrics  # lazily: prometheus-client costs memory that few need

        return Response(metrics.exposition(self.status, with_values=self._with_values), metrics.CONTENT_TYPE)


class Site:
    """Answers requests."""

    def __init__(
        self, views: Views, clock: Clock, names: Iterable[str] = (), *, with_values: bool = False
    ) -> None:
        """Begin. names: of this machine beside its own; with_values: metrics have live values."""
        self._views = views
        self._with_values = with_values
        self._clock = clock
        self._names = own_names(socket.gethostname(), names)
        self._history = History()
        self._look: _Look | None = None
        self._messages: tuple[float, Response] | None = None
        self._feed = StatusFeed()
        self._fed_s = float("-inf")
        self._files = {f"/{name}": _PageFile(name, body) for name, body in _page().items()}
        self._files["/"] = self._files.pop("/index.html")
        build = hashlib.sha256("".join(sorted(file.tag for file in self._files.values())).encode())
        hello = _json({"build": build.hexdigest()[:16]})
        self._stream = Stream(
            self._feed, f"retry: {RETRY_MS}\nevent: hello\ndata: {hello}\n\n".encode("ascii")
        )
        self.routes: dict[str, Callable[[], Answer]] = {
            "/api/live": lambda: self._fresh().live_response,
            "/api/messages": self._fresh_messages,
            "/api/history": lambda: Response(_json(self._history.view(self._now_s())).encode(), JSON),
            "/events": self._events,
            "/metrics": lambda: self._fresh().metrics,
            "/healthz": lambda: _verdict(alive(self._fresh().status)),
            "/readyz": lambda: _verdict(ready(self._fresh().status)),
        }

    def answer(self, request: Request) -> Answer:
        """Return the answer to any request."""
        if not is_served(request.host, self._names):
            text = "this machine is not called so; [web] names in the configuration may say that it is"
            return words(HTTPStatus.MISDIRECTED_REQUEST, text)
        file = self._files.get(request.path)
        if file is not None:
            return file.answer(request.fields.get("if-none-match", ""))
        route = self.routes.get(request.path)
        return route() if route is not None else words(HTTPStatus.NOT_FOUND, "there is no such page")

    def published(self, *, is_listened_to: bool) -> None:
        """Take what the service has published."""
        self._history.observe(self._views.snapshot())
        if is_listened_to:
            self._look = None
            self._feed_now()

    def tick(self) -> None:
        """Send the present state to the stream's listeners if nothing was sent for QUIET_S."""
        if self._now_s() >= self.due_s:
            self._feed_now()

    @property
    def due_s(self) -> float:
        """Return when `tick` has something to do, if nothing is published until then."""
        return self._fed_s + QUIET_S

    def _events(self) -> Answer:
        if self._now_s() - self._fed_s > FRESH_S:
            self._feed_now()
        return self._stream

    def _feed_now(self) -> None:
        self._feed.publish(b"live", self._fresh().live)
        self._fed_s = self._now_s()

    def _fresh(self) -> _Look:
        now_s = self._now_s()
        if self._look is None or now_s - self._look.at_s > FRESH_S:
            self._look = _Look(self._views.status(), now_s, with_values=self._with_values)
        return self._look

    def _fresh_messages(self) -> Response:
        now_s = self._now_s()
        if self._messages is None or now_s - self._messages[0] > FRESH_S:
            self._views.ask_for_messages()
            shown = messages_view(self._views.snapshot(), now_s)
            self._messages = now_s, Response(_json(shown).encode(), JSON)
        return self._messages[1]

    def _now_s(self) -> float:
        return self._clock.monotonic_s()


class _PageFile:
    """A file of the page. A browser asks each time whether it has changed: the service may be another."""

    def __init__(self, name: str, body: bytes) -> None:
        self.tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        fields = (("Cache-Control", "no-cache"), ("ETag", self.tag))
        self._whole = Response(body, _TYPES[name.rpartition(".")[2]], fields=fields)
        self._unchanged = Response(b"", status=HTTPStatus.NOT_MODIFIED, fields=fields)

    def answer(self, known: str) -> Response:
        """Return the answer. known: what the browser says it has (If-None-Match)."""
        return self._unchanged if self.tag in known else self._whole


def _page() -> dict[str, bytes]:
    """Return the files of the page, by name."""
    web = Path(__file__).parent
    files = {file.name: file.read_bytes() for file in (web / "page").iterdir()}
    files["fields.js"] = f"export const FIELDS = {_json(_fields())};\n".encode()
    files["style.css"] = (web.parent / "pages.css").read_bytes() + files["style.css"]
    return files


def _fields() -> Mapping[str, list[Mapping[str, object]]]:
    """Return how the page shows the fields of packs, chargers and meters, place by place."""
    return {
        measurement.name: [
            {
                "field": field.name,
                "place": how.place.value,
                "label": how.label,
                "unit": how.unit or field.unit,
                **({"decimals": how.decimals} if field.kind is Kind.FLOAT else {}),
                **{
                    name: value
                    for name in ("factor", "on", "off", "numbered")
                    if (value := getattr(how, name))
                },
                "sign": how.is_signed,
            }
            for field in shown(measurement)
            if (how := field.shown)
        ]
        for measurement in (BATTERY, CHARGER, METER)
    }


def _verdict(verdict: Mapping[str, Any]) -> Response:
    status = HTTPStatus.OK if verdict["ok"] else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(_json(verdict).encode(), JSON, status)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
