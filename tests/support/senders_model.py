"""A senders stage that one can read: what `telemetry_core.rules.senders` promises, row by row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from telemetry_core.rows.batch import Row
from telemetry_core.rows.spec import RecordSpec
from telemetry_core.rules.senders import NEW_SENDER, OTHER_SENDER, SenderFinding

SILENCE_NS = 10 * 10**9
TOGETHER_NS = 60 * 10**9


@dataclass
class _Channel:
    bus: int
    first_tags: int
    rank: list[int] = field(default_factory=list)  # senders, the senior first
    rows: list[tuple[int, int]] = field(default_factory=list)  # sender and stamp of each judged row
    taken: dict[int, int] = field(default_factory=dict)  # by record
    together: set[frozenset[int]] = field(default_factory=set)
    reported: set[tuple[int, int]] = field(default_factory=set)  # a record and the sender that is not taken
    reported_change: tuple[int, int] | None = None
    kept_out: dict[str, int] = field(default_factory=dict)

    def last(self, sender: int) -> int | None:
        """Return the number of a sender's newest row, or None before its first one."""
        numbers = [number for number, (heard, _) in enumerate(self.rows) if heard == sender]
        return numbers[-1] if numbers else None


class SendersModel:
    """The same marks and findings as Senders."""

    def __init__(self, records: Sequence[RecordSpec], judged: Sequence[Sequence[tuple[int, int]]]) -> None:
        self._records = records
        self._numbers = {record.measurement: number for number, record in enumerate(records)}
        self._judged = [dict(of_bus) for of_bus in judged]
        self._channels: dict[int, _Channel] = {}
        self.findings: list[SenderFinding] = []

    def bind(self, channel: int, bus: int, first_tags: int) -> None:
        self._channels[channel] = _Channel(bus, first_tags)

    def kept_out(self, channel: int) -> dict[str, int]:
        return self._channels[channel].kept_out

    def judge(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows with their marks, and put what is found into `findings`."""
        for number, row in enumerate(rows):
            channel, record = self._channels.get(row.channel), self._numbers[row.measurement]
            sender = row.tags - channel.first_tags if channel else -1
            if channel is None or record not in self._judged[channel.bus] or not 0 <= sender < 256:
                yield row
                continue
            protection = self._judged[channel.bus][record]
            if protection >= 0 and row.raw.get(self._records[record].fields[protection].name) is False:
                yield row
                continue
            yield row._replace(id=row.id | self._mark(channel, record, sender, row, number))

    def _mark(self, channel: _Channel, record: int, sender: int, row: Row, number: int) -> int:
        before, previous = channel.taken.setdefault(record, sender), channel.last(sender)
        channel.rows.append((sender, row.time_ns))
        if sender not in channel.rank:
            channel.rank.append(sender)
        if before == sender:
            return 0
        pair, last = frozenset((before, sender)), channel.last(before)
        assert last is not None
        was_between = previous is not None and last > previous
        if was_between and abs(row.time_ns - channel.rows[previous or 0][1]) <= TOGETHER_NS:
            channel.together.add(pair)
        places = {address: channel.rank.index(address) for address in pair}
        is_silent = abs(row.time_ns - channel.rows[last][1]) >= SILENCE_NS
        if places[sender] > places[before] and is_silent and pair not in channel.together:
            channel.rank[places[sender]], channel.rank[places[before]] = before, sender
            channel.taken[record] = sender
        elif places[sender] < places[before]:
            channel.taken[record] = sender
        is_taken = channel.taken[record] == sender
        if not is_taken:
            name = self._records[record].message or row.measurement
            channel.kept_out[name] = channel.kept_out.get(name, 0) + 1
        other = before if is_taken else sender
        if pair in channel.together:
            if (record, other) not in channel.reported:
                channel.reported.add((record, other))
                self._find(channel, record, other, row, number, is_change=False)
        elif is_taken and channel.reported_change != (before, sender):
            channel.reported_change = (before, sender)
            self._find(channel, record, other, row, number, is_change=True)
        return NEW_SENDER if is_taken else OTHER_SENDER

    def _find(
        self, channel: _Channel, record: int, other: int, row: Row, number: int, *, is_change: bool
    ) -> None:
        taken = channel.taken[record]
        self.findings.append(SenderFinding(number, row.time_ns, row.channel, record, taken, other, is_change))
