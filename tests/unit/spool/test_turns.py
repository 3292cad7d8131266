"""What goes out of the spool first, what waits for what, and what a kill may take back of that."""

import base64
import gzip
from pathlib import Path

import pytest

from telemetry.spool import Entry, Spool, SpoolLimits
from telemetry.spool.batch import Series
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.list_queue import batch_of
from tests.support.spool import assert_balanced

DIRECTORY = Path("/spool")

# A segment of before batches were urgent or had series: battery rows 1 and 2; a session's row, ordered;
# battery row 3; the same row again, ordered; the session's row again; an event.
OLD_SEGMENT = base64.b85decode(
    "Zd7vt1ONa400000VgLXDH~;_u0ssI20RR9100000000000000000000000002><{900000001gB{+yQ=HUl68Cqv0fc$^bbE6C5x"
    "D=F5`O-xDEPf9E)NiC{mQ7JCS&(G0MOwP{BFV9I$Nl#5-kb;P%B<3c9xFS$)Y9d@JwJbBa1Sn+$;pV31<`-3>8lr(B1v5(tRTN|-"
    "szR8_3;?lgKNKH}2mk;800030OG+#$NiC|>DND`BOwLKQO;jk(PmV80F0nOKFyz85YouVr1ppFUm*+eH003@Oa{(Oy00000004^s"
    "001}u00031000620000000062000000000000000000R90000000000DmMO{mlte}!rN|kdC3$2004NLV_{%nD99;I&o4;L0{{=*"
    "19NzsRg60dfG`jRMLdF)rHI%Cth|k^$r6JmE7_oUdlf&Ja^^iIuNN{du&|&|3=jhPJ?s8bj^MR%x@TlI<kE^4qFI2P9BnfyjVdW_"
    "r@+F6`GW}GgsYL^oZ1^LTJn1wX`<<Em9f2&@$oGu2PT?Ih#!jx000000093>&PXgu&&*4YFHS8k&dkr#DND`BOwLKQO;jk#FE6$="
    "R50KI02>Y^RU`la0B%%s0SEv90000000sa605Sjo0096100RI30000000RI300000000000000000{s9000000000gHvXKK7i|OP"
    ")V>%bC)!K^0s#RZiwFP!00000|4T|NDM>A=)G15N$V|>jwM|qg&QFdnNG`E8RxsuQ0GkBD${qj!0B%%s0SN#A0000000sa605Sjo"
    "0096100aO40000000aO400000000000000000{s9000000000gHvXKK7rN{X-DXu8mfB1J0s#RZiwFP!00000|4T|NDM>A=)G15N"
    "$V|>jwM|qg&QFdnNG`E8Q84BL03tjUR~`TW0B%%s0SN#A0000000sa605|{u0096100jU50000000jU500000000000000000{s9"
    "000000000gHvXKK7eRoz4E?;$y4p+v0s#RZiwFP!00000|4YtDEK1MJOOG#3EiTT?&(kSO&B#p7NwrN>D9SG{wlz{P-~s^kp^!%;"
    "0001PRC56w000000001$0000k0000100006000000000600000000000000000009000000000004g^AoR=3j``vhRCbxAI0001Z"
    "oMT~NVJOHcP0ue#%>w`r-2-!YoK=iL3c@fDMT@xb0OG=B5pfrA<!xk4J~7zLl*~}+?X}cOv;6OU-r?L!VpEqXz&*$eW!&A?&_Aif"
    "#PP0BO~TuDZ83mtbJAX<bL3wv?+zg%G{>0*$~4XWZ-V{`L-O`j*Lh}SDPtYERBCCpHJy_6aVa++_vuk+ABzY8000000RKxZOU*0M"
    "DND`BOwLKQO;pH9ElbU@HB>O=0s#KBpD-E#000"
)
SESSIONS, OTHERS, ANY = Series.SESSIONS, Series.OTHERS, Series.ANY


class Bench:
    """A spool on a disk that may be killed; batches of one row, each by its number."""

    def __init__(self, disk: SimulatedDisk | None = None) -> None:
        self.disk = disk or SimulatedDisk()
        self.made = 0
        self.open()

    def open(self) -> None:
        self.disk.kill()
        limits = SpoolLimits(keep_free_bytes=0)
        self.spool = Spool(DIRECTORY, clock=FakeClock(), limits=limits, filesystem=self.disk)
        self.made = self.spool.recovery.accounts.get("points/made/m", 0)

    def store(self, series: Series | None = None, *, urgent: bool = False, rows: int = 1) -> None:
        """Store a batch; series: of an ordered one."""
        self.made += rows
        lines = [b"m v=%d %d" % (self.made, row) for row in range(rows)]
        batch = batch_of(lines, ordered=series is not None, series=series or ANY, urgent=urgent)
        self.spool.append(batch, accounts={"points/made/m": self.made}, positions={})
        self.spool.commit()

    def first(self) -> int | None:
        return number(self.spool.next_first())

    def backlog(self) -> int | None:
        return number(self.spool.next_backlog())


def number(entry: Entry | None) -> int | None:
    return None if entry is None else entry.sequence


def test_urgent_batches_go_first_then_sessions_each_oldest_first() -> None:
    bench = Bench()
    for series, urgent in ((None, False), (SESSIONS, False), (None, True), (SESSIONS, True), (None, True)):
        bench.store(series, urgent=urgent)
    assert bench.spool.urgent_waits()
    assert (bench.first(), bench.first()) == (3, 5)  # the session's waits for that before it
    assert bench.first() == 2
    bench.spool.acknowledge(2)
    assert (bench.first(), bench.first()) == (4, None)
    assert not bench.spool.urgent_waits()
    assert bench.backlog() == 1


@pytest.mark.parametrize(
    ("before", "series", "waits"),
    [
        (None, SESSIONS, False),
        (OTHERS, SESSIONS, False),
        (SESSIONS, SESSIONS, True),
        (ANY, SESSIONS, True),
        (SESSIONS, OTHERS, False),
        (None, OTHERS, True),
        (SESSIONS, ANY, True),
    ],
)
def test_an_ordered_batch_waits_only_for_batches_that_may_hold_rows_of_its_series(
    before: Series | None, series: Series, waits: bool
) -> None:
    bench = Bench()
    bench.store(before)
    taken = bench.first() or bench.backlog()
    if taken is None:
        bench.store()
        taken = bench.backlog()
    bench.store(series)
    bench.store()
    newest = (bench.first() or bench.backlog()) == bench.made - 1
    assert newest is not waits
    bench.open()  # and the same of what a start finds
    assert number(bench.spool.next_first() if before is SESSIONS else bench.spool.next_backlog()) == 1
    assert ((bench.first() or bench.backlog()) == bench.made - 1) is not waits


def test_one_that_was_sent_ahead_is_settled_once_all_before_it_is() -> None:
    bench = Bench()
    bench.store(rows=3)
    bench.store(SESSIONS)
    bench.store()
    assert bench.first() == 2
    bench.spool.acknowledge(2)
    assert bench.spool.counters()["points/acknowledged"] == 0
    assert (bench.first(), bench.backlog(), bench.backlog()) == (None, 1, None)
    bench.spool.acknowledge(1)
    assert bench.spool.counters()["points/acknowledged"] == 4
    assert_balanced(bench.spool, {"points/made/m": 5})


def test_the_backlog_may_be_taken_from_its_end_up_to_what_waits_for_others() -> None:
    bench = Bench()
    for series in (None, None, OTHERS, None, SESSIONS, None, None):
        bench.store(series)
    assert number(bench.spool.next_live()) == 7
    taken = []
    while entry := bench.spool.next_backlog(newest_first=True):
        taken.append(entry.sequence)
        bench.spool.acknowledge(entry.sequence)
    assert taken == [6, 5, 4, 1, 2, 3]
    bench.spool.acknowledge(7)
    assert bench.spool.counters()["points/acknowledged"] == 7
    bench.store()
    bench.open()
    bench.store()
    assert number(bench.spool.next_backlog(newest_first=True)) == 8


def test_after_a_kill_what_was_sent_ahead_is_sent_again_in_its_order_to_the_last() -> None:
    bench = Bench()
    for count in range(1, 41):
        bench.store()
        bench.store(SESSIONS, rows=2 if count == 40 else 1)
    sent = []
    while (taken := bench.first()) is not None:
        sent.append(taken)
        bench.spool.acknowledge(taken)
    bench.open()  # no more than 16 islands are kept of what is settled
    again = []
    while (taken := bench.first()) is not None:
        again.append(taken)
        bench.spool.acknowledge(taken)
    assert sent == again == list(range(2, 82, 2))


def test_more_marks_than_are_remembered_make_the_oldest_wait_for_all_before_them() -> None:
    bench = Bench()
    bench.store()
    for _ in range(600):
        bench.store(SESSIONS)
    assert bench.first() is None  # it may not know of all before it
    sent = 0
    while entry := bench.spool.next_backlog() or bench.spool.next_first():
        assert entry.sequence > sent
        sent = entry.sequence
        bench.spool.acknowledge(entry.sequence)
    assert sent == 601


def test_an_old_spool_is_read_and_its_ordered_batches_wait_for_all_before_them() -> None:
    disk = SimulatedDisk()
    disk.make_directory(DIRECTORY)
    descriptor = disk.create(DIRECTORY / "000000000000000.0.segment")
    disk.append(descriptor, OLD_SEGMENT)
    bench = Bench(disk)
    assert bench.spool.recovery.state == {"plug": b"open"}
    assert bench.spool.recovery.accounts["points/made/charging_session"] == 2
    bench.store(SESSIONS)
    assert bench.first() is None  # the old one may hold anything
    texts = []
    while entry := bench.spool.next_backlog():
        assert not entry.batch.urgent
        texts += gzip.decompress(entry.batch.payload).splitlines()
        bench.spool.acknowledge(entry.sequence)
    assert texts == [
        b"battery,vehicle=a soc_pct=1 1",
        b"battery,vehicle=a soc_pct=2 2",
        b"charging_session,vehicle=a rows=1 0",
        b"battery,vehicle=a soc_pct=3 3",
        b"battery,vehicle=a soc_pct=4 3",
        b"charging_session,vehicle=a rows=2 0",
        b"event,vehicle=a level=1 5",
        b"m v=1 0",
    ]
