"""A database without a network: the sender's client, whose answers a test makes up.

It stores what it accepts, as a database does (a line once, however often it comes), so that a test can
compare what is stored at the end with what should be.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from telemetry.errors import ConfigError
from telemetry.sinks.influx.server import Api
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered, judge
from telemetry.sinks.verdict import Exchange

Reply = Answer | Unanswered
Behaviour = Callable[[Sequence[bytes]], "Reply | None"]  # None: store the lines and answer 204

STORED = Answer(204)
NO_CONNECTION = Unanswered(Failure.NO_CONNECTION, "Connection refused")


def refusal(message: str, status: int = 400) -> Answer:
    """Make a refusal as InfluxDB 2 gives it."""
    return Answer(status, {}, json.dumps({"code": "invalid", "message": message}).encode())


@dataclass
class ModelServer:
    """Answers each write as `behave` says; `requests` are the lines of each."""

    behave: Behaviour = lambda _: None
    stored: set[bytes] = field(default_factory=set)
    requests: list[list[bytes]] = field(default_factory=list)
    rereads: int = 0
    has_new_secrets: bool = False  # since they were read last
    reread_error: ConfigError | None = None
    closed: bool = False
    api: Api = Api.V2

    def write(self, payload: bytes) -> Exchange:
        lines = gzip.decompress(payload).splitlines()
        self.requests.append(lines)
        reply = self.behave(lines)
        if reply is None:
            self.stored.update(lines)
            reply = STORED
        return Exchange(judge(reply), Api.V2, reply.status if isinstance(reply, Answer) else 0, 0.0)

    def reread_credentials(self) -> bool:
        self.rereads += 1
        if self.reread_error is not None:
            raise self.reread_error
        changed, self.has_new_secrets = self.has_new_secrets, False
        return changed

    def close(self) -> None:
        self.closed = True

    def answers(self, *replies: "Reply | None") -> None:
        """Give these answers to the next requests, then store everything."""
        left: Iterator[Reply | None] = iter(replies)
        self.behave = lambda _: next(left, None)
