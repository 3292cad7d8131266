"""The three accounts: a flat mapping of counter names to integers, and the arithmetic on it.

Promises:

- Counters only grow.
- A snapshot that the pipeline takes between two batches has nothing in flight, so that what a restart finds
  in the spool balances.
- A snapshot holds counters that are 0, so that differences over time show where a counter began.

Relies on each stage to count its own work, and to name all of its counters before it counts. This module
reads these counters and adds those of earlier runs.

Names (docs/architecture.md has the table): `bus/SOURCE/…`, `frames/SOURCE/…`, `points/…`. The reasons beside
these three accounts are `sessions/SOURCE/…`, `protection/SOURCE/…`, `senders/SOURCE/…`.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping

Counters = Mapping[str, int]

# The ends of a point; `points/made/*` equals their sum and what waits.
POINT_ENDS = ("acknowledged", "reduced", "evicted", "damaged", "dead")


class Ledger:
    """Sums the counters of earlier runs (`base`) and of the stages of this one."""

    def __init__(self, base: Counters) -> None:
        self._base = dict(base)
        self._stages: list[Callable[[], Counters]] = []
        self._suppressed: dict[str, int] = {}

    def add_stage(self, counters: Callable[[], Counters]) -> None:
        """Add a stage: `counters` returns what it has counted since its creation."""
        self._stages.append(counters)

    def counted(self) -> dict[str, int]:
        """Return what this run's stages have counted, even if an earlier run had counted it."""
        return add(*(counters() for counters in self._stages))

    def suppress(self, repeated: Counters) -> None:
        """Subtract the counts for frames that an earlier run had counted already."""
        self._suppressed = add(self._suppressed, repeated)

    def snapshot(self) -> dict[str, int]:
        """Return all counters, of earlier runs and of this one."""
        total = add(self._base, *(counters() for counters in self._stages))
        for name, count in self._suppressed.items():
            total[name] = total.get(name, 0) - count
        return total


class Names(dict[str, str]):
    """`names[name]` is `name` after a prefix, made once: frequent counting asks for the same names."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def __missing__(self, name: str) -> str:
        text = self[name] = f"{self._prefix}{name}"
        return text

    def count(self, counters: MutableMapping[str, int], counts: Counters) -> None:
        """Add `counts` to `counters` by these names, but for zeros."""
        for name, count in counts.items():
            if count:
                counters[self[name]] = counters.get(self[name], 0) + count


def add(*parts: Counters) -> dict[str, int]:
    """Return the sum, name by name."""
    total: dict[str, int] = {}
    for part in parts:
        if not total:
            total.update(part)  # in one go: the first is the largest, mostly
            continue
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total


def subtract(whole: Counters, part: Counters) -> dict[str, int]:
    """Return `whole` less `part`, name by name."""
    return add(whole, {name: -count for name, count in part.items()})


def total(counters: Counters, prefix: str) -> int:
    """Return the sum of all counters whose name begins with `prefix`."""
    return sum(count for name, count in counters.items() if name.startswith(prefix))


def of_source(source: str) -> tuple[str, ...]:
    """Return the prefixes of all counters of one source."""
    return tuple(f"{account}/{source}/" for account in ("bus", "frames", "sessions", "protection", "senders"))


def sources(counters: Counters) -> list[str]:
    """Return the sources that occur in the accounts, sorted."""
    return sorted({name.split("/")[1] for name in counters if name.startswith(("bus/", "frames/"))})


def frames_in_flight(counters: Counters, source: str) -> int:
    """Return the number of frames of `source` that were read and have no end yet."""
    return counters.get(f"bus/{source}/read", 0) - total(counters, f"frames/{source}/")


def lost_frames(counters: Counters, source: str) -> dict[str, int]:
    """Return how many frames of `source` were read and lost, by the reasons that there are."""
    prefix = f"frames/{source}/lost/"
    lost = ((name, count) for name, count in counters.items() if name.startswith(prefix) and count)
    return {name.removeprefix(prefix): count for name, count in lost}


def points_unaccounted(counters: Counters, waiting: int) -> int:
    """Return the number of points that neither wait (memory and disk) nor have an end; 0 when all is well."""
    ends = sum(counters.get(f"points/{end}", 0) for end in POINT_ENDS)
    return total(counters, "points/made/") - ends - waiting


def imbalances(counters: Counters, waiting_points: int, in_flight: Mapping[str, int]) -> Iterable[str]:
    """Return one sentence for each account that does not balance.

    `waiting_points` are in memory and on disk; `in_flight` are frames on their way, by source.
    """
    for source in sources(counters):
        missing = frames_in_flight(counters, source) - in_flight.get(source, 0)
        if missing:
            yield f"frames of {source}: {missing} of those read are not accounted for"
        offered = counters.get(f"bus/{source}/offered")
        taken = counters.get(f"bus/{source}/read", 0) + counters.get(f"bus/{source}/kernel_dropped", 0)
        if offered is not None and taken > offered:
            yield f"bus {source}: {taken} frames read and dropped, but only {offered} offered"
    missing = points_unaccounted(counters, waiting_points)
    if missing:
        yield f"points: {missing} of those made are not accounted for"
