"""Rounds that one can read: cells that somebody asks for page by page, as the data model has them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


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
        self._round: dict[int, Answer] = {}  # by page
        self._is_read = False
        self._last: Answer | None = None
        self.readings: list[tuple[int, dict[str, float]]] = []
        self.given_up = 0

    def take(self, answers: Iterable[Answer]) -> None:
        """Take answers in the order in which they come."""
        for one in answers:
            passed_ns = 0 if self._last is None else one.time_ns - self._last.time_ns
            is_retry = self._last is not None and self._last.page == one.page
            if not 0 <= passed_ns <= self._within_ns or (one.page in self._round and not is_retry):
                self.end()
            self._last = self._round[one.page] = one
            if one.page not in self._expected:
                self._expected.add(one.page)
                self._is_read = False  # if it was read, then without this page
            if set(self._round) == self._expected and not self._is_read:
                self._is_read = True
                self.readings.append((one.time_ns, self._fields()))

    def end(self) -> None:
        """End the open round: nothing more comes of it."""
        self.given_up += bool(self._round) and not self._is_read
        self._round.clear()
        self._is_read = False

    def _fields(self) -> dict[str, float]:
        return {
            name: value
            for answer in self._round.values()
            for name, value in answer.fields.items()
            if value is not None
        }
