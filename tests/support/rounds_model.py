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
        self._expected = set(range(pages)) - set(optional)
        self._round: list[Answer] = []
        self._begin_pause_ns: int | None = None  # before it; None: unknown
        self._is_read = False
        self._last: Answer | None = None
        self._silence_ns: int | None = None  # between two rounds
        self._cut = 0  # rounds in succession that it ended before they were read
        self.readings: list[tuple[int, dict[str, float]]] = []
        self.given_up = 0

    def take(self, answers: Iterable[Answer]) -> None:
        """Take answers in the order in which they come."""
        for one in answers:
            pause_ns = None if self._last is None else one.time_ns - self._last.time_ns
            if pause_ns is not None and not 0 <= pause_ns <= self._within_ns:
                pause_ns = None
            is_retry = self._last is not None and self._last.page == one.page
            is_silence = (
                pause_ns is not None and self._silence_ns is not None and pause_ns > self._silence_ns // 2
            )
            if is_silence and not self._is_read:
                self._cut += 1
                if self._cut == 8:
                    self._cut, self._silence_ns = 0, None
            if pause_ns is not None and self._is_read and one.page not in self._expected:
                is_silence |= pause_ns >= SECOND_NS // 2 and pause_ns > 2 * max(self._pauses_ns(), default=0)
            if pause_ns is None or is_silence or (one.page in self._pages() and not is_retry):
                self.end()
                self._begin_pause_ns = pause_ns
            self._last = one
            self._round.append(one)
            if one.page not in self._expected:
                self._expected.add(one.page)
                self._is_read = False  # if it was read, then without this page
            self._read()

    def _read(self) -> None:
        if self._is_whole():
            cut = self._place_of_silence()
            if cut:
                self.given_up += 1
                self._begin_pause_ns = self._silence_ns = self._pauses_ns()[cut - 1]
                del self._round[:cut]
                self._forgotten = len(self._round)
        if self._is_whole():
            self._is_read = True
            self._learn()
            self.readings.append((self._round[-1].time_ns, self._fields()))

    def end(self) -> None:
        """End the open round: nothing more comes of it."""
        self.given_up += bool(self._round) and not self._is_read
        self._round.clear()
        self._forgotten = 0
        self._is_read = False

    _forgotten = 0  # answers at its begin whose pauses do not count any more

    def _pages(self) -> set[int]:
        return {one.page for one in self._round}

    def _is_whole(self) -> bool:
        return self._pages() == self._expected and not self._is_read

    def _pauses_ns(self) -> list[int]:
        """Return the pause before each answer but the first."""
        stamps = [one.time_ns for one in self._round]
        pauses = [later - earlier for earlier, later in itertools.pairwise(stamps)]
        return [0 if place < self._forgotten - 1 else pause for place, pause in enumerate(pauses)]

    def _place_of_silence(self) -> int:
        """Return the place of the answer after the silence that is in the midst of the round; 0: none is."""
        pauses = self._pauses_ns()
        if not pauses:
            return 0
        *_, next_longest, longest = [0, *sorted(pauses)]
        rest = self._round[-1].time_ns - self._round[0].time_ns - longest
        if longest < SECOND_NS // 2 or 2 * longest <= rest:
            return 0
        if self._begin_pause_ns is None:
            is_clear = 0 < 4 * next_longest < longest
        else:
            is_clear = longest > 2 * max(next_longest, self._begin_pause_ns)
        return pauses.index(longest) + 1 if is_clear else 0

    def _learn(self) -> None:
        self._cut = 0
        silence = self._begin_pause_ns
        whole = self._round[-1].time_ns - self._round[0].time_ns
        longest = max(self._pauses_ns(), default=0)
        if (
            silence is not None
            and silence >= SECOND_NS // 2
            and silence > 2 * longest
            and 2 * silence > whole
        ):
            self._silence_ns = min(silence, self._silence_ns or silence)  # lost rounds make it longer

    def _fields(self) -> dict[str, float]:
        latest = {one.page: one for one in self._round}  # a retry replaces what it repeats
        return {
            name: value
            for answer in latest.values()
            for name, value in answer.fields.items()
            if value is not None
        }
