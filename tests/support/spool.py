"""A pipeline and a sink in miniature: numbered points go into a spool, and what comes out is noted."""

import gzip
from collections.abc import Iterator, Mapping

from telemetry_core.text.lines import LineBuffer

from telemetry.spool import EncodedBatch, Entry, Spool, TimeBase
from telemetry.spool.compress import compress


def batch(
    first: int, points: int = 3, *, ordered: bool = False, boot_id: str = "", padding: int = 0
) -> EncodedBatch:
    """Batch the points `first` to `first + points`, each stamped with its number; pad incompressibly."""
    lines = b"".join(b"battery,vehicle=a soc_pct=%d %d\n" % (n, n) for n in range(first, first + points))
    return EncodedBatch(
        payload=gzip.compress(lines, 1, mtime=0) + gzip.compress(b"", 1, mtime=0) * (padding // 20),
        points=points,
        first_ns=first,
        last_ns=first + points - 1,
        ordered=ordered,
        time_base=TimeBase.BOOT if boot_id else TimeBase.UNIX,
        boot_id=boot_id,
    )


def points_of(entry: Entry) -> list[int]:
    """Return the numbers of the entry's points."""
    return [int(line.rsplit(b" ", 1)[1]) for line in gzip.decompress(entry.batch.payload).splitlines()]


def state_after(points: int) -> dict[str, bytes]:
    """Return a state after so many points: none at first and now and then, not new for each point."""
    number = points // 4
    names = ("plug-1", "plug-2")[: number % 3]
    return {name: b"%s after %d" % (name.encode(), 4 * number) * 20 for name in names}


class Feed:
    """Appends numbered points and keeps the accounts that go with them, and a state if that is wanted."""

    def __init__(
        self, spool: Spool, accounts: Mapping[str, int] | None = None, *, with_state: bool = False
    ) -> None:
        self.spool = spool
        self.with_state = with_state
        self.accounts = {"points/made/battery": 0, "points/reduced": 0} | dict(accounts or {})
        self.next_point = 0
        self._open = LineBuffer()

    def deliver(self, points: int) -> None:
        """Points into the open batch, which is kept as the pipeline has it kept."""
        for number in range(self.next_point, self.next_point + points):
            self._open.append(b"battery,vehicle=a soc_pct=%d %d" % (number, number), number)
        self.next_point += points
        self.accounts["points/made/battery"] += points
        positions = {"log": self.next_point}
        self.spool.keep(
            self._open, accounts=self.accounts, positions=positions, boot_id="", state=self._state()
        )

    def cut(self) -> None:
        """Append the open batch."""
        lines = self._open
        points, first_ns, last_ns = lines.lines, lines.first_ns, lines.last_ns
        closed = EncodedBatch(compress(lines.take()), points, first_ns, last_ns)
        positions = {"log": self.next_point}
        self.spool.append(closed, accounts=self.accounts, positions=positions, state=self._state())

    def put(self, points: int = 3, *, ordered: bool = False, boot_id: str = "", padding: int = 0) -> None:
        """Append a batch."""
        first = self.next_point
        self.next_point += points
        self.accounts["points/made/battery"] += points
        self.spool.append(
            batch(first, points, ordered=ordered, boot_id=boot_id, padding=padding),
            accounts=self.accounts,
            positions={"log": self.next_point},
            state=self._state(),
        )

    def store(
        self, points: int = 3, *, batches: int = 1, ordered: bool = False, boot_id: str = "", padding: int = 0
    ) -> None:
        """Append batches, each of which reaches the disk."""
        for _ in range(batches):
            self.put(points, ordered=ordered, boot_id=boot_id, padding=padding)
            self.spool.commit()

    def _state(self) -> dict[str, bytes]:
        return state_after(self.next_point) if self.with_state else {}


def assert_balanced(spool: Spool, accounts: Mapping[str, int]) -> None:
    """Check that every point that was made has an end or waits."""
    made = sum(value for name, value in accounts.items() if name.startswith("points/made/"))
    gauges = spool.gauges()
    waiting = gauges.waiting_disk_points + gauges.waiting_memory_points
    counters = spool.counters()
    assert min(counters.values()) >= 0
    assert min(gauges.waiting_disk_points, gauges.waiting_memory_points) >= 0
    assert made == accounts.get("points/reduced", 0) + waiting + sum(counters.values())


def newest(spool: Spool) -> Entry:
    """Take the next batch of the live lane, which there is."""
    entry = spool.next_live()
    assert entry
    return entry


def oldest(spool: Spool) -> Entry:
    """Take the next batch of the backlog, which there is."""
    entry = spool.next_backlog()
    assert entry
    return entry


def drain(spool: Spool) -> Iterator[Entry]:
    """Send everything, live first, to a server that takes it all."""
    while entry := spool.next_live() or spool.next_backlog():
        yield entry
        spool.acknowledge(entry.sequence)


def drained_points(spool: Spool) -> list[int]:
    """Return all points that come out, in order of their number."""
    return sorted(point for entry in drain(spool) for point in points_of(entry))
