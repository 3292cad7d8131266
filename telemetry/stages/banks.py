"""Rows of banks: after the mapper, before the reducer, from the rows of their packs.

Promises:
- What comes out depends on the rows and their stamps alone, not on how they were batched.
- A bank has one row for each second of frame time in which a pack of it has one, right after the first.
- No value is older than 10 s of frame time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.watcher import Transition

from telemetry.model.measurements import BATTERY
from telemetry.rules.aggregate import PACK_FIELDS
from telemetry.rules.bank import FIELDS, Bank, Value
from telemetry.stages.binding import BoundChannel
from telemetry.stages.following import Alarms, BankRow

SECOND_NS = 1_000_000_000
OLDEST_NS = 10 * SECOND_NS


class _Known(NamedTuple):
    time_ns: int
    value: Value


class Banks:
    """All banks of a configuration."""

    def __init__(self, schema: Schema, banks: Sequence[Bank], mapping: MapSpec, alarms: Alarms) -> None:
        """Set up the banks. mapping: the one `with_banks`; alarms: see rows before these banks do."""
        self._schema = schema
        self._threshold_a = mapping.threshold_a
        self._tag_sets = [dict(tags) for tags in mapping.tag_sets]
        names = [record.measurement for record in mapping.records]
        self._record = mapping.first_record + names.index(BATTERY.name)
        fields = schema.specs[self._record].fields
        self._numbers = {
            text: number for field in fields if field.name in PACK_FIELDS for number, text in field.texts
        }
        self._pack_of_tags: dict[int, str] = {}
        self._modelled: dict[int, Sequence[int]] = {}  # by channel: its tag sets
        self._home: dict[str, tuple[int, int]] = {}  # by bank: channel and tag set of its rows
        self._banks_of: dict[str, list[Bank]] = {}  # by pack
        for bank in banks:
            for pack in bank.packs:
                self._banks_of.setdefault(pack, []).append(bank)
        self._known: dict[str, dict[str, _Known]] = {pack: {} for pack in self._banks_of}
        self._second: dict[str, int] = {}  # by bank: of its last row
        self._alarms = alarms
        self._watched = {alarm.pack for alarm in alarms.alarms}
        self._active: set[tuple[int, int]] = set()  # alarms, by channel and rule

    def bind(self, channel: BoundChannel) -> None:
        self._modelled[channel.number] = channel.modelled
        for tags, tag_set in zip(channel.modelled, self._tag_sets, strict=True):
            if tag_set.get("pack") in self._known:
                self._pack_of_tags[tags] = tag_set["pack"]

    def carry_on(self, channel: int, rule: int) -> None:
        """Take over that this alarm is active since before the first row."""
        self._active.add((channel, rule))

    def forget(self, channel: int) -> None:
        """Let no alarm of `channel` be active any more."""
        self._active = {each for each in self._active if each[0] != channel}

    def memory(self) -> tuple[object, ...]:
        """Return what is known of the packs, as plain values."""
        return self._known, self._second, self._home, sorted(self._active)

    def remember(self, memory: tuple[Any, ...]) -> None:
        """Go on with the `memory` of the same banks."""
        self._known, self._second, self._home, active = memory
        self._active = set(active)

    def follow(self, samples: SampleBatch) -> list[BankRow]:
        made: list[BankRow] = []
        waiting = list(reversed(self._alarms.transitions))
        for number, row in samples.rows_of(self._record):
            while waiting and waiting[-1].row <= number:
                self._note(waiting.pop())
            pack = self._pack_of_tags.get(row.tags)
            if pack is None:
                continue
            known = self._known[pack]
            for name, value in row.raw.items():
                if name in FIELDS:
                    known[name] = _Known(row.time_ns, value)
            for bank in self._banks_of[pack]:
                if self._is_due(bank, row.time_ns):
                    made.append(BankRow(number, self._row(bank, row.channel, row.time_ns)))
        while waiting:
            self._note(waiting.pop())
        return made

    def _note(self, transition: Transition) -> None:
        alarm = (transition.channel, transition.rule)
        (self._active.add if transition.active else self._active.discard)(alarm)

    def _is_due(self, bank: Bank, time_ns: int) -> bool:
        """Return whether a row is due.

        Sources may be some time apart; one that is earlier by more than that has had its clock set.
        """
        second, last = time_ns // SECOND_NS, self._second.get(bank.name)
        if last is not None and last - OLDEST_NS // SECOND_NS <= second <= last:
            return False
        self._second[bank.name] = second
        return True

    def _row(self, bank: Bank, channel: int, time_ns: int) -> SampleBatch:
        if bank.name not in self._home:
            tag_set = [tags.get("pack") for tags in self._tag_sets].index(bank.name)
            self._home[bank.name] = (channel, self._modelled[channel][tag_set])
        packs = {pack: self._fresh(pack, time_ns) for pack in bank.packs}
        values = bank.values(packs, self._threshold_a)
        raw = {
            name: self._numbers[value] if isinstance(value, str) else value for name, value in values.items()
        }
        home, tags = self._home[bank.name]
        samples = SampleBatch(self._schema, 64)
        samples.append(self._record, time_ns, raw, tags=tags, channel=home)
        return samples

    def _fresh(self, pack: str, time_ns: int) -> dict[str, Value]:
        known = self._known[pack].items()
        values = {name: each.value for name, each in known if abs(time_ns - each.time_ns) <= OLDEST_NS}
        if values and pack in self._watched:
            active = (self._alarms.alarms[rule] for _, rule in self._active)
            values["alarm_level"] = float(
                max((alarm.level for alarm in active if alarm.pack == pack), default=0)
            )
        return values
