"""Any mix of urgent, ordered, live and refused batches, of sessions and of others, sent apart or together.

A server refuses lines and is in trouble, the process is killed, the power is cut. In the end the database has
of each row what was stored last in the spool, and each point has one end in the accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.model.read_point import row_key
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered
from telemetry.sinks.sender import Backoff, Sender
from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.batch import Series
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.examples import examples
from tests.support.list_queue import batch_of
from tests.support.model_server import ModelServer, Reply, refusal
from tests.support.spool import assert_balanced

LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=700)
TROUBLE: list[Reply] = [
    Unanswered(Failure.NO_CONNECTION),
    Answer(500, {}, b"poisoned"),
    Answer(503),
    Answer(413),
    Answer(401),
]


class Database:
    """Rows by their keys, the last one written; `bad` lines are refused in one of two ways."""

    def __init__(self, manner: str) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.trouble: list[Reply] = []
        self.manner = manner

    def __call__(self, sent: Sequence[bytes]) -> Reply | None:
        if self.trouble:
            return self.trouble.pop()
        bad = [line for line in sent if line.startswith(b"bad")]
        if self.manner == "quotes" or not bad:  # others are stored in part
            self.rows |= {row_key(line): line for line in sent if line not in bad}
        if not bad:
            return None
        quotes = "\n".join(f"unable to parse '{line.decode()}': invalid" for line in bad)
        return refusal(quotes if self.manner == "quotes" else "no")


@dataclass
class Rig:
    """A spool on a disk, its sender, and what should be in the database in the end."""

    database: Database

    def __post_init__(self) -> None:
        self.clock, self.disk = FakeClock(), SimulatedDisk()
        self.made, self.every_s = 0, 60.0
        self.expected: dict[bytes, bytes] = {}
        self.open: list[bytes] = []  # lines that are not committed
        self.start()

    def start(self) -> None:
        self.disk.kill()
        self.open.clear()
        self.spool = Spool(Path("/spool"), clock=self.clock, limits=LIMITS, filesystem=self.disk)
        server = ModelServer(self.database)
        boot_time = BootTime(self.clock, None, wait_for_clock=False)
        self.sender = Sender(self.spool, server, self.clock, Backoff(lambda: 0.5), boot_time, lambda _: None)
        self.sender.every_s = self.every_s
        self.accounts = dict(self.spool.recovery.accounts)
        assert_balanced(self.spool, self.accounts)

    def put(self, kind: str, rows: list[int], urgent: bool, with_bad: bool) -> None:
        lines = []
        for row in rows:
            self.made += 1
            session = b"charging_session v=%d %d" % (self.made, row)
            again = b"m v=%d %d" % (self.made, row)
            fresh = b"m v=%d %d" % (self.made, 1000 + self.made)
            lines += {"fresh": [fresh], "again": [again], "session": [session], "both": [again, session]}[
                kind
            ]
        if with_bad:
            self.made += 1
            lines.append(b"bad v=1 %d" % self.made)
        self.accounts["points/made/m"] = self.accounts.get("points/made/m", 0) + len(lines)
        series = {"again": Series.OTHERS, "session": Series.SESSIONS}.get(kind, Series.ANY)
        batch = batch_of(lines, ordered=kind != "fresh", series=series, urgent=urgent)
        self.spool.append(batch, accounts=self.accounts, positions={})
        self.open += lines

    def commit(self) -> None:
        self.spool.commit()
        good = [line for line in self.open if not line.startswith(b"bad")]
        self.expected |= {row_key(line): line for line in good}
        self.open.clear()

    def send(self, steps: int) -> None:
        for _ in range(steps):
            wait_s = self.sender.step()
            self.clock.advance(min(wait_s, 1.0))


def step(rig: Rig, random: Random) -> None:
    """Do one of the things that happen, some more often than others."""
    chance = random.random()
    if chance < 0.5:
        kind = random.choice(["fresh", "fresh", "again", "session", "session", "both"])
        rows = [random.randrange(3) for _ in range(random.randint(1, 3))]
        rig.put(kind, rows, urgent=random.random() < 0.2, with_bad=random.random() < 0.1)
        if random.random() < 0.8:
            rig.commit()
    elif chance < 0.75:
        rig.send(random.randint(1, 4))
    elif chance < 0.82:
        rig.clock.advance(random.choice([1.0, 30.0, 90.0]))
    elif chance < 0.89:
        rig.database.trouble = random.choices(TROUBLE, k=random.randint(1, 4))
    elif chance < 0.94:
        rig.start()
    elif chance < 0.97:
        rig.disk.cut_power(random)
        rig.start()
    else:
        rig.sender.every_s = rig.every_s = random.choice([1.0, 60.0])
        rig.sender.send_backlog(newest_first=random.random() < 0.5)


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["quotes", "says nothing"]))
def test_the_last_value_of_each_row_stays(seed: int, manner: str) -> None:
    random = Random(seed)
    rig = Rig(Database(manner))
    for _ in range(80):
        step(rig, random)
        assert_balanced(rig.spool, rig.accounts)
    rig.put("fresh", [0], urgent=False, with_bad=False)  # to compare with
    rig.commit()
    rig.sender.in_haste = True
    for _ in range(3000):
        rig.clock.advance(rig.sender.step())
        if rig.sender.state.idle:
            break
    gauges = rig.spool.gauges()
    assert gauges.waiting_disk_points == gauges.waiting_memory_points == 0
    assert_balanced(rig.spool, rig.accounts)
    assert {key: rig.database.rows.get(key) for key in rig.expected} == rig.expected
