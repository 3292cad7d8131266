"""Which curves a report shows of a session, over state of charge and over time. Pure.

Promises: a chart without a value is not there. A point's value stands over its whole percent, or over the
time that it lasted; of a point without a duration only the first is known.
"""

from collections.abc import Callable, Iterator, Sequence

from telemetry.charging.report.chart import Axis, Chart, Step, axis, span
from telemetry.charging.report.phrases import time_unit
from telemetry.charging.session import CurvePoint, Session

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
    """The values over state of charge, by it."""
    known = ((point.soc_pct, value(point)) for point in sorted(session.curve, key=lambda each: each.soc_pct))
    return [
        Step(soc_pct, soc_pct + _PERCENT, known_value)
        for soc_pct, known_value in known
        if known_value is not None
    ]


def time_steps(session: Session, value: Value, scale: float) -> list[Step]:
    """The values over the time since the start, in units of `scale` seconds."""
    found = []
    for point in sorted(session.curve, key=lambda each: each.at_ns):
        known = value(point)
        if known is not None and point.duration_s is not None:
            start_s = (point.at_ns - session.start_ns) / _NS
            found.append(Step(start_s / scale, (start_s + point.duration_s) / scale, known))
    return found
