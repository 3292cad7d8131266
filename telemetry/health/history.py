"""What a pack remembers between charges, outside the compiled core, as plain values of JSON.

Promises: `PackHistory.from_json(history.to_json())` goes on where the first one was; what is damaged or of
another version is a ValueError. It takes 45 kB at most, of which rows that wait are 14 kB.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from telemetry_core.health.health_spec import CountedCharge

from telemetry.health.capacity import MOST_CHARGES, Used
from telemetry.model.event_codes import EVENT_CODES

VERSION = 1
_FULL_ERROR_PCT = 1.4  # sd of the difference between two states of charge that are both full
_MOST_MISSED_PCT = 1.0  # state of charge that changed where nobody counted
_MOST_OFFSET_SD_A = 0.25
_HOUR_S = 3600.0
_RUNS = ("weak_runs", "resistive_runs")
_MOST = 2.0**63  # of a number that is no nonsense
_KEPT = 0.99  # of the coarse sums, from charge to charge


@dataclass(slots=True)
class SinceFull:
    """Sum up since the last charge that ended full: current with its sign, without threshold."""

    charge_ah: float = 0.0
    duration_s: float = 0.0
    missed_pct: float = 0.0

    def offset_a(self, capacity_ah: float) -> float | None:
        """Return what the current shows too much, from full to full; None: it is not to be known."""
        hours = self.duration_s / _HOUR_S
        if not self.missed_pct <= _MOST_MISSED_PCT or capacity_ah <= 0.0:
            return None
        if not _FULL_ERROR_PCT / 100.0 * capacity_ah < _MOST_OFFSET_SD_A * hours:
            return None
        return self.charge_ah / hours


@dataclass(slots=True)
class PackHistory:
    """What is known of a pack.

    - used: charges that count, as they came, 200 at most
    - since_full: None before the first full charge; offset_a: as it was measured last
    - weak_runs, resistive_runs: by cell, from 1, the charges running in which it was so
    - coarse: sums of charge times window and of window squared, over some 100 charges of any window
    - told: events whose cause goes on; reported_ah: the rated capacity as the battery reports it
    - others_day: the day on which this pack took the place of another, and its use by those before
    - left_day_ns: the day on which it left before that, whose row others have gone on with
    - waiting: rows and events that are not written yet: stamp, measurement and fields, or code and text
    """

    used: list[Used] = field(default_factory=list)
    since_full: SinceFull | None = None
    offset_a: float = 0.0
    weak_runs: dict[int, int] = field(default_factory=dict)
    resistive_runs: dict[int, int] = field(default_factory=dict)
    coarse: tuple[float, float] = (0.0, 0.0)
    told: list[str] = field(default_factory=list)
    reported_ah: float = 0.0
    others_day: tuple[int, dict[str, float]] = (0, {})
    left_day_ns: int = 0
    waiting: list[list[Any]] = field(default_factory=list)

    def use(self, charge: Used) -> None:
        """Let a charge count; one with the same start is the same charge."""
        others = [each for each in self.used if each.time_ns != charge.time_ns]
        self.used = [*others, charge][-MOST_CHARGES:]

    def coarse_ah(self, charge_ah: float, window_pct: float) -> float:
        """Let a charge of any window count, and return the capacity by all such; 0: not known."""
        by_window, squares = (_KEPT * each for each in self.coarse)
        self.coarse = by_window + charge_ah * window_pct, squares + window_pct**2
        return 100.0 * self.coarse[0] / self.coarse[1] if self.coarse[1] > 0.0 else 0.0

    def measured_offset_a(self, counted: CountedCharge, capacity_ah: float, *, is_full: bool) -> float | None:
        """Count on to the end of a charge; return the offset where it ended full, as the one before did."""
        since, offset_a = self.since_full, None
        if since is not None:
            if all(abs(value) < _MOST for value in (counted.net_ah, counted.net_s, counted.net_gap_pct)):
                since.charge_ah += counted.net_ah
                since.duration_s += counted.net_s
                since.missed_pct += counted.net_gap_pct
            else:
                since.missed_pct = 100.0
            offset_a = since.offset_a(capacity_ah) if is_full else None
        if is_full:
            self.since_full = SinceFull()
        if offset_a is not None:
            self.offset_a = offset_a
        return offset_a

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON gives it back: lists, and texts for keys."""
        runs = {name: {str(cell): run for cell, run in getattr(self, name).items()} for name in _RUNS}
        lists = {"used": [list(one) for one in self.used], "coarse": list(self.coarse)}
        others_day = list(self.others_day)
        return {"version": VERSION, **asdict(self), **runs, **lists, "others_day": others_day}

    @classmethod
    def from_json(cls, known: Any) -> "PackHistory":
        """Return the history that `to_json` returned. Raises ValueError."""
        try:
            if known["version"] != VERSION:
                raise ValueError(f"is of version {known['version']!r}, not {VERSION}")
            since = known["since_full"]
            by_window, squares = map(_number, known["coarse"])
            others_ns, others = known["others_day"]
            weak, resistive = ({int(cell): int(run) for cell, run in known[name].items()} for name in _RUNS)
            return cls(
                [_used(*each) for each in known["used"]],
                None if since is None else SinceFull(**{name: _number(each) for name, each in since.items()}),
                _number(known["offset_a"]),
                weak,
                resistive,
                (by_window, squares),
                [str(code) for code in known["told"]],
                abs(_number(known["reported_ah"])),
                (int(others_ns), {str(name): _number(value) for name, value in others.items()}),
                int(known["left_day_ns"]),
                [_waiting(*each) for each in known.get("waiting", [])],  # later than the others
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("is no history of a pack") from error


def _used(time_ns: int, *values: Any) -> Used:
    _number(time_ns)
    return Used(int(time_ns), *map(_positive, values))


def _waiting(time_ns: Any, name: str, known: Any) -> list[Any]:
    if not isinstance(known, dict) and name not in EVENT_CODES:
        raise ValueError(f"has {name!r}, which is no event of this version")
    return [int(time_ns), str(name), known]


def _number(value: Any) -> float:
    number = float(value)
    if not abs(number) < _MOST:
        raise ValueError(f"has {value!r} for a number")
    return number


def _positive(value: Any) -> float:
    number = _number(value)
    if not number > 1.0 / _MOST:
        raise ValueError(f"has {value!r} for something of a charge")
    return number
