"""A model of sessions by power, written from docs/charging.md: rows of one pack in, sessions out.

Power is voltage times current of one row. It holds all rows and computes each field of a session from those
between two stamps: that at which power rose, and that at which it fell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tests.support.cross_check_model import Sample, trapezoids

SILENT_S = 10.0  # a shorter silence ends nothing
TINY_S = 1e-9  # of stamps, which are whole milliseconds


@dataclass(frozen=True, slots=True)
class State:
    """State of charge and temperature of one frame."""

    at_s: float
    soc_pct: float
    temp_max_c: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[session]]`."""

    starts_above_w: float
    starts_after_s: float
    ends_after_s: float


Row = Sample | State
Fields = dict[str, float | str | None]


@dataclass(slots=True)
class Span:
    """One session: from the rise of power to its fall, or to the last row over the threshold."""

    from_s: float
    to_s: float
    opens_s: float  # when power had lasted for long enough
    fell: list[tuple[float, float]] = field(default_factory=list)  # and returned
    outcome: str = ""
    heard_until_s: float = 0.0  # the state of charge counts until then

    def is_over_at(self, at_s: float) -> bool:
        """Return whether power is over the threshold, as far as anybody knows."""
        return not any(fell_s <= at_s < back_s for fell_s, back_s in self.fell)


def stretches(rows: Sequence[Sample], rule: Rule) -> Iterator[tuple[list[Sample], float | None]]:
    """Yield the rows between a rise and a fall, and the stamp of the fall; None: a silence came first."""
    silence_s = max(rule.ends_after_s, SILENT_S) + TINY_S
    over: list[Sample] = []
    for row in rows:
        if over and row.at_s - over[-1].at_s > silence_s:
            yield over, None
            over = []
        if row.power_w > rule.starts_above_w:
            over.append(row)
        elif over:
            yield over, row.at_s
            over = []
    if over:
        yield over, None


def spans(rows: Sequence[Row], rule: Rule, log_end_s: float) -> Iterator[Span]:
    """Yield the sessions of one pack. log_end_s: the last stamp of any pack."""
    span: Span | None = None
    silence_s = max(rule.ends_after_s, SILENT_S)
    for over, fell_s in stretches([row for row in rows if isinstance(row, Sample)], rule):
        if span and not (
            span.outcome == "complete" and over[0].at_s - span.to_s <= rule.ends_after_s + TINY_S
        ):
            yield span
            span = None
        if span:
            span.fell.append((span.to_s, over[0].at_s))
        else:
            opening = [row.at_s for row in over if row.at_s - over[0].at_s >= rule.starts_after_s - TINY_S]
            if not opening:
                continue
            span = Span(over[0].at_s, 0.0, opening[0])
        span.to_s = over[-1].at_s if fell_s is None else fell_s
        span.outcome = "cut" if fell_s is None else "complete"
        span.heard_until_s = span.to_s + (silence_s if fell_s is None else 0.0)
    if span:
        awaited_s = rule.ends_after_s if span.outcome == "complete" else silence_s
        if log_end_s - span.to_s <= awaited_s + TINY_S:
            span.outcome = "unfinished"
        yield span


def between(rows: Sequence[Sample], from_s: float, to_s: float) -> list[Sample]:
    return [row for row in rows if from_s <= row.at_s <= to_s]


def percents(span: Span, electric: Sequence[Sample], states: Sequence[State]) -> Iterator[Fields]:
    """Yield the points of the curve: each percent from its first state of charge to the next one's."""
    heard = [row for row in states if row.at_s > span.opens_s and span.is_over_at(row.at_s)]
    seen: set[int] = set()
    for percent, group in groupby(heard, lambda row: int(row.soc_pct)):
        from_s = next(group).at_s
        to_s = next((row.at_s for row in heard if row.at_s > from_s and int(row.soc_pct) != percent), None)
        rows = [row.at_s for row in electric if row.at_s <= from_s]
        end_s = span.to_s if to_s is None else max(row.at_s for row in electric if row.at_s <= to_s)
        energy_wh, _, covered_s = trapezoids(between(electric, rows[-1], end_s))
        if percent not in seen:
            yield {
                "at": from_s,
                "soc_pct": percent,
                "energy_wh": energy_wh if covered_s else None,
                "duration_s": covered_s or max(0.0, (span.to_s if to_s is None else to_s) - from_s),
            }
        seen.add(percent)


def session(rows: Sequence[Row], span: Span) -> tuple[Fields, list[Fields]]:
    """Return what the session stores, and its curve."""
    from_s, to_s = span.from_s, span.to_s
    electric = [row for row in rows if isinstance(row, Sample)]
    states = [
        row for row in rows if isinstance(row, State) and from_s <= row.at_s <= span.heard_until_s + TINY_S
    ]
    energy_wh, charged_ah, covered_s = trapezoids(between(electric, from_s, to_s))
    return {
        "start": from_s,
        "end": to_s,
        "duration_s": to_s - from_s,
        "charging_s": to_s - from_s,
        "outcome": span.outcome,
        "energy_wh": energy_wh if covered_s else None,
        "energy_vehicle_wh": energy_wh if covered_s else None,
        "covered_vehicle_s": covered_s or None,
        "charged_ah": charged_ah if covered_s else None,
        "mean_power_w": energy_wh * 3600 / (to_s - from_s) if covered_s else None,
        "peak_power_w": max(row.power_w for row in electric if from_s <= row.at_s <= to_s)
        if covered_s
        else None,
        "start_soc_pct": states[0].soc_pct if states else None,
        "end_soc_pct": states[-1].soc_pct if states else None,
        "start_temp_max_c": states[0].temp_max_c if states else None,
        "end_temp_max_c": states[-1].temp_max_c if states else None,
    }, list(percents(span, electric, states))
