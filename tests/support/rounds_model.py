"""Rounds that one can read: cells that somebody asks for page by page, as the data model has them."""

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of the cells of one unit; a field that is absent in it is None."""

    time_ns: int
    page: int
    fields: Mapping[str, float | None]


class RoundsModel:
    """The readings of one pack, as (stamp, fields), and how many rounds were given up."""

    def __init__(self, pages: int, within_ns: int, optional: Collection[int] = ()) -> None:
        """Expect `pages`, of which those of `optional` count from when they first come."""
        self._within_ns = within_ns
        self._pages_there_may_be = set(range(pages))
        self._expected = self._pages_there_may_be - set(optional)
        self._round: list[Answer] = []
        self._forgotten = 0  # answers at its begin whose pauses do not count any more
        self._begin_pause_ns: int | None = None  # from the last answer of a whole round to it
        self._is_read = self._is_held = self._in_order = self._is_after_limit = False
        self._is_doubtful = False  # what is held may be parts of two
        self._last: Answer | None = None
        self._silence_ns: int | None = None  # the shortest between two whole rounds
        self._inner_ns = 0  # the longest pause within a whole round
        self._lacking: set[int] = set()  # in the last round that a silence ended before it was read
        self._cut = 0  # rounds in succession that a silence ended before they were read
        self.readings: list[tuple[int, dict[str, float]]] = []
        self.given_up = 0

    def take(self, answers: Iterable[Answer]) -> None:
        """Take answers in the order in which they come."""
        for one in answers:
            last = self._last
            pause_ns = None if last is None or one.time_ns < last.time_ns else one.time_ns - last.time_ns
            is_next = last is not None and self._in_order and min(one.fields) > min(last.fields)
            is_retry = last is not None and last.page == one.page and len(self._expected) > 1
            is_over = pause_ns is not None and pause_ns > self._within_ns
            begins = pause_ns is None or is_over or self._is_silence(pause_ns)
            longest_ns = max(self._pauses_ns(), default=0)
            is_new = one.page not in self._expected and (self._is_read or (self._is_held and longest_ns > 0))
            if pause_ns is not None and is_new and not is_next:
                begins |= pause_ns >= SECOND_NS // 2 and pause_ns > 2 * longest_ns
            begins |= one.page in self._pages() and not is_retry
            if self._is_held and begins:
                begins = self._decide(pause_ns) or (one.page in self._pages() and not is_retry)
                self.given_up += not begins  # one at most is counted at an answer
            if begins:
                self._begin_pause_ns = pause_ns if self._is_read else None
                self.end()
                self._is_after_limit = is_over
            self._in_order = begins or is_next or (is_retry and self._in_order)
            self._last = one
            self._round.append(one)
            if one.page not in self._expected:
                self._expected.add(one.page)
                self._is_read = False  # if it was read, then without this page
            if self._pages() == self._expected and not self._is_read:
                self._is_doubtful = self._may_be_two()
                lacks_optional = self._expected < self._pages_there_may_be
                self._is_held = self._is_doubtful or (not self.readings and lacks_optional)
                if not self._is_held:
                    self._read()

    def _is_silence(self, pause_ns: int) -> bool:
        if self._silence_ns is None or pause_ns <= self._silence_ns - self._silence_ns // 8:
            return False
        if self._is_read:
            return True
        is_one = self._cut > 0 and len(self._expected) > 4 and self._pages() == self._lacking
        self._lacking = self._expected - self._pages()
        self._cut += 1
        if is_one or self._cut == 8:
            self._cut, self._inner_ns, self._silence_ns = 0, self._silence_ns, None
        return True

    def _decide(self, pause_ns: int | None) -> bool:
        """Return whether the round that was held was one, now that the next answer has come."""
        self._is_held = False
        pauses = self._pauses_ns()
        if not self._is_doubtful or pause_ns is None or 2 * pause_ns > max(pauses):
            self._read()
            return True
        del self._round[: pauses.index(max(pauses)) + 1]
        self._forgotten = len(self._round)
        self._begin_pause_ns, self._is_after_limit, self._in_order = max(pauses), False, False
        return False

    def end(self) -> None:
        """End the open round: nothing more comes of it."""
        if self._is_held:
            self._read()
        self.given_up += bool(self._round) and not self._is_read
        self._round.clear()
        self._forgotten = 0
        self._is_read = self._is_held = False

    def _pages(self) -> set[int]:
        return {one.page for one in self._round}

    def _span_ns(self) -> int:
        return self._round[-1].time_ns - self._round[0].time_ns

    def _pauses_ns(self) -> list[int]:
        """Return the pause before each answer but the first."""
        stamps = [one.time_ns for one in self._round]
        pauses = [later - earlier for earlier, later in itertools.pairwise(stamps)]
        return [0 if place < self._forgotten - 1 else pause for place, pause in enumerate(pauses)]

    def _may_be_two(self) -> bool:
        pauses = [0, *self._pauses_ns()]
        *_, next_longest, longest = [0, *sorted(pauses)]
        may_be = (
            self._silence_ns is None
            and not (self._in_order and len(self._expected) > 4)
            and not self._is_after_limit
            and (self._begin_pause_ns is None or longest > 2 * self._begin_pause_ns)
            and longest >= SECOND_NS // 2
            and 3 * longest > self._span_ns()
            and 0 < 4 * next_longest < longest
            and longest > 2 * self._inner_ns
        )
        if may_be and {one.page for one in self._round[pauses.index(longest) :]} == self._expected:
            self._begin_pause_ns, self._forgotten = None, len(self._round)
            return False
        return may_be

    def _read(self) -> None:
        self._is_read = True
        self._cut = 0
        self._inner_ns = max(self._inner_ns - self._inner_ns // 8, *self._pauses_ns(), 0)
        silence = self._begin_pause_ns
        if silence is not None and silence >= SECOND_NS // 2 and 2 * silence > self._span_ns():
            self._silence_ns = min(silence, self._silence_ns or silence)  # lost rounds make it longer
        if self._silence_ns is not None and self._silence_ns <= 2 * self._inner_ns:
            self._silence_ns = None
        self.readings.append((self._round[-1].time_ns, self._fields()))

    def _fields(self) -> dict[str, float]:
        latest = {one.page: one for one in self._round}  # a retry replaces what it repeats
        return {
            name: value
            for answer in latest.values()
            for name, value in answer.fields.items()
            if value is not None
        }
