"""Which curves a report shows of a session, over state of charge and over time. Pure.

Promises:

- A chart without a value is not there.
- A point's value stands over its whole percent, or over the time that it lasted. The second is known only of
  a point with a duration.
- Over time nothing stands between two attempts, also where a reconnect divides a percent.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from telemetry.charging.report.chart import Axis, Chart, Step, axis, span
from telemetry.charging.session import CurvePoint, Session
from telemetry.picture.sheet import time_unit

Value = Callable[[CurvePoint], float | None]

_NS = 1e9
_PERCENT = 1.0  # of a point of the curve
_SOC_WORDS = "state of charge (%)"


def charts(session: Session) -> Iterator[Chart]:
    """Yield those that have a value, in the order in which people ask."""
    yield from _over_soc(session, "Power over state of charge (kW)", _power_kw, from_zero=True)
    yield from _over_time(session, "Power over time (kW)", _power_kw, from_zero=True)
    yield from _over_time(session, "State of charge over time (%)", lambda point: point.soc_pct)
    asked_a = session.requested_max_a
    yield from _over_soc(
        session, "Current over state of charge (A)", _current_a, from_zero=True, asked=asked_a
    )
    yield from _over_time(session, "Current over time (A)", _current_a, from_zero=True, asked=asked_a)
    yield from _over_soc(
        session, "Voltage of the pack over state of charge (V)", lambda point: point.voltage_v
    )
    yield from _over_time(session, "Voltage of the pack over time (V)", lambda point: point.voltage_v)
    yield from _cells(session)
    yield from _over_soc(session, "Hottest sensor over state of charge (°C)", lambda point: point.temp_max_c)


def _power_kw(point: CurvePoint) -> float | None:
    return None if point.power_w is None else point.power_w / 1000.0


def _current_a(point: CurvePoint) -> float | None:
    return point.current_a


def _over_soc(
    session: Session, title: str, value: Value, *, from_zero: bool = False, asked: float | None = None
) -> Iterator[Chart]:
    if steps := soc_steps(session, value):
        x = span(steps[0].start, steps[-1].end)
        yield _chart(title, _SOC_WORDS, x, steps, from_zero=from_zero, asked=asked)


def _over_time(
    session: Session, title: str, value: Value, *, from_zero: bool = False, asked: float | None = None
) -> Iterator[Chart]:
    scale, unit = time_unit(session.duration_s)
    if steps := time_steps(session, value, scale):
        x = span(0.0, max(session.duration_s / scale, steps[-1].end))
        words = f"time since the start ({unit})"
        yield _chart(title, words, x, steps, from_zero=from_zero, asked=asked)


def _chart(
    title: str, x_words: str, x: Axis, steps: Sequence[Step], *, from_zero: bool, asked: float | None
) -> Chart:
    """asked: the highest value that was asked for, to compare with."""
    values = [step.value for step in steps] + ([] if asked is None else [asked])
    limit = None if asked is None else (asked, "highest asked for")
    y = axis(values, from_zero=from_zero)
    return Chart(title, x_words, x, y, steps, limit=limit, is_filled=from_zero)


def _cells(session: Session) -> Iterator[Chart]:
    highest = soc_steps(session, lambda point: point.cell_max_v)
    lowest = soc_steps(session, lambda point: point.cell_min_v)
    if not highest and not lowest:
        return
    words = "highest" if not lowest else "lowest" if not highest else "lowest to highest"
    shown = highest or lowest
    values = [step.value for step in (*highest, *lowest)]
    yield Chart(
        f"Cells, {words} (V)",
        _SOC_WORDS,
        span(shown[0].start, shown[-1].end),
        axis(values, least_span=0.05),
        shown,
        band=lowest if highest else (),
    )


def soc_steps(session: Session, value: Value) -> list[Step]:
    """Return the values over state of charge, by it."""
    known = ((point.soc_pct, value(point)) for point in sorted(session.curve, key=lambda each: each.soc_pct))
    return [
        Step(soc_pct, soc_pct + _PERCENT, known_value)
        for soc_pct, known_value in known
        if known_value is not None
    ]


def time_steps(session: Session, value: Value, scale: float) -> list[Step]:
    """Return the values over the time since the start, in units of `scale` seconds.

    A point has its start and how many seconds of it were measured. Where a reconnect lies in its percent, the
    phases say which seconds those were.
    """
    charged = _charged_s(session)
    points = sorted(session.curve, key=lambda each: each.at_ns)
    starts_s = [(point.at_ns - session.start_ns) / _NS for point in points] + [float("inf")]
    found = []
    for point, (start_s, next_s) in zip(points, pairwise(starts_s), strict=True):
        known = value(point)
        if known is not None and point.duration_s is not None:
            found += [
                Step(from_s / scale, to_s / scale, known)
                for from_s, to_s in _measured_s(charged, start_s, next_s, point.duration_s)
            ]
    return found


def _charged_s(session: Session) -> list[tuple[float, float]]:
    """Return from when to when each attempt charged, in seconds since the start; an error ends it."""
    found = []
    for phase in sorted(session.phases, key=lambda each: each.start_ns):
        if phase.phase == "charging":
            end_ns = phase.start_ns + round(phase.duration_s * _NS)
            for error in session.errors:
                if error.attempt == phase.attempt and error.at_ns > phase.start_ns:
                    end_ns = min(end_ns, error.at_ns)
            found.append(((phase.start_ns - session.start_ns) / _NS, (end_ns - session.start_ns) / _NS))
    return found


def _measured_s(
    charged: Sequence[tuple[float, float]], start_s: float, next_s: float, duration_s: float
) -> Iterator[tuple[float, float]]:
    """Lay the measured seconds of a point into those in which the session charged, before the next point.

    Measured seconds for which there is no room follow the last ones; where no phase is known, these are all.
    """
    within = [(max(start, start_s), min(end, next_s)) for start, end in charged]
    within = [(start, end) for start, end in within if end > start]
    if not within or within[0][0] > start_s:
        within.insert(0, (start_s, start_s))
    for number, (start, end) in enumerate(within, 1):
        length_s = duration_s if number == len(within) else min(duration_s, end - start)
        if length_s > 0.0:
            yield start, start + length_s
        duration_s -= length_s
