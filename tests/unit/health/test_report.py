"""The page and the picture of packs' health: what is drawn is what is known, and what is missing is said."""

import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from telemetry.charging.items import Point
from telemetry.health.found import FoundPack, packs
from telemetry.health.pack import PackHealth
from telemetry.health.report import page, used_hours
from telemetry.health.settings import HealthSettings
from telemetry.model.health import CELL_CHARGE
from tests.support.health import DAY_NS, START_NS, cell_charges, charge_ended, charges, counted, steps
from tests.support.report_page import ReadPage

CAPACITY = "Capacity by charge, and of the pack (Ah)"
TAGS = {"vehicle": "van-7", "pack": "main"}


def two_years(vehicle: str = "van-7") -> FoundPack:
    """Return a pack of 100 Ah after fifteen charges, three of which say nothing, with all else."""
    health = PackHealth(HealthSettings(pack="main", rated_ah=105.0), vehicle)
    made: list[Any] = []
    for number, charge in enumerate(islice(charges(random.Random(1), lambda _: 100.0, every_days=50.0), 15)):
        wrong: dict[str, Any] = {
            4: {"gap_s": 900.0},
            7: {"from_soc_pct": float("nan")},
            9: {"gap_s": 900.0},
        }.get(number, {})
        mohm = [steps(0.5), steps(0.5), steps(0.7), steps(0.5, count=4)]
        change = charge_ended(
            charge._replace(highest_current_a=0.0, **wrong),
            steps=steps(80.0 - number),
            cell_charges=cell_charges(1, 0.9, 1),
        )
        made += health.take(change._replace(cell_steps=tuple(mohm)))
    made += [
        Point(
            "battery_use",
            TAGS,
            {"temp_20_soc_70_s": 3600.0, "temp_m10_soc_0_s": 900.0, "full_cycles": 0.2},
            day,
        )
        for day in (START_NS, START_NS + DAY_NS)
    ]
    (found,) = packs(
        [
            Point(one.measurement, {**one.tags, "vehicle": vehicle}, *one[2:])
            for one in made
            if isinstance(one, Point)
        ]
    )
    return found


def test_each_charge_stands_where_its_capacity_is_and_the_estimate_is_a_band() -> None:
    found = two_years()
    read = ReadPage(page([found]))
    chart = read.chart(CAPACITY)
    dots: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for (_, name, place), (_, _, x), (_, _, y) in zip(
        *(
            [each for each in read.attributes if each[0] == "circle" and each[1] == name]
            for name in ("class", "cx", "cy")
        ),
        strict=True,
    ):
        assert name == "class"
        dots["hollow" in place].append((float(x), float(y)))
    rows = [row for _, row in found.charges]
    used_ah = [float(row["charge_capacity_ah"]) for row in rows if row["used"]]
    shown_ah = [chart.value("y", y) for _, y in dots[False]][: len(used_ah)]
    assert shown_ah == pytest.approx(used_ah, abs=0.3)
    assert len(used_ah) + len(dots[True]) == 15
    assert {chart.value("y", y) for _, y in dots[True]} == {min(value for _, value in chart.ticks["y"])}
    assert sorted(text for text in read.texts if text in ("gaps", "soc", "window")) == sorted(
        2 * [str(row["reason"]) for row in rows if "reason" in row]
    )  # beside it, and for who points at it
    high = [value for _, _, value in chart.steps("curve")]
    low = [value for _, _, value in chart.steps("curve low")]
    assert high[-1] == pytest.approx(float(rows[-1]["capacity_high_ah"]), abs=0.3)
    assert low[-1] == pytest.approx(float(rows[-1]["capacity_low_ah"]), abs=0.3)


def test_figures_use_and_what_is_missing_stand_in_words() -> None:
    found = two_years()
    charges_of_cells = found.rows[CELL_CHARGE.name]
    del charges_of_cells[max(charges_of_cells)]["q001"]
    read = ReadPage(page([found, two_years("bus <1>")]))
    facts = dict(read.facts)
    last = found.charges[-1][1]
    assert facts["Capacity"] == f"{float(last['capacity_ah']):.1f} Ah"
    assert facts["State of health, 95 %"] == f"{last['soh_low_pct']:.1f} to {last['soh_high_pct']:.1f} %"
    assert facts["Weakest of 3 cells, 1 not known: 2, of median"] == "0.90 ± 0.01"
    assert facts["Most resistive of 3 cells: 3, of median"] == "1.40"
    assert facts["Resistance"] == "66.0 ± 0.0 mΩ"
    text = "\n".join(read.texts)
    gaps = sum(row.get("reason") == "gaps" for _, row in found.charges)
    assert f"{gaps} of 15 charges say nothing of capacity (gaps): over 2 % of the time was not heard." in text
    for words in ("No drift of cells: it takes four rests", "No offset of the current", "This is no SOCE"):
        assert words in text
    assert "No capacity" not in text
    assert "bus <1>, main" in text
    assert used_hours(found) == {(20, 70): 2.0, (-10, 0): 0.5}
    assert read.texts.count("2.0") == read.texts.count("0.5") == 2  # hours, of both packs
    assert [title for each in read.drawn[:4] if (title := each.title)] == [
        CAPACITY,
        "Resistance of the pack over temperature (mΩ)",
        "Resistance of the cells (mΩ)",
        "Charge between like voltages, over the median cell's",
    ]


@pytest.mark.parametrize(("days", "is_drawn"), [(1.0, False), (5.0, True)])
def test_drift_is_drawn_with_its_interval_of_rests_over_14_days_alone(days: float, is_drawn: bool) -> None:
    """By Student's quantile of the four rests that have the cell: 4.3 times the sd."""
    rests = [
        Point(
            "cell_drift",
            TAGS,
            {"d001": 0.0, "d003": float(mv), "soc_pct": 42.0},
            START_NS + round(at * days * DAY_NS),
        )
        for at, mv in enumerate((0, 2, 1, 3))
    ]
    others = [START_NS + round(at * days * DAY_NS / 9) for at in range(1, 9)]  # without the third cell
    rests += [Point("cell_drift", TAGS, {"d001": 0.0, "soc_pct": 42.0}, time_ns) for time_ns in others]
    (found,) = packs(rests)
    read = ReadPage(page([found]))
    assert ("No drift of cells" not in "\n".join(read.texts)) is is_drawn
    assert (found.drift() is not None) is is_drawn
    if is_drawn:
        (chart,) = read.drawn
        assert chart.title == "Drift of the cells (mV a month)"
        assert "cell (hollow: not known), 12 rests from 40 % on" in read.texts
        classes = [value for tag, name, value in read.attributes if (tag, name) == ("circle", "class")]
        assert classes == ["dot", "dot hollow", "dot"]
        (bar,) = (
            value for tag, name, value in read.attributes if tag == "path" and name == "d" and "V" in value
        )
        ends = [chart.value("y", float(end)) for end in bar.partition(" ")[2].split("V")]
        month = 365.25 / 12 / days
        assert sum(ends) / 2 == pytest.approx(0.8 * month, abs=0.2)
        assert (ends[0] - ends[1]) / 2 == pytest.approx(4.303 * 0.4243 * month, rel=0.05)


def test_cells_that_are_not_known_stand_hollow_in_the_row_of_bars() -> None:
    (found,) = packs([Point("cell_charge", TAGS, {"q001": 1.0, "q003": 0.97}, START_NS)])
    read = ReadPage(page([found]))
    assert [value for tag, name, value in read.attributes if (tag, name) == ("circle", "class")] == [
        "dot hollow"
    ]
    assert "cell (hollow: not known)" in read.texts


def test_a_pack_of_which_nothing_is_known_says_so() -> None:
    text = "\n".join(ReadPage(page([FoundPack("van-7", "main")])).texts)
    for words in ("No capacity: it takes three charges", "No resistance of the pack", "No charge of cells"):
        assert words in text
    assert "None" not in text
    assert ReadPage(page([])).texts


def test_a_short_charge_alone_has_no_capacity_and_its_reason(tmp_path: Path) -> None:
    health = PackHealth(HealthSettings(pack="main"), "van-7")
    made = health.take(charge_ended(counted(to_soc_pct=30.0, charge_ah=10.0)))
    (found,) = packs([one for one in made if isinstance(one, Point)])
    read = ReadPage(page([found]))
    assert "1 of 1 charges say nothing of capacity (window)" in "\n".join(read.texts)
    assert dict(read.facts)["Charges used"] == "0 of 1"


def test_the_picture_is_drawn_twice_alike_and_whatever_is_known(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from telemetry.health.picture import draw

    for name, found in (
        ("one", [two_years()]),
        ("two", [two_years()]),
        ("more", [two_years(), FoundPack("a", "b")]),
    ):
        draw(found, tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "more.png").read_bytes().startswith(b"\x89PNG")
    draw([], tmp_path / "none.png")
