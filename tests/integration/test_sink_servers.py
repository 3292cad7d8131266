"""The sender against real servers: what they refuse is found and dead, everything else is stored."""

import random
from collections.abc import Callable

import pytest

from telemetry.clock import Clock
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.credentials import Secret
from telemetry.sinks.influx.client import InfluxClient
from telemetry.sinks.influx.settings import InfluxSettings
from telemetry.sinks.sender import Backoff, Sender
from tests.support import scripted_server as acts
from tests.support.clock import FakeClock
from tests.support.list_queue import ListQueue, batch_of
from tests.support.scripted_server import ScriptedServer
from tests.support.servers import Database, DatabaseServer, Points

HOUR_NS = 3_600_000_000_000
NOW_NS = Clock().unix_ns()

pytestmark = pytest.mark.parametrize(
    "kind",
    [
        pytest.param("influxdb2", marks=pytest.mark.server("influxdb2")),
        pytest.param("influxdb1", marks=pytest.mark.server("influxdb1")),
    ],
)


class Rig:
    """A sender to a database of its own."""

    def __init__(self, database: Database, url: str) -> None:
        server = database.server
        self.database = database
        settings = InfluxSettings(
            url=url,
            org=server.org,
            bucket=database.name,
            token=Secret(server.token) if server.token else None,
            username=server.username,
            password=Secret(server.password),
        )
        self.clock = FakeClock(NOW_NS)
        self.queue = ListQueue()
        self.client = InfluxClient(settings, self.clock)
        boot_time = BootTime(self.clock, None, wait_for_clock=False)
        backoff = Backoff(random.Random(1).random)
        self.sender = Sender(self.queue, self.client, self.clock, backoff, boot_time, lambda _: None)

    def deliver(self, *lines: bytes) -> Points:
        """Send one batch with these lines; return what the database has when the sender is done."""
        self.queue.put_lines(*lines)
        for _ in range(500):
            self.clock.advance(self.sender.step())
            if self.sender.state.idle:
                break
        assert self.queue.entries == []
        self.queue.assert_balance()
        return self.database.points()


Connect = Callable[..., Rig]


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> DatabaseServer:
    server = request.getfixturevalue(kind)
    assert isinstance(server, DatabaseServer)
    return server


@pytest.fixture
def connect(server: DatabaseServer, request: pytest.FixtureRequest) -> Connect:
    def connect(*, retention_s: int = 0, url: str = "") -> Rig:
        rig = Rig(server.fresh_database(retention_s), url or server.url)
        request.addfinalizer(rig.client.close)
        return rig

    return connect


def good(count: int, name: str = "good") -> list[bytes]:
    return [b"%s,vehicle=a v=%d,w=1.5 %d" % (name.encode(), index, NOW_NS + index) for index in range(count)]


def fields(points: Points) -> set[tuple[str, str, int]]:
    return {(point.measurement, point.field, point.time_ns) for point in points}


def fields_of(count: int, name: str = "good") -> set[tuple[str, str, int]]:
    return {(name, field, NOW_NS + index) for index in range(count) for field in ("v", "w")}


def test_every_good_line_is_stored(connect: Connect) -> None:
    rig = connect()
    assert fields(rig.deliver(*good(5000))) == fields_of(5000)
    assert rig.sender.state.requests <= 1


def test_malformed_lines_are_dead_and_no_other(connect: Connect) -> None:
    bad = [
        b"m v=oops 1",
        b"m,x v=3 1",
        b"m v=NaN 1",
        b'm s="open 1',
        b"m v=1 99999999999999999999",
        b"no_fields",
        b"m v=1 9223372036854775807",
    ]
    lines = good(100)
    for index, line in enumerate(bad):
        lines.insert(index * 13, line)
    rig = connect()
    assert fields(rig.deliver(*lines)) == fields_of(100)
    assert rig.queue.dead_lines() == sorted(bad)
    assert rig.queue.acknowledged_points == 100


def test_lines_of_another_type_are_dead_and_no_other(connect: Connect) -> None:
    rig = connect()
    rig.deliver(*good(10))
    conflicting = [b'good,vehicle=a v="text",x=1 %d' % (NOW_NS + 100 + index) for index in range(3)]
    more = [b"good,vehicle=a w=t %d" % (NOW_NS + 200), b'good,vehicle=b v="text" %d' % (NOW_NS + 201)]
    points = rig.deliver(*good(50)[10:], *conflicting, *more)
    assert fields(points) == fields_of(50)
    assert rig.queue.dead_lines() == sorted([*conflicting, *more])


def test_a_conflict_within_the_batch_that_brings_the_field_costs_only_one_of_the_types(
    connect: Connect,
) -> None:
    rig = connect()
    conflicting = [b'new v="s" %d' % (NOW_NS + 1), b'new v="t" %d' % (NOW_NS + 2)]
    points = rig.deliver(b"new v=1 %d" % NOW_NS, *conflicting, b"new v=2 %d" % (NOW_NS + 3), *good(5))
    assert fields(points) == fields_of(5) | {("new", "v", NOW_NS), ("new", "v", NOW_NS + 3)}
    assert rig.queue.dead_lines() == conflicting


def test_names_with_every_kind_of_escape_are_found(connect: Connect) -> None:
    rig = connect()
    rig.deliver(b'm\\ x\\,y"q,t=1 a\\=b\\ c"d=1 %d' % NOW_NS)
    bad = b'm\\ x\\,y"q,t=1 a\\=b\\ c"d=t %d' % (NOW_NS + 1)
    rig.deliver(bad, *good(20))
    assert rig.queue.dead_lines() == [bad]
    assert rig.sender.state.requests <= 3


def test_points_beyond_the_retention_are_dead_and_no_other(connect: Connect) -> None:
    rig = connect(retention_s=24 * 3600)
    old = [b"old v=%d %d" % (index, NOW_NS - 48 * HOUR_NS + index) for index in range(30)]
    points = rig.deliver(*good(20), *old, *good(20, "other"))
    assert fields(points) == fields_of(20) | fields_of(20, "other")
    assert rig.queue.dead_lines() == sorted(old)


def test_an_outage_longer_than_the_retention_costs_one_request_a_batch(connect: Connect) -> None:
    rig = connect(retention_s=24 * 3600)
    old = [b"old v=%d %d" % (index, NOW_NS - 48 * HOUR_NS + index) for index in range(30)]
    assert rig.deliver(*old) == {}
    assert rig.sender.state.requests == 1
    assert rig.queue.dead_points() == 30


def test_everything_at_once(connect: Connect) -> None:
    rig = connect(retention_s=24 * 3600)
    rig.deliver(*good(1))
    bad = [
        *[b"old v=%d %d" % (index, NOW_NS - 48 * HOUR_NS + index) for index in range(7)],
        *[b'good,vehicle=a v="text" %d' % (NOW_NS + 100 + index) for index in range(7)],
        *[b"good,vehicle=a v=oops%d %d" % (index, NOW_NS) for index in range(7)],
    ]
    lines = [*good(300), *bad]
    random.Random(3).shuffle(lines)
    assert fields(rig.deliver(*lines)) == fields_of(300)
    assert rig.queue.dead_lines() == sorted(bad)


def test_replies_that_are_lost_after_the_server_has_stored_double_nothing(
    connect: Connect, server: DatabaseServer
) -> None:
    with ScriptedServer() as between:
        lost, passed = acts.forward_and_reset(server.url), acts.forward(server.url)
        between.script(*[lost, lost, passed] * 20, *[passed] * 40)
        rig = connect(url=between.url)
        for index in range(10):
            points = rig.deliver(*good(50, f"batch{index}"))
        assert fields(points) == set().union(*(fields_of(50, f"batch{index}") for index in range(10)))
        assert rig.queue.dead == {}


def sent_for_three_minutes(rig: Rig, every_s: float) -> tuple[int, int]:
    """Send ten rows a second, and an event; return how many requests and link bytes that took."""
    rig.sender.every_s = every_s
    for second in range(180):
        rows = [b"m,vehicle=a v=%d %d" % (row, NOW_NS + second * 10**9 + row) for row in range(10)]
        if second == 90:
            rows.append(b"event,vehicle=a level=1 %d" % (NOW_NS + second * 10**9))
        rig.queue.put(batch_of(rows, urgent=second == 90))
        rig.sender.step()
        rig.clock.advance(1.0)
    rig.sender.in_haste = True
    while rig.queue.entries:
        rig.sender.step()
    return rig.sender.state.requests, rig.sender.state.link_bytes


def test_requests_a_minute_apart_store_the_same_for_a_tenth_of_the_link(connect: Connect) -> None:
    stored, figures = [], []
    for every_s in (1.0, 60.0):
        rig = connect()
        figures.append(sent_for_three_minutes(rig, every_s))
        stored.append(fields(rig.database.points()))
    assert stored[0] == stored[1]
    assert len(stored[0]) == 1801
    (requests, link_bytes), (few, few_bytes) = figures
    assert (requests, few) == (180, 5)  # at 0, 60, 90 (the event) and 150 s, and at the end
    assert few_bytes < link_bytes / 10
    assert 100 < link_bytes / 180 < 1200, figures
