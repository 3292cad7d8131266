"""telemetry/demo/picture.py: what was stored is what is drawn, and a picture comes out."""

from pathlib import Path

import pytest

from telemetry.demo.picture import cells, curves, draw_run, phases
from telemetry.demo.sampling import Series
from telemetry.errors import StorageError
from telemetry.model.measurements import numbered_field
from telemetry.overview.curves import Span
from tests.support.demo import ListedReadback

pytest.importorskip("matplotlib")
from matplotlib.image import imread

S = 1_000_000_000
START_NS = 1_772_436_600 * S
SPAN_NS = (START_NS, START_NS + 600 * S)


def every_second(first: float, step: float) -> Series:
    times_ns = [START_NS + second * S for second in range(600)]
    return Series(times_ns, [first + step * second for second in range(600)])


def stored() -> ListedReadback:
    """Five minutes of driving, five of charging, in a vehicle without a service battery."""
    states = Series(every_second(0.0, 0.0).times_ns, [2.0] * 300 + [3.0] * 300)
    power_w = Series(states.times_ns, [-20_000.0] * 300 + [60_000.0] * 300)
    battery = {
        "voltage_v": every_second(350.0, 0.05),
        "current_a": Series(states.times_ns, [watts / 370.0 for watts in power_w.values]),
        "power_w": power_w,
        "soc_pct": every_second(50.0, 0.01),
        "cell_min_v": every_second(3.6, 0.0005),
        "cell_max_v": every_second(3.62, 0.0005),
    }
    return ListedReadback(
        {
            **{("battery", "can", field): series for field, series in battery.items()},
            ("charger", "can", "current_a"): every_second(0.0, 0.3),
            ("BMS_PackPower", "can", "State"): states,
            **{
                ("cells", "can", numbered_field("v", number)): every_second(3.6 + number / 5000.0, 0.0005)
                for number in range(1, 97)
            },
        }
    )


def test_phases_are_where_the_bms_says_so() -> None:
    states = Series([1, 3, 5, 7, 9, 11, 13, 15], [0.0, 2.0, 2.0, 1.5, 3.0, 0.0, 2.0, 2.0])
    assert phases(states) == [Span("drive", 3, 7), Span("charge", 9, 11), Span("drive", 13, 15)]
    assert phases(Series([], [])) == []


def test_a_cell_is_drawn_by_its_distance_from_the_mean_of_those_that_are_known() -> None:
    first, last = START_NS, SPAN_NS[1] - 1  # in the first column and in the last one
    (heat,) = cells(
        ListedReadback(
            {
                ("cells", "can", "v001"): Series([first, first + S, last], [3.5, 3.7, 3.7]),
                ("cells", "can", "v002"): Series([first], [3.8]),
            }
        ),
        SPAN_NS,
    )
    assert heat.values.shape == (96, 180)
    assert heat.values[:2, 0].tolist() == pytest.approx([-100.0, 100.0])
    assert heat.values[:2, -1].tolist() == [pytest.approx(0.0), None]
    assert heat.values.count() == 3
    assert (heat.edges_ns[0], heat.end_ns) == SPAN_NS


def test_everything_stored_is_drawn_and_what_is_missing_is_left_out() -> None:
    shown = [(panel.unit, [curve.label for curve in panel.curves]) for panel in curves(stored())]
    assert shown == [
        ("V", ["pack voltage"]),
        ("V", ["highest cell", "lowest cell"]),
        ("A", ["pack current", "charger current"]),
        ("kW", ["pack power"]),
        ("%", ["state of charge, traction battery (CAN)"]),
    ]
    (power,) = curves(stored())[3].curves
    assert (power.values.min(), power.values.max()) == (-20.0, 60.0)
    assert len(cells(stored(), SPAN_NS)) == 1
    assert curves(ListedReadback({})) == []
    assert cells(ListedReadback({}), SPAN_NS) == []


def test_a_real_picture_comes_out_with_shades_and_colours(tmp_path: Path) -> None:
    draw_run(stored(), SPAN_NS, "a title", tmp_path / "run.png")
    pixels = imread(tmp_path / "run.png")
    assert pixels.shape[1] == 1200
    seen = {
        tuple(pixel) for pixel in (255 * pixels[::4, ::4, :3]).round().astype(int).reshape(-1, 3).tolist()
    }
    assert {(232, 240, 248), (253, 241, 228)} <= seen  # drive and charge
    assert len(seen) > 50


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"run\.png: cannot be written: No such file"):
        draw_run(stored(), SPAN_NS, "", tmp_path / "gone" / "run.png")
