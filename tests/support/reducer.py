"""The reducer as a model: what `telemetry_core.rules.reducer` promises, in as few lines as will say it."""

from collections.abc import Iterable, Sequence

from telemetry_core.rows.batch import Row
from telemetry_core.rules.senders import NEW_SENDER

Raw = dict[str, int | float | bool]


class ModelReducer:
    """every_ns: the interval by measurement, -1 for none of its rows; passes: fields whose changes pass.

    flags_every_ns: the interval of those changes, by measurement.
    """

    def __init__(
        self,
        every_ns: dict[str, int],
        passes: dict[str, set[str]],
        flags_every_ns: dict[str, int] | None = None,
    ) -> None:
        self._every_ns = every_ns
        self._flags_every_ns = flags_every_ns or {}
        self._passed: dict[tuple[str, int], int] = {}  # in which interval of flags a change has passed
        self._waiting: set[tuple[str, int]] = set()
        self._passes = passes
        self._pending: dict[tuple[str, int], Row] = {}
        self._seen: dict[tuple[str, int], Raw] = {}
        self.reduced = 0

    @property
    def pending(self) -> int:
        return len(self._pending)

    def reduce(self, rows: Iterable[Row]) -> list[Row]:
        return [out for row in rows for out in self._reduce(row)]

    def _reduce(self, row: Row) -> Sequence[Row]:
        every_ns, key = self._every_ns[row.measurement], (row.measurement, row.tags)
        if every_ns == 0:
            return [row]
        if every_ns < 0:
            self.reduced += 1
            return []
        out = []
        flags_every_ns = self._flags_every_ns.get(row.measurement, 0)
        flag_interval = row.time_ns // flags_every_ns if flags_every_ns else 0
        if key in self._pending:
            is_over = self._pending[key].time_ns // every_ns != row.time_ns // every_ns
            is_due = key in self._waiting and self._passed[key] != flag_interval
            if is_over or is_due or row.id & NEW_SENDER:
                if key in self._waiting:
                    self._passed[key] = flag_interval
                out.append(self._sent(key))
        flags = self._flags(row)
        changed = key not in self._seen or not flags.items() <= self._seen[key].items()
        if flags_every_ns and changed and self._passed.get(key) == flag_interval:
            self._waiting.add(key)
            changed = False
        elif changed or not flags_every_ns:
            self._passed[key] = flag_interval
            self._seen[key] = self._seen.get(key, {}) | flags
        held = self._pending.pop(key, None)
        self.reduced += held is not None
        if not changed:
            self._pending[key] = row._replace(raw=(held.raw if held else {}) | row.raw)
            return out
        out.append(row)
        left = {name: held.raw[name] for name in held.raw if name not in row.raw} if held else {}
        if held and left:
            self._pending[key] = held._replace(raw=left)
            self.reduced -= 1
        return out

    def _flags(self, row: Row) -> Raw:
        return {name: row.raw[name] for name in row.raw if name in self._passes[row.measurement]}

    def _sent(self, key: tuple[str, int]) -> Row:
        row = self._pending.pop(key)
        if key in self._waiting:
            self._waiting.remove(key)
            self._seen[key] |= self._flags(row)
        return row

    def flush(self, before_ns: int | None = None) -> set[tuple[str, int]]:
        """Flush the rows that go, and return their keys."""
        gone = {
            key
            for key, row in self._pending.items()
            if before_ns is None
            or row.time_ns // self._every_ns[key[0]] < before_ns // self._every_ns[key[0]]
            or (key in self._waiting and self._passed[key] < before_ns // self._flags_every_ns[key[0]])
        }
        for key in gone:
            self._sent(key)
        return gone
