"""Which curves are shown: over what, from where to where, and beside what was asked for."""

from dataclasses import replace

from telemetry.charging.report.chart import Chart, axis, span
from telemetry.charging.report.charts import charts, soc_steps, time_steps
from telemetry.charging.session import CurvePoint, Phase, Session, SessionError

START_NS = 1_772_445_600_000_000_000
SECOND = 10**9
CURVE = (
    CurvePoint(START_NS + 60 * SECOND, 50.0, 40_000.0, 400.0, 100.0, 25.0, 3.60, 3.61, 60.0, 666.0),
    CurvePoint(START_NS + 120 * SECOND, 51.0, 39_000.0, 401.0, 98.0, 26.0, 3.605, 3.62, 70.0, 760.0),
)
SESSION = Session(
    *(START_NS, START_NS + 600 * SECOND, "van", "main", "bay"),
    open=False,
    duration_s=600.0,
    requested_max_a=120.0,
    curve=CURVE,
)


def by_title(session: Session) -> dict[str, Chart]:
    return {chart.title: chart for chart in charts(session)}


def test_all_that_is_known_is_a_curve_in_the_order_in_which_people_ask() -> None:
    assert [chart.title for chart in charts(SESSION)] == [
        "Power over state of charge (kW)",
        "Power over time (kW)",
        "State of charge over time (%)",
        "Current over state of charge (A)",
        "Current over time (A)",
        "Voltage of the pack over state of charge (V)",
        "Voltage of the pack over time (V)",
        "Cells, lowest to highest (V)",
        "Hottest sensor over state of charge (°C)",
    ]
    assert list(charts(replace(SESSION, curve=()))) == []


def test_power_and_current_stand_on_zero_and_the_others_near_their_values() -> None:
    for title, chart in by_title(SESSION).items():
        from_zero = title.startswith(("Power", "Current"))
        assert (chart.y.low == 0.0, chart.is_filled) == (from_zero, from_zero)
        asked = (120.0, "highest asked for") if title.startswith("Current") else None
        assert chart.limit == asked
        assert chart.y.high >= (120.0 if asked else max(step.value for step in chart.steps))


def test_a_time_line_is_as_long_as_the_session_or_its_last_value() -> None:
    chart = by_title(SESSION)["Power over time (kW)"]
    assert (chart.x.low, chart.x.high) == (0.0, 600.0 / 60)
    assert [(step.start, step.end, step.value) for step in chart.steps] == [
        (1.0, 2.0, 40.0),
        (2.0, 190 / 60, 39.0),
    ]
    late = by_title(replace(SESSION, duration_s=180.0))["Power over time (kW)"]
    assert late.x.high == late.steps[-1].end
    assert "time since the start (min)" in chart.x_words


def test_over_state_of_charge_a_value_has_its_percent_and_one_without_a_duration_has_no_time() -> None:
    points = (CurvePoint(START_NS, 51.0, voltage_v=401.0), CurvePoint(START_NS, 50.0, voltage_v=400.0))
    session = replace(SESSION, curve=(*points, CurvePoint(START_NS, 52.0)))
    steps = soc_steps(session, lambda point: point.voltage_v)
    assert [(step.start, step.end, step.value) for step in steps] == [
        (50.0, 51.0, 400.0),
        (51.0, 52.0, 401.0),
    ]
    assert time_steps(session, lambda point: point.voltage_v, 1.0) == []


def seconds(session: Session) -> list[tuple[float, float, float]]:
    return [(step.start, step.end, step.value) for step in time_steps(session, lambda p: p.soc_pct, 1.0)]


def reconnected(*, error_s: float) -> Session:
    """Charges from 4 s to an error, and again from 15 s on; 30 % lasts from 4 to 31 s, with 23 s measured."""
    curve = tuple(
        CurvePoint(START_NS + at_s * SECOND, soc_pct, duration_s=lasted_s)
        for at_s, soc_pct, lasted_s in ((4, 30.0, 23.0), (31, 31.0, 9.5))
    )
    phases = (
        Phase(1, "configuration", START_NS + 2 * SECOND, 2.0),
        Phase(1, "charging", START_NS + 4 * SECOND, 9.0),
        Phase(2, "recognition", START_NS + 13 * SECOND, 2.0),
        Phase(2, "charging", START_NS + 15 * SECOND, 26.0),
    )
    errors = (SessionError(START_NS + round(error_s * SECOND), 1, "vehicle", "ccs_timeout"),)
    return replace(SESSION, duration_s=43.0, curve=curve, phases=phases, errors=errors)


def test_over_time_the_hole_of_a_reconnect_lies_where_it_was_from_the_error_to_the_next_charging() -> None:
    """By hand: 23 s are 7 s from 4 s to the error at 11 s, and 16 s from 15 s on."""
    assert seconds(reconnected(error_s=11.0)) == [(4.0, 11.0, 30.0), (15.0, 31.0, 30.0), (31.0, 40.5, 31.0)]


def test_no_second_is_shown_between_two_attempts_and_all_that_were_measured_are_shown() -> None:
    """Without an error in the phase an attempt lasts as long as its phase: 9 s, and 14 s after the hole."""
    for error_s in (2.0, 20.0):
        steps = [(4.0, 13.0, 30.0), (15.0, 29.0, 30.0), (31.0, 40.5, 31.0)]
        assert seconds(reconnected(error_s=error_s)) == steps


def test_an_error_of_a_later_attempt_ends_no_charging_of_an_earlier_one() -> None:
    session = reconnected(error_s=10.0)
    errors = (replace(session.errors[0], attempt=2),)
    assert seconds(replace(session, errors=errors))[:2] == [(4.0, 13.0, 30.0), (15.0, 29.0, 30.0)]


def test_without_a_phase_of_charging_at_its_time_a_percent_is_shown_in_one_piece_from_its_start() -> None:
    whole = [(4.0, 27.0, 30.0), (31.0, 40.5, 31.0)]
    assert seconds(replace(reconnected(error_s=11.0), phases=())) == whole
    earlier = (Phase(1, "charging", START_NS + 1 * SECOND, 2.0),)
    assert seconds(replace(reconnected(error_s=11.0), phases=earlier)) == whole


def test_cells_are_a_band_or_the_one_end_that_is_known() -> None:
    both = by_title(SESSION)["Cells, lowest to highest (V)"]
    assert [step.value for step in both.steps] == [3.61, 3.62]
    assert [step.value for step in both.band] == [3.60, 3.605]
    assert both.y.low <= 3.60
    assert 0.05 <= both.y.high - both.y.low < 0.1
    for lowest, highest, title in ((None, 3.5, "Cells, highest (V)"), (3.5, None, "Cells, lowest (V)")):
        curve = tuple(replace(point, cell_min_v=lowest, cell_max_v=highest) for point in CURVE)
        chart = by_title(replace(SESSION, curve=curve))[title]
        assert [step.value for step in chart.steps] == [3.5, 3.5]
        assert not chart.band


def test_an_axis_holds_its_values_between_round_ticks_and_a_flat_curve_too() -> None:
    assert axis([3.0, 47.0]).ticks == (0.0, 20.0, 40.0, 60.0)
    assert (axis([23.0, 47.0]).low, axis([23.0, 47.0], from_zero=True).low) == (20.0, 0.0)
    flat = axis([5.0, 5.0], from_zero=True)
    assert flat.low == 0.0
    assert 5.0 <= flat.high <= 6.0
    for values in ([0.0, 0.0], []):
        nothing = axis(values, from_zero=True)
        assert (nothing.low, nothing.high) == (0.0, 1.0)
    near = axis([400.0, 400.0])
    assert near.low < 400.0 < near.high <= near.low + 2.0


def test_a_span_is_exact_and_never_empty() -> None:
    assert (span(50.0, 52.0).low, span(50.0, 52.0).high) == (50.0, 52.0)
    assert all(50.0 <= tick <= 52.0 for tick in span(50.0, 52.0).ticks)
    assert (span(7.0, 7.0).low, span(7.0, 7.0).high) == (7.0, 8.0)
