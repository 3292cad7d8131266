"""What a server has of what is to be kept, step by step, and what it takes to have it all.

Promises:
- Nothing is changed before `install`; what is there already is left as it is.
- The long-kept places are filled from all rows there are before rows begin to expire. Tasks are made after
  that, so the next installation goes on with the day at which one was cut off.
- Each failure is one line: no rights, no InfluxDB 1.x or 2.x, no answer.
"""

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

from telemetry.clock import Clock
from telemetry.errors import UnavailableError
from telemetry.retention.kept import DAYS, MINUTES, RAW, RECORDS
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.server import Api, InfluxServer
from telemetry.sinks.influx.verdict import Answer

TIMEOUT_S = 3600.0  # a day of a thousand vehicles takes minutes
_ANSWER_BYTES = 16 * 1024 * 1024
_RIGHTS = "needs an administrator's account: in 1.x one WITH ALL PRIVILEGES, in 2.x an all-access token"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to have: what it is, how it is found, and what makes it; None: it is as it should be."""

    what: str
    found: str
    make: Callable[[], object] | None = None


class Retaining(ABC):
    """A server of either kind. Raises UnavailableError in each method."""

    name: str  # of the server, for people
    place_kind: str  # what keeps rows there
    task_kind: str  # what fills it

    def __init__(self, client: InfluxClient, settings: InfluxServer) -> None:
        self.client, self.settings = client, settings

    @classmethod
    @abstractmethod
    def found(cls, client: InfluxClient, settings: InfluxServer) -> Self | None:
        """Return the server if it is of this kind. Raises UnavailableError without the bucket or database."""

    @abstractmethod
    def place(self, name: str) -> str:
        """Return by which name the server knows RAW, MINUTES or RECORDS."""

    @abstractmethod
    def keeps_days(self, place: str) -> float | None:
        """Return for how long a place keeps its rows; 0: for ever; None: there is no such place."""

    @abstractmethod
    def keep(self, place: str, days: int) -> None:
        """Make a place that keeps its rows so long, or let the one that is there do so."""

    @abstractmethod
    def texts(self) -> dict[str, str]:
        """Return the wanted tasks by name."""

    @abstractmethod
    def written(self) -> dict[str, tuple[str, str]]:
        """Return of those tasks that are there how they are found, and the text."""

    @abstractmethod
    def write(self, name: str, text: str) -> None:
        """Make a task, or give the one that is there this text."""

    @abstractmethod
    def count(self, place: str) -> int:
        """Return how many values a place holds."""

    @abstractmethod
    def oldest(self) -> datetime | None:
        """Return a time before which there is no row; None: there are none."""

    @abstractmethod
    def newest_minute(self) -> datetime | None:
        """Return the newest minute that is kept; None: there are none."""

    @abstractmethod
    def bring_in(self, start: datetime, stop: datetime) -> None:
        """Fill minutes and records with the rows between two whole hours."""

    def kept(self, name: str) -> Step:
        """Return for how long RAW, MINUTES or RECORDS are kept."""
        place, days = self.place(name), DAYS[name]
        found, what = self.keeps_days(place), f"{self.place_kind} {place} of {days or 'all'} days"
        make = partial(self.keep, place, days)
        if found is None:
            return Step(what, "missing", make)
        if found or not days:  # what somebody has chosen stays
            return Step(what, "there" if found == days else f"is of {found:g} days, and stays so")
        return Step(what, f"keeps all; rows older than {days} days will expire there", make)

    def tasks(self) -> Iterator[Step]:
        """Yield what fills them."""
        written = self.written()
        for name, text in self.texts().items():
            found, there = written.get(name, ("missing", ""))
            is_right, what = _bare(there) == _bare(text), f"{self.task_kind} {name}"
            found += "; differs" if there and not is_right else ""
            yield Step(what, found, None if is_right else partial(self.write, name, text))

    def values(self) -> dict[str, int]:
        """Return how many values each place holds, by its name."""
        places = [self.place(name) for name in DAYS]
        return {each: 0 if self.keeps_days(each) is None else self.count(each) for each in places}

    def missing(self, what: str) -> UnavailableError:
        """Return the error of a bucket or database that is not there, and a wrong name is made no place."""
        hint = "mend the name, or make it first"
        return UnavailableError(f"has no {what}, and none is made", where=self.settings.url, hint=hint)

    def ask(
        self, api: Api, method: str, path: str, query: Mapping[str, str], body: object = None
    ) -> tuple[int, Any]:
        """Return status and JSON of an answer; a text that is no JSON as it is."""
        content = b"" if body is None else json.dumps(body).encode()
        header = {"Content-Type": "application/json"} if content else {}
        answer = self.client.request(api, method, path, dict(query), header, content)
        if not isinstance(answer, Answer):
            raise UnavailableError(f"does not answer: {answer.failure.value}", where=self.settings.url)
        try:
            said: Any = json.loads(answer.body)
        except ValueError:
            said = answer.body.decode("utf-8", "replace")
        if answer.status in (401, 403):
            words = f"refuses this account: {_words(said) or answer.status}"
            raise UnavailableError(words, where=self.settings.url, hint=_RIGHTS)
        return answer.status, said

    def insist(self, api: Api, method: str, path: str, query: Mapping[str, str], body: object = None) -> Any:
        """Return the JSON of an answer that is none of an error."""
        status, said = self.ask(api, method, path, query, body)
        if status >= 300:
            raise UnavailableError(f"answers {status}: {_words(said)}", where=self.settings.url)
        return said


def _words(said: Any) -> str:
    return str(said.get("message") or said.get("error", "")) if isinstance(said, dict) else ""


def _bare(text: str) -> str:
    """Return a task without what InfluxDB 1 leaves out where it shows it again."""
    return " ".join(text.replace('"', "").split())


def install(server: Retaining, now: datetime) -> Iterator[str]:
    """Make what is missing, and yield a line for each step that was done."""
    *places, raw = map(server.kept, (MINUTES, RECORDS, RAW))
    yield from _made(places)
    tasks, stop = list(server.tasks()), now.replace(minute=0, second=0, microsecond=0)
    if any(step.make for step in (*places, *tasks)):
        start = _cut_off(server, places, tasks) or server.oldest()
        start = start and start.replace(minute=0, second=0, microsecond=0)
        while start is not None and start < stop:
            end = min(start.replace(hour=0) + timedelta(days=1), stop)
            server.bring_in(start, end)
            yield f"brought in: {start:%F}"
            start = end
    yield from _made([*tasks, raw])


def _cut_off(server: Retaining, places: list[Step], tasks: list[Step]) -> datetime | None:
    """Return the day at which an installation was cut off, after its places and before its first task."""
    if any(step.make for step in places) or any(step.found != "missing" for step in tasks):
        return None
    newest = server.newest_minute()
    return newest and newest.replace(hour=0)


def _made(steps: list[Step]) -> Iterator[str]:
    for step in steps:
        if step.make is not None:
            step.make()
            yield f"done: {step.what}"


def steps(server: Retaining) -> list[Step]:
    """Return all steps, as they are found."""
    return [server.kept(MINUTES), server.kept(RECORDS), *server.tasks(), server.kept(RAW)]


@contextlib.contextmanager
def reached(settings: InfluxServer, clock: Clock) -> Iterator[Retaining]:
    """Yield the server that a configuration names. Raises UnavailableError if it is neither kind."""
    from telemetry.retention.influx1 import Influx1
    from telemetry.retention.influx2 import Influx2

    patient = replace(settings, request_timeout_s=TIMEOUT_S)
    with (
        contextlib.closing(InfluxClient(settings, clock, answer_bytes=_ANSWER_BYTES)) as asking,
        contextlib.closing(InfluxClient(patient, clock, answer_bytes=_ANSWER_BYTES)) as client,
    ):
        kinds: tuple[type[Retaining], ...] = (Influx1,) if settings.api is Api.V1 else (Influx2, Influx1)
        found = (server for kind in kinds if (server := kind.found(asking, settings)))
        if (server := next(found, None)) is None:
            what = "is no InfluxDB 1.x or 2.x: it shows neither buckets nor retention policies"
            raise UnavailableError(what, where=settings.url)
        server.client = client
        yield server


def hours(instant: datetime) -> str:
    """Return an instant as both languages write it."""
    return f"{instant.astimezone(UTC):%FT%TZ}"
