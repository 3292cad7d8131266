"""The past ten minutes of each pack, so that a page that is opened now has its curves at once.

Promises:
- The number of packs and samples is bounded, whatever comes.
- A value that was stale at its sample is absent, and so is a gap without samples.

Pure: times come with the snapshots.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from telemetry.live.state import STALE_S, Entity, LiveSnapshot

EVERY_S = 1.0
LEAST_S = 0.75 * EVERY_S  # between two samples
LENGTH = 600  # samples
MAX_PACKS = 16
FIELDS = ("voltage_v", "current_a", "soc_pct", "temp_max_c")

_Key = tuple[str, str]  # pack, source


class History:
    """Observes snapshots; belongs to one thread."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque(maxlen=LENGTH)  # monotonic
        self._packs: dict[_Key, dict[str, deque[float | None]]] = {}

    def observe(self, snapshot: LiveSnapshot) -> None:
        """Take a sample, unless one was taken just before."""
        if self._times_s and snapshot.taken_s - self._times_s[-1] < LEAST_S:
            return
        samples = dict(_samples(snapshot))
        for key in samples.keys() - self._packs.keys():
            if len(self._packs) < MAX_PACKS:
                absent = [None] * len(self._times_s)
                self._packs[key] = {field: deque(absent, maxlen=LENGTH) for field in FIELDS}
        self._times_s.append(snapshot.taken_s)
        for key, fields in list(self._packs.items()):
            for field, values in fields.items():
                values.append(samples.get(key, {}).get(field))
            if key not in samples and all(value is None for values in fields.values() for value in values):
                del self._packs[key]

    def view(self, now_s: float) -> dict[str, Any]:
        """Return JSON: how old each sample is, and of each pack the values of each field, oldest first."""
        return {
            "ages_s": [round(now_s - at_s, 1) for at_s in self._times_s],
            "packs": [
                {"pack": pack, "source": source, **{field: list(values) for field, values in fields.items()}}
                for (pack, source), fields in sorted(self._packs.items())
            ],
        }


def _samples(snapshot: LiveSnapshot) -> Iterator[tuple[_Key, dict[str, float]]]:
    for entity in snapshot.modelled:
        if entity.measurement == "battery" and "pack" in entity.tags:
            yield (entity.tags["pack"], entity.tags["source"]), dict(_fresh(entity, snapshot.taken_s))


def _fresh(entity: Entity, now_s: float) -> Iterator[tuple[str, float]]:
    for field in FIELDS:
        value = entity.values.get(field)
        if isinstance(value, int | float) and now_s - entity.values_known_s[field] <= STALE_S:
            yield field, round(float(value), 4)
