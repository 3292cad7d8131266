"""Sender and spool against a server that does anything: the accounts balance, and nothing good is lost."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered
from telemetry.sinks.sender import Backoff, Sender
from telemetry.spool.spool import Spool
from tests.support.clock import FakeClock
from tests.support.examples import examples
from tests.support.list_queue import batch_of
from tests.support.model_server import ModelServer, Reply, refusal

TROUBLE = st.sampled_from(
    [
        Unanswered(Failure.NO_CONNECTION),
        Unanswered(Failure.TIMEOUT),
        Answer(500, {}, b"unexpected EOF"),
        Answer(503, {"retry-after": "5"}),
        Answer(429),
        Answer(401),
        Answer(404),
        Answer(302),
    ]
)
LINES = st.lists(st.booleans(), min_size=1, max_size=12)  # of one batch: whether each is one that is refused
EVENTS = st.lists(st.one_of(LINES, st.lists(TROUBLE, min_size=1, max_size=15)), min_size=1, max_size=12)


class Server:
    """In trouble as long as the test says; otherwise it refuses marked lines in one of several ways."""

    def __init__(self, manner: str) -> None:
        self.manner = manner
        self.trouble: list[Reply] = []
        self.lost_replies = 0

    def __call__(self, sent: Sequence[bytes]) -> Reply | None:
        if self.trouble:
            return self.trouble.pop()
        marked = [line for line in sent if b"bad" in line]
        if not marked:
            return None
        if self.manner == "quotes":
            return refusal("\n".join(f"unable to parse '{line.decode()}': invalid" for line in marked))
        if self.manner == "fails":
            return Answer(500, {}, b"poisoned")
        return refusal("no")


@settings(max_examples=examples(60), deadline=None)
@given(EVENTS, st.sampled_from(["quotes", "fails", "says nothing"]))
def test_every_point_is_stored_or_counted_dead(events: list[list[bool] | list[Reply]], manner: str) -> None:
    clock = FakeClock()
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder), clock=clock)
        server = ModelServer()
        server.behave = behave = Server(manner)
        boot_time = BootTime(clock, None, wait_for_clock=False)
        sender = Sender(spool, server, clock, Backoff(lambda: 0.5), boot_time, lambda _: None)
        made: set[bytes] = set()

        def put(*lines: bytes) -> None:
            made.update(lines)
            spool.append(batch_of(lines), accounts={"points/made/m": len(made)}, positions={})
            spool.commit()

        for event in events:
            if isinstance(event[0], bool):
                start = len(made)
                put(*[b"%s v=1 %d" % (b"bad" if bad else b"m", start + k) for k, bad in enumerate(event)])
            else:
                behave.trouble = list(event)
            for _ in range(3):
                clock.advance(sender.step())
        put(b"m v=1 %d" % len(made))  # a last one that is accepted, to compare with
        for _ in range(5000):
            clock.advance(sender.step())
            if sender.state.idle:
                break
        counters = spool.counters()
        assert sum(counters.values()) == len(made)
        assert counters["points/acknowledged"] == sender.state.acknowledged_points
        assert counters["points/dead"] == sender.state.dead_points
        assert server.stored == {line for line in made if line.startswith(b"m ")}
        assert counters["points/dead"] == len(made) - len(server.stored)
        spool.close()
