"""telemetry/demo/plot_data.py and plot.py: what was stored is what is drawn, and a picture comes out."""

import math
import struct
import zlib
from pathlib import Path

import pytest

from telemetry.demo import plot
from telemetry.demo.plot_data import DrawnCurve, Shade, curve, deviations_mv, grid, plot_data, shades
from telemetry.demo.sampling import Series
from telemetry.errors import StorageError
from telemetry.model.measurements import numbered_field
from tests.support.demo import ListedReadback

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


def test_means_stand_in_the_middle_of_their_interval() -> None:
    means = Series([START_NS, START_NS + 2 * S], [1.0, 2.0])
    assert curve(means, START_NS, 2 * S) == DrawnCurve([1 / 60, 3 / 60], [1.0, 2.0])


def test_a_grid_keeps_its_gaps() -> None:
    edges_ns, rows = grid([Series([0, 30], [1.0, 2.0]), Series([10], [5.0])], 10)
    assert edges_ns == [0, 10, 20, 30, 40]
    assert rows == [[1.0, None, None, 2.0], [None, 5.0, None, None]]
    assert grid([Series([], [])], 10) == ([], [[]])


def test_phases_are_where_the_bms_says_so() -> None:
    states = DrawnCurve([1.0, 3.0, 5.0, 7.0, 9.0, 11.0], [0.0, 2.0, 2.0, 1.5, 3.0, 0.0])
    assert shades(states, 2.0) == [Shade("drive", 2.0, 6.0), Shade("charge", 8.0, 10.0)]


def test_a_cell_is_drawn_by_its_distance_from_the_mean_of_those_that_are_known() -> None:
    rows = deviations_mv([[3.6, 3.7], [3.8, None], [None, None]])
    assert rows[0] == pytest.approx([-100.0, 0.0])
    assert rows[1][0] == pytest.approx(100.0)
    assert all(math.isnan(value) for value in (rows[1][1], *rows[2]))


def test_everything_stored_is_drawn_and_what_is_missing_is_empty() -> None:
    data = plot_data(stored(), SPAN_NS)
    assert [(shade.name, shade.first_min, shade.last_min) for shade in data.phases] == [
        ("drive", 0.0, 5.0),
        ("charge", 5.0, 10.0),
    ]
    assert min(data.power_kw.values) == -20.0
    assert max(data.power_kw.values) == 60.0
    assert len(data.cells_v) == 96
    assert (data.cells_min[0], data.cells_min[-1]) == (0.0, 10.0)
    assert data.service_soc_pct == DrawnCurve([], [])


@pytest.mark.parametrize("readback", [stored(), ListedReadback({})])
def test_a_real_picture_of_the_right_size_comes_out(tmp_path: Path, readback: ListedReadback) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "run.png"
    plot.draw(plot_data(readback, SPAN_NS), "a title", file)
    png = file.read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth = struct.unpack(">IIB", png[16:25])
    assert (width, height, depth) == (plot.WIDTH_PIXELS, plot.HEIGHT_PIXELS, 8)
    at, pixels = 8, bytearray()
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            pixels += png[at + 8 : at + 8 + length]
        at += 12 + length
    assert len(set(zlib.decompress(bytes(pixels)))) > 16  # no empty sheet


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(StorageError, match=r"run\.png: cannot be written: No such file"):
        plot.draw(plot_data(ListedReadback({}), SPAN_NS), "", tmp_path / "gone" / "run.png")
