"""Windows round events: what a `[[trigger]]` names goes out at full rate, from before until after.

Promises:
- A window is a span of stamps. Each row of it that the trigger names is written, as it came, once for all
  windows that have it. What had been written of it is written once more: the same point, with all its fields.
- Windows that overlap are one capture, with one id.
- What comes out depends on the rows alone, and not on how they were batched.

Windows of sources that share this machine's clock have the rows of all of them, those of a log or a simulator
its own alone. Without a reducer all is written anyway, and windows only name captures.

Relies on rows in their order.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, cycle
from typing import Any

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.ring import Ring

from telemetry.model.events import Event
from telemetry.rules.trigger import ResolvedTrigger, Trigger, chosen
from telemetry.stages.binding import BoundChannel

_HOUR_NS = 3600 * 10**9
_LATE_NS = 10 * 10**9  # an event may come so long after rows that are newer than it
_THIS_MACHINE = 0  # the time line of its clock
_MOST_CAPTURES = 64  # that a later one may overlap
_COUNTED = ("triggers/captures", "triggers/over_per_hour", "triggers/cut_short")


@dataclass(slots=True)
class _Capture:
    id: str
    line: int
    from_ns: int
    to_ns: int


class Windows:
    """Send windows of all triggers. `frozen`: ids for the black box to keep, and for how many seconds more.

    run: ends the ids of captures of this machine's clock, which may begin each boot at the same time.
    """

    def __init__(self, schema: Schema, triggers: Sequence[ResolvedTrigger], ring_bytes: int) -> None:
        """Have no window. ring_bytes: 0: no rows are kept, since all of them are written."""
        self._schema = schema
        self._triggers = triggers
        self._choices = list(dict.fromkeys(one.settings.only for one in triggers))
        self._ring_bytes = ring_bytes
        self._ring = self._empty_ring() if ring_bytes else None
        # Stamps of the last hour, by trigger and time line.
        self._begun: defaultdict[tuple[Trigger, int], deque[int]] = defaultdict(deque)
        self._captures: deque[_Capture] = deque(maxlen=_MOST_CAPTURES)
        self._lines: dict[str, int] = {}  # time lines, by the source that has one of its own
        self._channels: dict[int, BoundChannel] = {}
        self._counts: Counter[str] = Counter()
        self.run = ""
        self.frozen: deque[tuple[str, float]] = deque(maxlen=_MOST_CAPTURES)

    def _empty_ring(self) -> Ring:
        keep_ns = round(max(one.settings.before_s for one in self._triggers) * 1e9) + _LATE_NS
        choices = [chosen(only, self._schema.specs) for only in self._choices]
        return Ring(self._schema, choices, self._ring_bytes, keep_ns)

    def bind(self, channel: BoundChannel) -> None:
        """Expect rows of `channel`."""
        self._channels[channel.number] = channel
        if channel.binding.own_time:
            self._lines.setdefault(channel.binding.source, 1 + len(self._lines))
        if self._ring is not None:
            self._ring.bind(channel.number, self._line_of(channel.binding.source))

    def _line_of(self, source: str) -> int:
        return self._lines.get(source, _THIS_MACHINE)

    def set_off(self, event: Event, source: str, time_ns: int, shift_ns: int, out: SampleBatch) -> Event:
        """Return the event, with its capture, if any; append to `out` what goes out of the ring.

        source: that it is of; shift_ns: what its rows are written with. Stamps in `out` are shifted already.
        """
        if not event.active:
            return event
        line, stamp_ns = self._line_of(source), time_ns + shift_ns
        meant = (
            one.settings
            for number, one in enumerate(self._triggers)
            if event.trigger == number or event.code in one.codes
        )
        found = [one for one in meant if self._may_begin(one, line, stamp_ns)]
        if not found:
            return event
        from_ns = stamp_ns - round(max(one.before_s for one in found) * 1e9)
        to_ns = stamp_ns + round(max(one.after_s for one in found) * 1e9)
        capture = self._capture(line, from_ns, to_ns, time_ns)
        for one in found:
            self._open(one, line, stamp_ns, out)
        boxed_s = [one.after_s for one in found if one.black_box]
        if boxed_s and line == _THIS_MACHINE:
            self.frozen.append((capture.id, max(boxed_s)))
        return replace(event, capture=capture.id)

    def _may_begin(self, trigger: Trigger, line: int, stamp_ns: int) -> bool:
        begun = self._begun[trigger, line]
        while begun and not 0 <= stamp_ns - begun[0] < _HOUR_NS:
            begun.popleft()
        if len(begun) >= trigger.per_hour:
            self._counts["triggers/over_per_hour"] += 1
            return False
        begun.append(stamp_ns)
        return True

    def _capture(self, line: int, from_ns: int, to_ns: int, time_ns: int) -> _Capture:
        """Return the capture that a window of this span is of: one that it overlaps, or a new one."""
        for capture in reversed(self._captures):
            if capture.line == line and capture.from_ns <= to_ns and from_ns <= capture.to_ns:
                capture.from_ns, capture.to_ns = min(capture.from_ns, from_ns), max(capture.to_ns, to_ns)
                return capture
        second = f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y%m%dT%H%M%SZ}"
        taken, run = {capture.id for capture in self._captures}, "" if line else self.run
        id = next(id for number in count(1) if (id := f"{second}-{number}{run}") not in taken)
        self._captures.append(_Capture(id, line, from_ns, to_ns))
        self._counts["triggers/captures"] += 1
        return self._captures[-1]

    def _open(self, trigger: Trigger, line: int, stamp_ns: int, out: SampleBatch) -> None:
        from_ns = stamp_ns - round(trigger.before_s * 1e9)
        to_ns = stamp_ns + round(trigger.after_s * 1e9)
        if self._ring is not None:
            self._counts["triggers/cut_short"] += self._ring.lost_ns(line) >= from_ns
            self._ring.open(line, from_ns, to_ns, self._choices.index(trigger.only), out)

    def parts(self, samples: SampleBatch, shift_ns: int) -> Iterator[tuple[SampleBatch, bool]]:
        """Yield these rows in their order, and whether they pass. shift_ns: is added to their stamps."""
        turns = self._ring.take(samples, shift_ns) if self._ring is not None else []
        parts = samples.split(turns) if turns else [samples]
        yield from zip(parts, cycle((False, True)), strict=False)

    def carry_on(self, earlier: "Windows") -> None:
        """Go on with windows of `earlier`. Before the first row, and after all channels are bound.

        Its rows are not sent again: they count as lost for want of room.
        """
        self._captures, self._begun, self.frozen = earlier._captures, earlier._begun, earlier.frozen
        lines = earlier._lines
        for source in self._lines:
            lines.setdefault(source, 1 + len(lines))
        self._lines = lines
        if self._ring is None or earlier._ring is None:
            return
        self._choices = list(dict.fromkeys((*self._choices, *earlier._choices)))
        self._ring = self._empty_ring()
        for number, channel in self._channels.items():
            self._ring.bind(number, self._line_of(channel.binding.source))
        for line in range(1 + len(lines)):
            self._ring.lose(line, max(earlier._ring.lost_ns(line), earlier._ring.last_ns(line)))
        for line, from_ns, to_ns, choice in earlier._ring.windows():
            only = self._choices.index(earlier._choices[choice])
            self._ring.open(line, from_ns, to_ns, only, SampleBatch(self._schema, 0))

    def forget(self, source: str) -> None:
        """Forget what is known of a log that begins again."""
        line = self._line_of(source)
        if line == _THIS_MACHINE:
            return
        self._captures = deque((one for one in self._captures if one.line != line), _MOST_CAPTURES)
        for trigger, _ in [key for key in self._begun if key[1] == line]:
            del self._begun[trigger, line]
        if self._ring is not None:
            self._ring.forget(line)

    def move(self, by_ns: int) -> None:
        """Let stamps of this machine's clock be `by_ns` more. What was before is not sent again."""
        for capture in self._captures:
            if capture.line == _THIS_MACHINE:
                capture.from_ns, capture.to_ns = capture.from_ns + by_ns, capture.to_ns + by_ns
        for (_, line), begun in self._begun.items():
            if line == _THIS_MACHINE:
                begun.extend([begun.popleft() + by_ns for _ in range(len(begun))])
        if self._ring is not None:
            windows = [one for one in self._ring.windows() if one[0] == _THIS_MACHINE]
            self._ring.forget(_THIS_MACHINE)
            for line, from_ns, to_ns, choice in windows:
                self._ring.open(line, from_ns + by_ns, to_ns + by_ns, choice, SampleBatch(self._schema, 0))

    def captures(self, now_ns: int) -> Iterator[dict[str, Any]]:
        """Yield the captures of this run, the newest first; goes_on: rows may come that are sent in full."""
        for one in reversed(self._captures):
            is_late = one.line == _THIS_MACHINE and one.to_ns + _LATE_NS < now_ns
            goes_on = not is_late and self._ring is not None and self._ring.last_ns(one.line) < one.to_ns
            yield {"id": one.id, "from_ns": one.from_ns, "to_ns": one.to_ns, "goes_on": goes_on}

    @property
    def held_s(self) -> float | None:
        """Return how much time the ring has room for, by the rows that it holds; None: that is not known."""
        return self._ring.held_s if self._ring is not None else None

    def memory(self) -> dict[str, Any]:
        """Return what is remembered, as plain values, for windows of the same triggers, bound likewise."""
        return {
            "captures": [(one.id, one.line, one.from_ns, one.to_ns) for one in self._captures],
            "begun": [
                (number, line, list(self._begun[one.settings, line]))
                for number, one in enumerate(self._triggers)
                for line in range(1 + len(self._lines))
            ],
            "ring": self._ring.memory() if self._ring is not None else None,
        }

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Go on with the `memory` of others. Raises ValueError for that of other triggers."""
        self._captures.extend(_Capture(*one) for one in memory["captures"])
        for number, line, begun in memory["begun"]:
            self._begun[self._triggers[number].settings, line].extend(begun)
        if self._ring is not None:
            self._ring.remember(memory["ring"])

    def counted(self) -> dict[str, int]:
        """Return points that went out once more, and what became of triggers."""
        sent = self._ring.emitted_by_measurement() if self._ring is not None else {}
        counts = {name: self._counts[name] for name in _COUNTED}
        return counts | {f"points/made/{name}": count for name, count in sent.items()}
