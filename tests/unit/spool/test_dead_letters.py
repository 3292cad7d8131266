"""Dead letters: kept, bounded, and sent again."""

import errno
import json
from pathlib import Path
from random import Random

import pytest

from telemetry.errors import DataError
from telemetry.model.read_point import row_key
from telemetry.spool import EncodedBatch, Entry, Spool, SpoolLimits
from telemetry.spool.batch import TimeBase, lines_by_row, lines_of, without_replaced, without_rows
from telemetry.spool.compress import compress
from telemetry.spool.deadletters import (
    DeadLetters,
    Letter,
    encode_letter,
    hand_over,
    letter_names,
    read_letter,
)
from tests.support.clock import FakeClock
from tests.support.disk import PowerCutError, SimulatedDisk
from tests.support.spool import Feed, assert_balanced, drain, drained_points, newest, oldest, points_of

LOOK_EVERY_S = 5.0

DIRECTORY = Path("/spool")
DEAD = DIRECTORY / "dead"
LIMITS = SpoolLimits(keep_free_bytes=0)


class Bench:
    """A spool, and the command that requeues."""

    def __init__(self, limits: SpoolLimits = LIMITS) -> None:
        self.clock = FakeClock()
        self.disk = SimulatedDisk(now_ns=self.clock.unix_ns)
        self.limits = limits
        self.open()
        self.feed = Feed(self.spool)

    def open(self) -> None:
        self.spool = Spool(DIRECTORY, clock=self.clock, limits=self.limits, filesystem=self.disk)

    def restart(self) -> None:
        self.disk.kill()
        self.open()
        next_point = self.feed.next_point
        self.feed = Feed(self.spool, self.spool.recovery.accounts)
        self.feed.next_point = next_point

    def send(self, points: int = 3, *, ordered: bool = False, boot_id: str = "") -> Entry:
        self.feed.store(points, ordered=ordered, boot_id=boot_id)
        entry = self.spool.next_backlog() or self.spool.next_live()
        assert entry
        return entry

    def refuse(self, entry: Entry, *lines: bytes) -> None:
        self.spool.refuse(
            entry.sequence, b"".join(line + b"\n" for line in lines), reason="parse", words="bad\nline"
        )
        self.spool.acknowledge(entry.sequence)
        assert_balanced(self.spool, self.feed.accounts)

    @property
    def letters(self) -> list[str]:
        return letter_names(self.disk, DEAD)

    def requeue(self, boot_time_ns: int | None = None) -> None:
        for name in self.letters:
            hand_over(self.disk, DIRECTORY, name, boot_time_ns=boot_time_ns)
        self.look()

    def look(self) -> None:
        self.clock.advance(LOOK_EVERY_S)
        if self.spool.commit_due():
            self.spool.commit()
        assert_balanced(self.spool, self.feed.accounts)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_refused_lines_are_kept_with_the_servers_words_and_the_rest_is_acknowledged(bench: Bench) -> None:
    bench.refuse(bench.send(), b"m bad=1 1")
    assert bench.spool.counters() == {
        "points/acknowledged": 2,
        "points/evicted": 0,
        "points/damaged": 0,
        "points/dead": 1,
    }
    (name,) = bench.letters
    read = read_letter(bench.disk, DEAD / name)
    assert read
    letter, lines = read
    assert (letter.reason, letter.words, letter.points) == ("parse", "bad\nline", 1)
    assert lines == b"m bad=1 1\n"
    head = bench.disk.files()[DEAD / name].split(b"\n")[0]
    assert json.loads(head)["reason"] == "parse"


def test_what_is_released_again_leaves_no_letter(bench: Bench) -> None:
    entry = bench.send()
    bench.spool.refuse(entry.sequence, b"m bad=1 1\n", reason="parse", words="")
    bench.spool.release(entry.sequence)
    assert bench.letters == []
    assert len(list(drain(bench.spool))) == 1
    assert bench.spool.counters()["points/dead"] == 0


def test_of_points_that_were_evicted_while_they_were_sent_no_letter_stays() -> None:
    """They are counted as evicted: dead letters of them would count them once more when requeued."""
    bench = Bench(SpoolLimits(keep_free_bytes=0, segment_bytes=1, max_age_s=100.0))
    entry = bench.send()
    bench.spool.refuse(entry.sequence, b"m bad=1 1\n", reason="parse", words="")
    assert len(bench.letters) == 1
    bench.clock.advance(101.0)
    for _ in range(2):  # the newest segment is never evicted
        bench.feed.store()
    assert bench.spool.counters()["points/evicted"] == 3
    bench.spool.acknowledge(entry.sequence)
    assert bench.letters == []
    assert bench.spool.counters()["points/evicted"] == 3
    assert bench.spool.counters()["points/dead"] == 0
    assert_balanced(bench.spool, bench.feed.accounts)


def test_a_letter_whose_batch_a_kill_brought_back_is_removed(bench: Bench) -> None:
    entry = bench.send()
    bench.spool.refuse(entry.sequence, b"m bad=1 1\n", reason="parse", words="")
    bench.restart()
    assert bench.letters == []
    assert bench.spool.counters()["points/dead"] == 0
    assert drained_points(bench.spool) == [0, 1, 2]


def test_letters_are_bounded_and_what_goes_stays_counted() -> None:
    bench = Bench(SpoolLimits(keep_free_bytes=0, dead_files=3, dead_bytes=1500))
    for number in range(10):
        bench.refuse(bench.send(), b"m bad=1 %d" % number)
        assert len(bench.letters) <= 3
    bench.refuse(bench.send(), b"m bad=" + b"1" * 1200 + b" 1")
    assert len(bench.letters) == 1
    assert bench.spool.counters()["points/dead"] == 11


@pytest.mark.parametrize(
    ("spare_bytes", "most_files", "kept"), [(0, 2, 2), (-1, 2, 1), (0, 1, 1), (-10_000, 2, 1)]
)
def test_letters_fill_their_bounds_and_the_newest_stays_whatever_its_size(
    spare_bytes: int, most_files: int, kept: int
) -> None:
    letters = [Letter(number, number, False, "refused", "no", 1, 1, 1, "", False, 0) for number in (1, 2)]
    lines = b"m bad=1 1\n"
    size_bytes = sum(len(encode_letter(letter, lines)) for letter in letters)
    dead = DeadLetters(
        SimulatedDisk(), Path("/spool"), max_bytes=size_bytes + spare_bytes, max_files=most_files
    )
    names = [dead.add(letter, lines) for letter in letters]
    assert letter_names(dead._filesystem, Path("/spool/dead")) == names[-kept:]


def test_a_requeued_letter_goes_out_again_and_is_dead_no_more(bench: Bench) -> None:
    bench.refuse(bench.send(), b"m good=1 1")
    bench.requeue()
    assert bench.spool.counters()["points/dead"] == 0
    assert bench.spool.gauges().waiting_disk_points == 1
    (entry,) = drain(bench.spool)
    assert points_of(entry) == [1]
    bench.look()
    assert [path for path in bench.disk.files() if ".letter" in path.name] == []
    assert_balanced(bench.spool, bench.feed.accounts)


@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_at_any_step_of_requeueing_neither_loses_nor_counts_twice(seed: int) -> None:
    for cut_at in range(1, 60):
        bench = Bench()
        bench.refuse(bench.send(), b"m good=1 1")
        steps = bench.disk.operations
        bench.disk.cut_at = steps + cut_at
        delivered: list[int] = []
        try:
            bench.requeue()
            for entry in drain(bench.spool):
                delivered += points_of(entry)
            bench.look()
        except PowerCutError:
            pass
        finished = bench.disk.operations < steps + cut_at
        bench.disk.cut_power(Random(seed))
        bench.restart()
        assert_balanced(bench.spool, bench.spool.recovery.accounts)
        assert "points/made/unknown" not in bench.spool.recovery.accounts  # it does not wait twice
        for entry in drain(bench.spool):  # it may wait again as what it was before it was refused
            delivered += points_of(entry)
        bench.requeue()
        delivered += drained_points(bench.spool)
        assert 1 in delivered
        assert bench.spool.counters()["points/dead"] == 0
        assert_balanced(bench.spool, bench.spool.recovery.accounts)
        if finished:
            return
    raise AssertionError("it never came to an end")


def test_a_letter_that_had_got_to_disk_before_a_kill_is_not_taken_again(bench: Bench) -> None:
    bench.refuse(bench.send(), b"m good=1 1")
    bench.disk.fault = lambda operation, path: (
        errno.EIO if (operation, path.parent.name) == NO_CLEANING else None
    )
    bench.requeue()
    bench.disk.fault = lambda _operation, _path: None
    assert [path.name for path in bench.disk.files() if path.parent.name == "requeue"]
    bench.restart()
    bench.look()
    assert bench.spool.gauges().waiting_disk_points == 1
    assert not [path.name for path in bench.disk.files() if path.parent.name == "requeue"]


NO_CLEANING = ("unlink", "requeue")


def test_a_letter_that_the_disk_refuses_to_claim_is_taken_later(bench: Bench) -> None:
    bench.refuse(bench.send(), b"m good=1 1")
    hand_over(bench.disk, DIRECTORY, bench.letters[0], boot_time_ns=None)
    bench.disk.fault = lambda operation, path: (
        errno.EIO if (operation, path.name) == ("sync_directory", "requeue") else None
    )
    bench.look()
    bench.disk.fault = lambda _operation, _path: None
    bench.feed.put()  # it has the number that the letter would have had
    bench.spool.commit()
    bench.restart()
    assert drained_points(bench.spool) == [3, 4, 5]  # among which there may be newer rows
    bench.look()
    assert 1 in drained_points(bench.spool)


def test_what_was_sent_again_counts_towards_the_cap_no_more(bench: Bench) -> None:
    bench.refuse(bench.send(), b"m good=1 1")
    bench.requeue()
    drain(bench.spool)
    sizes = {path: len(content) for path, content in bench.disk.files().items() if path.suffix == ".segment"}
    assert bench.spool.gauges().disk_bytes == sum(sizes.values())


def test_batches_of_a_boot_that_is_over_are_dead_until_it_is_said_when_it_began(bench: Bench) -> None:
    bench.feed.store(2, boot_id=bench.clock.boot_id())
    newest(bench.spool)  # the boot is not over
    bench.spool.close()
    bench.clock.reboot()
    bench.restart()
    bench.feed.store()
    assert drained_points(bench.spool) == [2, 3, 4]
    assert bench.spool.counters()["points/dead"] == 2
    with pytest.raises(DataError, match="--boot-time"):
        bench.requeue()
    bench.requeue(boot_time_ns=1_000_000)
    requeued = newest(bench.spool)
    assert (requeued.batch.first_ns, requeued.batch.last_ns) == (1_000_000, 1_000_001)
    bench.spool.release(requeued.sequence)
    assert drained_points(bench.spool) == [1_000_000, 1_000_001]
    assert bench.spool.counters()["points/dead"] == 0


def test_any_number_of_letters_is_taken_at_one_look(bench: Bench) -> None:
    count = 2 * 16 + 1
    for number in range(count):
        bench.refuse(bench.send(), b"m good=1 %d" % number)
    for name in bench.letters:
        hand_over(bench.disk, DIRECTORY, name, boot_time_ns=None)
    bench.clock.advance(LOOK_EVERY_S)
    commits = 0
    while bench.spool.commit_due():
        bench.spool.commit()
        commits += 1
    assert commits == 3, "16 letters each, so that no commit takes long"
    assert drained_points(bench.spool) == list(range(count))
    assert not bench.spool.letters_wait


ROW = b"charging_session,vehicle=a open=%s 77"


def test_requeueing_skips_rows_that_were_replaced_since(bench: Bench) -> None:
    bench.refuse(bench.send(ordered=True), ROW % b"true", b"charging_session,vehicle=b open=true 77")
    hand_over(bench.disk, DIRECTORY, bench.letters[0], boot_time_ns=None)
    for line in (ROW % b"false", b"x y=1 1"):
        bench.feed.accounts["points/made/battery"] += 1
        bench.spool.append(ordered_batch(line), accounts=bench.feed.accounts, positions={})
    bench.clock.advance(LOOK_EVERY_S)
    bench.spool.commit()
    sent = [lines_of_entry(entry) for entry in drain(bench.spool)]
    assert sent == [ROW % b"false" + b"\n", b"x y=1 1\n"]  # the letter waits for these to be settled
    bench.look()
    assert [lines_of_entry(entry) for entry in drain(bench.spool)] == [
        b"charging_session,vehicle=b open=true 77\n"
    ]
    assert bench.spool.counters()["points/dead"] == 1
    assert_balanced(bench.spool, bench.feed.accounts)


def test_requeueing_skips_rows_that_were_replaced_after_a_restart_too(bench: Bench) -> None:
    bench.refuse(bench.send(ordered=True), ROW % b"true", b"charging_session,vehicle=b open=true 77")
    for line in (ROW % b"false", b"x y=1 1"):
        bench.feed.accounts["points/made/battery"] += 1
        bench.spool.append(ordered_batch(line), accounts=bench.feed.accounts, positions={})
    bench.spool.commit()
    hand_over(bench.disk, DIRECTORY, bench.letters[0], boot_time_ns=None)
    bench.restart()
    assert len(list(drain(bench.spool))) == 2
    bench.look()
    assert [lines_of_entry(entry) for entry in drain(bench.spool)] == [
        b"charging_session,vehicle=b open=true 77\n"
    ]


SHIFT_NS = 1_700_000_000 * 10**9
SENT_ROW = b"charging_session,vehicle=a open=%%s %d" % (SHIFT_NS + 77)


def sent_batch_of_this_boot(bench: Bench, *lines: bytes) -> Entry:
    """Return a batch that is in flight, with the stamps that the sink gave it."""
    bench.feed.accounts["points/made/battery"] += len(lines)
    batch = EncodedBatch(
        compress(b"".join(line + b"\n" for line in lines)),
        points=len(lines),
        first_ns=77,
        last_ns=77,
        ordered=True,
        time_base=TimeBase.BOOT,
        boot_id=bench.clock.boot_id(),
    )
    bench.spool.append(batch, accounts=bench.feed.accounts, positions={})
    bench.spool.commit()
    entry = oldest(bench.spool)
    bench.spool.restamped(entry.sequence, SHIFT_NS)
    return entry


def test_a_row_that_its_own_batch_replaced_is_in_no_letter_though_it_was_restamped(bench: Bench) -> None:
    entry = sent_batch_of_this_boot(bench, ROW % b"true", ROW % b"false")
    bench.refuse(entry, SENT_ROW % b"true")
    assert bench.letters == []
    assert bench.spool.counters()["points/dead"] == 1


def test_a_row_that_a_restamped_batch_replaced_leaves_its_letter(bench: Bench) -> None:
    first = sent_batch_of_this_boot(bench, ROW % b"true")
    bench.refuse(first, SENT_ROW % b"true")
    assert len(bench.letters) == 1
    second = sent_batch_of_this_boot(bench, ROW % b"false")
    bench.spool.acknowledge(second.sequence)
    assert bench.letters == []


def test_a_restamped_letter_goes_out_again_with_the_stamps_that_it_was_sent_with(bench: Bench) -> None:
    bench.refuse(sent_batch_of_this_boot(bench, ROW % b"true"), SENT_ROW % b"true")
    bench.requeue()
    assert [lines_of_entry(entry) for entry in drain(bench.spool)] == [SENT_ROW % b"true" + b"\n"]


def test_a_restart_knows_the_latest_stamp_of_the_last_segment_since_1970(bench: Bench) -> None:
    bench.clock.advance(100.0)
    booted_ns = bench.clock.unix_ns() - bench.clock.boot_ns()
    for first_ns, boot_id in ((900, ""), (500, ""), (5000, "f" * 32)):
        bench.feed.next_point = first_ns
        bench.feed.put(3, boot_id=boot_id)
    bench.spool.commit()
    bench.restart()
    assert bench.spool.recovery.newest_ns == 902
    bench.feed.next_point = 7
    bench.feed.put(3, boot_id=bench.clock.boot_id())
    bench.feed.store(1)
    bench.restart()
    assert bench.spool.recovery.newest_ns == booted_ns + 9


def ordered_batch(line: bytes) -> EncodedBatch:
    return EncodedBatch(compress(line + b"\n"), points=1, first_ns=1, last_ns=1, ordered=True)


def lines_of_entry(entry: Entry) -> bytes:
    return lines_of(entry.batch)


def test_a_row_is_its_series_and_its_stamp() -> None:
    assert row_key(rb'm,t=a\ b v=1,s="x y" 5') == row_key(rb"m,t=a\ b w=2 5")
    assert row_key(b"m v=1 5") != row_key(b"m v=1 6")
    assert row_key(b"m,t=a v=1 5") != row_key(b"m,t=b v=1 5")
    assert row_key(b"garbage") == b"garbage"
    assert without_rows(b"m v=1 5\nm v=1 6\n", lines_by_row(b"m v=9 5")) == b"m v=1 6\n"


def test_a_file_that_is_no_letter_is_left_alone(bench: Bench) -> None:
    bench.refuse(bench.send(), b"m bad=1 1")
    (name,) = bench.letters
    bench.disk.flip(DEAD / name, 0)
    bench.restart()
    assert bench.letters == [name]
    with pytest.raises(DataError, match="cannot be read as a dead letter"):
        hand_over(bench.disk, DIRECTORY, name, boot_time_ns=None)


def test_a_later_line_of_a_row_replaces_the_fields_that_it_has_and_no_others() -> None:
    parts, whole = b"m v=1 5\nm w=2i 5\n", b"m w=3i,v=4 5\n"
    assert without_replaced(parts, parts + b"m v=1 6\n") == parts
    assert without_replaced(parts, parts + whole) == b""
    assert without_replaced(whole, whole + parts) == b""
    assert without_rows(parts, lines_by_row(b"m v=7 5\n")) == b"m w=2i 5\n"
    assert without_rows(b'm,t=a v=1,s="x,v=2",w=3i 5\n', lines_by_row(b"m,t=a v=7 5\n")) == (
        b'm,t=a s="x,v=2",w=3i 5\n'
    )
