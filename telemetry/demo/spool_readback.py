"""What arrived, where there is no database: the batches that wait in the spool, read as any sink would.

Relies on the gateway having stopped: a spool belongs to one process. Its points stay where they are.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from telemetry.clock import Clock
from telemetry.compress import decompress
from telemetry.demo.readback import Measured
from telemetry.errors import UnavailableError
from telemetry.spool.spool import Spool

_LIMIT_BYTES = 64 * 1024 * 1024  # of one batch, unpacked
_WH_PER_W_NS = 1.0 / 3600e9


class SpoolReadback:
    """All points of a spool, read once."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        """Raises StorageError when the spool cannot be opened."""
        self.name = "the spool"
        self._counts: dict[str, Counter[str]] = {}
        self._battery: dict[str, list[tuple[int, float]]] = {}  # stamps and values of each field
        spool = Spool(directory, clock=clock)
        try:
            for line in _lines(spool):
                self._add(line)
        finally:
            spool.close()

    def field_counts(self, measurements: Iterable[str]) -> dict[str, dict[str, int]]:
        return {measurement: dict(self._counts.get(measurement, {})) for measurement in measurements}

    def measured(self) -> Measured:
        fields = {name: sorted(values) for name, values in self._battery.items()}
        try:
            powers = fields["power_w"]
            return Measured.from_net(
                _integral_wh(powers),
                _integral_wh([(time_ns, abs(power_w)) for time_ns, power_w in powers]),
                soc_start_pct=fields["soc_pct"][0][1],
                soc_end_pct=fields["soc_pct"][-1][1],
                cell_min_v=fields["cell_min_v"][-1][1],
                cell_max_v=fields["cell_max_v"][-1][1],
            )
        except KeyError as error:
            raise UnavailableError(f"holds no battery.{error.args[0]}", where=self.name) from error

    def _add(self, line: str) -> None:
        # Names of the demonstration's own database need no escapes, and a text is never read here.
        key, fields, stamp = line.split(" ", 1)[0], *line.split(" ", 1)[1].rsplit(" ", 1)
        measurement = key.partition(",")[0]
        counts = self._counts.setdefault(measurement, Counter())
        for field in fields.split(","):
            name, _, value = field.partition("=")
            counts[name] += 1
            if measurement == "battery" and value[-1] not in "te":  # true, false
                self._battery.setdefault(name, []).append((int(stamp), float(value)))


def _lines(spool: Spool) -> Iterator[str]:
    """What is handed out stays in flight, so each call gives the next batch; the newest comes last."""
    while (entry := spool.next_backlog() or spool.next_live()) is not None:
        yield from decompress(entry.batch.payload, _LIMIT_BYTES).decode("utf-8").splitlines()


def _integral_wh(powers: list[tuple[int, float]]) -> float:
    return math.fsum(
        0.5 * (before_w + now_w) * (now_ns - before_ns) * _WH_PER_W_NS
        for (before_ns, before_w), (now_ns, now_w) in pairwise(powers)
    )
