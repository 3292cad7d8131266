"""The frames of an id that have its usual length, by columns: what all detectors look at."""

from collections import Counter
from collections.abc import Sequence

from telemetry_core.frames.spec import SeenFrames


class Sample:
    """Payloads of one length. followed: the places of those whose next one came next on the bus, too."""

    def __init__(self, numbers: Sequence[int], times_ns: Sequence[int], rows: Sequence[bytes]) -> None:
        self.numbers, self.times_ns, self.rows = numbers, times_ns, rows
        self.length = len(rows[0]) if rows else 0
        self.columns = [bytes(column) for column in zip(*rows, strict=True)]
        self.followed = [at for at in range(len(rows) - 1) if numbers[at + 1] == numbers[at] + 1]
        self.changing = [byte for byte, column in enumerate(self.columns) if len(set(column)) > 1]

    def first_run(self) -> "Sample":
        """Return those at the beginning that came one after the other."""
        end = next((at for at, next_at in enumerate(self.followed) if at != next_at), len(self.followed)) + 1
        return Sample(self.numbers[:end], self.times_ns[:end], self.rows[:end])

    def by(self, pages: Sequence[int]) -> dict[int, "Sample"]:
        """Return those of each page, which count as if no other frames were between them."""
        return {
            page: self._of([at for at, one in enumerate(pages) if one == page]) for page in sorted(set(pages))
        }

    def _of(self, places: Sequence[int]) -> "Sample":
        rows = [self.rows[at] for at in places]
        return Sample(range(len(rows)), [self.times_ns[at] for at in places], rows)

    def steps(self, values: Sequence[int], bits: int) -> list[int]:
        """Return how far each value is from the one before it on the bus, as a number that wraps."""
        half = 1 << bits - 1
        return [(values[at + 1] - values[at] + half & 2 * half - 1) - half for at in self.followed]


def sample_of(seen: SeenFrames) -> Sample:
    """Return the frames of the usual length."""
    usual = Counter(map(len, seen.rows)).most_common(1)[0][0]
    chosen = [at for at, row in enumerate(seen.rows) if len(row) == usual]
    numbers, times_ns = ([values[at] for at in chosen] for values in (seen.numbers, seen.times_ns))
    return Sample(numbers, times_ns, [seen.rows[at] for at in chosen])
