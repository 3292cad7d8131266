"""The page of a session: what it shows is what the session holds."""

import json
from dataclasses import replace

import pytest

from telemetry.charging.report.page import page
from telemetry.charging.session import Session
from tests.support.charging_sessions import NS, START_NS, cut, good, reconnected
from tests.support.report_page import ReadPage

A_TENTH = 0.1  # of a unit of the drawing: how exactly a place is written
SOC_UNITS, POWER_UNITS = 308.0, 154.0  # that a chart is wide and high
ALL = pytest.mark.parametrize("session", [good(), reconnected(), cut()], ids=["good", "reconnected", "cut"])


@ALL
def test_the_curve_over_state_of_charge_is_that_of_the_session(session: Session) -> None:
    drawn = ReadPage(page(session)).chart("Power over state of charge (kW)")
    steps = drawn.steps("curve")
    points = sorted(session.curve, key=lambda point: point.soc_pct)
    soc_off, power_off = 70 / SOC_UNITS * A_TENTH, 60 / POWER_UNITS * A_TENTH
    assert [step[0] for step in steps] == pytest.approx([point.soc_pct for point in points], abs=soc_off)
    assert [step[1] for step in steps] == pytest.approx([point.soc_pct + 1 for point in points], abs=soc_off)
    kilowatts = [(point.power_w or 0.0) / 1000 for point in points]
    assert [step[2] for step in steps] == pytest.approx(kilowatts, abs=power_off)


@ALL
def test_the_curve_over_time_lies_where_the_points_were_reached(session: Session) -> None:
    steps = ReadPage(page(session)).chart("State of charge over time (%)").steps("curve")
    minutes = [(point.at_ns - START_NS) / NS / 60 for point in session.curve]
    off = session.duration_s / 60 / SOC_UNITS * A_TENTH
    assert [step[0] for step in steps] == pytest.approx(minutes, abs=off)
    assert [step[1] for step in steps] == pytest.approx([begun + 0.6 for begun in minutes], abs=off)


def test_the_cells_are_drawn_from_the_lowest_to_the_highest() -> None:
    drawn = ReadPage(page(good())).chart("Cells, lowest to highest (V)")
    lowest = [step[2] for step in drawn.steps("curve low")]
    highest = [step[2] for step in drawn.steps("curve")]
    assert lowest == pytest.approx([point.cell_min_v or 0.0 for point in good().curve], abs=0.001)
    assert highest == pytest.approx([point.cell_max_v or 0.0 for point in good().curve], abs=0.001)


def test_percents_that_nobody_saw_are_a_gap_in_the_curve() -> None:
    paths = dict(ReadPage(page(cut())).chart("Power over state of charge (kW)").paths)
    assert paths["curve"].count("M") == 2
    assert paths["area"].count("M") == 2
    assert (
        dict(ReadPage(page(good())).chart("Power over state of charge (kW)").paths)["curve"].count("M") == 1
    )


def test_the_highest_current_that_was_asked_for_is_a_line_across_the_current() -> None:
    drawn = ReadPage(page(good())).chart("Current over state of charge (A)")
    place = float(dict(drawn.paths)["limit"].split()[1].split("H")[0])
    assert drawn.value("y", place) == pytest.approx(125.0, abs=0.2)


def test_each_attempt_has_a_line_of_time_with_its_phases_and_its_errors() -> None:
    session = reconnected()
    read = ReadPage(page(session))
    first, second = read.chart("Attempt 1"), read.chart("Attempt 2")
    names = [bar["class"] for bar in second.bars]
    assert names == ["handshake", "recognition", "configuration", "charging", "stopping", "ended"]
    charging = next(bar for bar in second.bars if bar["class"] == "charging")
    assert float(charging["x"]) / 1000 * session.duration_s == pytest.approx(1242 + 12, abs=0.3)
    assert float(charging["width"]) / 1000 * session.duration_s == pytest.approx(37 * 36, abs=0.3)
    assert [name for name, _ in first.paths] == ["fault"]
    assert not second.paths
    phases = [row for row in read.rows if len(row) == 4 and row[1] in names]
    assert phases[0] == ["1", "handshake", "09:00:00.0", "3.0 s"]
    assert phases[-1] == ["2", "ended", "09:43:08.0", "4.0 s"]
    assert len(phases) == 10


def test_errors_say_when_who_and_what() -> None:
    rows = ReadPage(page(reconnected())).rows
    assert [row for row in rows if row[2:3] == ["vehicle"]] == [
        ["09:20:12.0", "1", "vehicle", "CCS not heard in time"]
    ]


def test_it_says_what_was_not_seen() -> None:
    read = ReadPage(page(cut()))
    facts = dict(read.facts)
    assert facts["Nobody listened for"] == "10 min"
    assert facts["Without values of the vehicle"] == "3 min"
    assert facts["Without values of the charger"] == "3 min 5 s"
    assert ["by the vehicle", "29.80 kWh", "12 min", "3 min"] in read.rows


def test_what_was_asked_stands_beside_what_was_given_and_the_two_sides_are_compared() -> None:
    facts = dict(ReadPage(page(good())).facts)
    assert facts["Highest current asked for"] == "125.0 A"
    assert facts["Shortfall of current, mean"] == "2.5 A"
    assert facts["Shortfall of current, highest"] == "7.0 A"
    assert facts["Energy, charger less vehicle"] == "+0.4 %"
    assert facts["Voltage, charger less vehicle"] == "\N{MINUS SIGN}0.6 V"


@pytest.mark.parametrize(
    ("session", "sentence"),
    [
        (good(), "The vehicle ended it: the state of charge asked for is reached."),
        (reconnected(), "The charger ended it: the charger's set condition is reached; a person stopped it."),
        (cut(), "It was cut off: nothing more was heard on the bus."),
        (replace(cut(), outcome="failed"), "It never came to charging, and nobody said why."),
        (replace(cut(), outcome="unfinished"), "The recording ended before the session did."),
        (replace(cut(), outcome=None, open=True, end_ns=None), "The session is going on."),
        (
            replace(cut(), outcome="error", stop_side="vehicle", stop_reason="ccs_timeout"),
            "The vehicle reported an error: CCS not heard in time.",
        ),
        (replace(good(), stop_reason="unexplained"), "The vehicle ended it, and gave no reason."),
        (replace(good(), stop_side=None, stop_reason=None), "Somebody ended it, and gave no reason."),
    ],
)
def test_one_sentence_says_how_it_ended(session: Session, sentence: str) -> None:
    assert sentence in ReadPage(page(session)).texts


@ALL
def test_the_page_needs_nothing_but_itself(session: Session) -> None:
    html = page(session)
    read = ReadPage(html)
    assert read.elements.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert not [
        name for _, name, _ in read.attributes if name in ("src", "href", "style") or name.startswith("on")
    ]
    assert "url(" not in html
    assert "@import" not in html
    assert "://" not in html
    assert (
        "meta",
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    ) in (read.attributes)


def test_every_picture_has_words_for_those_who_do_not_see_it() -> None:
    read = ReadPage(page(good()))
    said = [value for element, name, value in read.attributes if (element, name) == ("svg", "aria-label")]
    assert len(said) == len(read.drawn)
    assert said[0] == "Power over state of charge (kW): from 31.9 to 45.6, by state of charge (%)"
    assert said[-1].startswith("attempt 1: handshake 3.0 s, recognition 4.0 s")


def test_a_session_of_which_next_to_nothing_is_known_has_a_page_too() -> None:
    bare = Session(START_NS, None, "", "main", "main", open=True, duration_s=0.0)
    read = ReadPage(page(bare))
    assert not read.drawn
    assert "The session is going on." in read.texts
    assert "None" not in page(bare)


def test_a_single_point_without_a_duration_is_drawn_over_state_of_charge_alone() -> None:
    point = replace(good().curve[0], duration_s=None)
    titles = {each.title for each in ReadPage(page(replace(good(), phases=(), curve=(point,)))).drawn}
    assert "Power over state of charge (kW)" in titles
    assert "Power over time (kW)" not in titles


def test_the_same_session_gives_the_same_page() -> None:
    assert page(reconnected()) == page(reconnected())
    assert json.dumps(page(good()))  # it is text without lone surrogates
