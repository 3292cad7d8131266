"""Which curves are shown: over what, from where to where, and beside what was asked for."""

from dataclasses import replace

from telemetry.charging.report.chart import Chart, axis, span
from telemetry.charging.report.charts import charts, soc_steps, time_steps
from telemetry.charging.session import CurvePoint, Session

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
