"""A queue of batches in memory, as the sink needs it, that remembers what became of each point."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from telemetry.spool.batch import EncodedBatch, Entry, Series, TimeBase
from telemetry.spool.compress import compress
from telemetry.spool.spool import Spool


def batch_of(
    lines: Sequence[bytes],
    *,
    ordered: bool = False,
    boot_id: str = "",
    first_ns: int = 0,
    last_ns: int = 0,
    series: Series = Series.ANY,
    urgent: bool = False,
) -> EncodedBatch:
    """Make a batch with these lines; boot_id: their stamps count from that boot."""
    return EncodedBatch(
        payload=compress(b"".join(line + b"\n" for line in lines)),
        points=len(lines),
        first_ns=first_ns,
        last_ns=last_ns,
        ordered=ordered,
        time_base=TimeBase.BOOT if boot_id else TimeBase.UNIX,
        boot_id=boot_id,
        series=series,
        urgent=urgent,
    )


@dataclass
class ListQueue(Spool):
    """What the sink uses of a spool, over a list."""

    entries: list[Entry] = field(default_factory=list)
    in_flight: set[int] = field(default_factory=set)
    acknowledged: list[int] = field(default_factory=list)
    dead: dict[int, list[tuple[bytes, str, str]]] = field(default_factory=dict)
    shifts_ns: dict[int, int] = field(default_factory=dict)  # of batches that were restamped
    made_points: int = 0
    acknowledged_points: int = 0
    _last: int = 0

    def put(self, batch: EncodedBatch) -> int:
        """Add a batch; its sequence number."""
        self._last += 1
        self.entries.append(Entry(self._last, batch))
        self.made_points += batch.points
        return self._last

    def put_lines(self, *lines: bytes, ordered: bool = False) -> int:
        """Add a batch with these lines; its sequence number."""
        return self.put(batch_of(lines, ordered=ordered))

    def urgent_waits(self) -> bool:
        return any(entry.batch.urgent and entry.sequence not in self.in_flight for entry in self.entries)

    def next_first(self, together: Collection[int] = ()) -> Entry | None:
        del together
        urgent = (self._take(entry) for entry in self.entries if entry.batch.urgent)
        return next(filter(None, urgent), None)

    def next_live(self) -> Entry | None:
        newest = self._newest()
        return self._take(newest) if newest is not None else None

    def next_backlog(self, together: Collection[int] = (), *, newest_first: bool = False) -> Entry | None:
        del together, newest_first
        newest = self._newest()
        for entry in self.entries:
            if entry is not newest and (taken := self._take(entry)) is not None:
                return taken
        return None

    def _newest(self) -> Entry | None:
        """Return the entry that was put in last, as long as it waits."""
        last = self.entries[-1] if self.entries else None
        return last if last and last.sequence == self._last and not last.batch.ordered else None

    def _take(self, entry: Entry) -> Entry | None:
        if entry.sequence in self.in_flight:
            return None
        self.in_flight.add(entry.sequence)
        return entry

    def restamped(self, sequence: int, shift_ns: int) -> None:
        assert sequence in self.in_flight
        self.shifts_ns[sequence] = shift_ns

    def refuse(self, sequence: int, lines: bytes, *, reason: str, words: str) -> None:
        assert sequence in self.in_flight
        self.dead.setdefault(sequence, []).append((lines, reason, words))

    def acknowledge(self, sequence: int) -> None:
        self.in_flight.remove(sequence)
        entry = next(entry for entry in self.entries if entry.sequence == sequence)
        self.entries.remove(entry)
        self.acknowledged.append(sequence)
        self.acknowledged_points += entry.batch.points - self.dead_points(sequence)

    def release(self, sequence: int) -> None:
        self.in_flight.remove(sequence)
        self.dead.pop(sequence, None)

    def wait(self, timeout_s: float) -> bool:
        del timeout_s
        return False

    def wake(self) -> None:
        """Nobody waits."""

    def dead_points(self, sequence: int | None = None) -> int:
        """Return the number of dead points of one batch, or of all."""
        sequences = self.dead if sequence is None else {sequence}
        return sum(lines.count(b"\n") for key in sequences for lines, _, _ in self.dead.get(key, []))

    def dead_lines(self) -> list[bytes]:
        """Return all lines that are dead, sorted."""
        return sorted(
            line for letters in self.dead.values() for lines, _, _ in letters for line in lines.splitlines()
        )

    def assert_balance(self) -> None:
        """Check that every point is acknowledged, dead or waiting."""
        waiting = sum(entry.batch.points for entry in self.entries)
        assert self.made_points == self.acknowledged_points + self.dead_points() + waiting
