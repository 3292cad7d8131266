"""Events that still hold: what begins and ends, and what happened lately."""

from dataclasses import replace

import pytest

from telemetry.live.standing import Standing
from telemetry.model.event_codes import Level
from telemetry.model.events import Event, begins, ends


def alarm(text: str, *, active: bool = True, pack: str = "main", code: str = "cell_overvoltage") -> Event:
    level = Level.CRITICAL if active else Level.INFORMATION
    return Event(code, level, active=active, text=text, source="can0", pack=pack)


def holding(*events: Event) -> Standing:
    """Return what these events have left, one a second."""
    standing = Standing()
    for second, event in enumerate(events):
        standing.add(event, float(second))
    return standing


def texts(standing: Standing, now_s: float = 0.0) -> list[str]:
    return [event.text for event in standing.at(now_s)]


def test_an_alarm_holds_until_its_end_however_much_later() -> None:
    standing = Standing()
    standing.add(alarm("cell 3 is 4.31 V, above 4.25 V"), 0.0)
    assert texts(standing, 1e6) == ["cell 3 is 4.31 V, above 4.25 V"]
    standing.add(alarm("cell 3 is 4.2 V, no longer above 4.25 V", active=False), 1e6)
    assert texts(standing, 1e6) == []


def test_the_end_of_one_cells_alarm_leaves_those_of_other_cells_and_packs() -> None:
    begun = [
        alarm(f"cell {cell} is 4.31 V, above 4.25 V", pack=pack)
        for pack in ("main", "aux")
        for cell in (3, 4)
    ]
    standing = holding(*begun, alarm("cell 4 is 4.2 V, no longer above 4.25 V", active=False))
    held = [(event.pack, event.text[:6]) for event in standing.at(1.0)]
    assert sorted(held) == [("aux", "cell 3"), ("aux", "cell 4"), ("main", "cell 3")]


def test_an_alarm_bit_ends_by_its_own_words() -> None:
    ended = alarm("no longer: second", active=False)
    assert texts(holding(alarm("first"), alarm("second (3)"), ended)) == ["first"]


def test_an_alarm_that_nothing_watches_for_any_more_ends_too() -> None:
    ended = alarm("no longer watched: cells above 4.25 V", active=False)
    assert texts(holding(alarm("cell 3 is 4.31 V, above 4.25 V"), ended)) == []


def test_a_state_that_is_reported_each_minute_holds_once_and_pushes_no_alarm_out() -> None:
    standing = Standing()
    standing.add(alarm("cell 3 is 4.31 V, above 4.25 V"), 0.0)
    for minute in range(150):
        standing.add(begins("spool_evicting", f"{minute + 1} points"), 60.0 * minute)
    assert sorted(texts(standing, 9000.0)) == ["150 points", "cell 3 is 4.31 V, above 4.25 V"]
    standing.add(ends("spool_evicting", "no more points for 10 minutes"), 9600.0)
    assert texts(standing, 9600.0) == ["cell 3 is 4.31 V, above 4.25 V"]


def test_pages_that_are_missing_together_are_held_each() -> None:
    pages = (begins("page_missing", f"missing: cells {cells}") for cells in ("1 to 4", "9 to 12"))
    assert len(texts(holding(*pages))) == 2


@pytest.mark.parametrize(
    ("held", "ended", "left"),
    [
        (["contactor is welded", "contactor is open"], "no longer: contactor is open", "contactor is welded"),
        (["fault (Mux = 2)", "fault (Mux = 3)"], "no longer: fault (Mux = 3)", "fault (Mux = 2)"),
        (
            ["state is bad (Mux = 2) (7)", "state is bad (9)"],
            "no longer: state is bad",
            "state is bad (Mux = 2) (7)",
        ),
        (
            ["cell 3 is 4.31 V, above 4.2 V", "cell 3 is 4.31 V, above 4.3 V"],
            "cell 3 is 4.29 V, no longer above 4.3 V",
            "cell 3 is 4.31 V, above 4.2 V",
        ),
        (
            ["cell 2 is 4.31 V, above 4.2 V", "cell 3 is 4.31 V, above 4.2 V"],
            "cell 3 is 4.29 V, no longer above 4.3 V",  # a reload has changed the limit
            "cell 2 is 4.31 V, above 4.2 V",
        ),
    ],
)
def test_an_end_takes_the_alarm_of_its_own_words(held: list[str], ended: str, left: str) -> None:
    assert texts(holding(*map(alarm, held), alarm(ended, active=False))) == [left]


def test_what_nobody_will_end_any_more_is_forgotten() -> None:
    standing = holding(*(begins("bus_off", "it has left the bus", source) for source in ("can0", "can1")))
    standing.forget(("bus_off",), "can0")
    assert [event.source for event in standing.at(0.0)] == ["can1"]
    standing.forget(("bus_off",))
    assert texts(standing) == []


def test_what_happened_holds_for_a_while_and_once() -> None:
    standing = Standing()
    standing.add(begins("sink_refused", "2 points"), 0.0)
    standing.add(begins("sink_refused", "3 points"), 100.0)
    assert texts(standing, 100.0) == ["3 points"]
    assert texts(standing, 700.0) == ["3 points"]
    assert texts(standing, 700.1) == []


def test_a_good_configuration_takes_back_a_refused_one() -> None:
    assert texts(holding(begins("config_refused", "line 3"), begins("config_reloaded", "gateway.toml"))) == []


@pytest.mark.parametrize("event", [begins("service_start", "version 1"), ends("sink_hold", "never began")])
def test_what_is_no_news_to_worry_about_does_not_hold(event: Event) -> None:
    assert texts(holding(event)) == []


def test_the_worst_come_first_and_their_number_is_bounded() -> None:
    standing = holding(replace(alarm("warning"), level=Level.WARNING), alarm("critical"))
    assert texts(standing) == ["critical", "warning"]
    for number in range(200):
        standing.add(alarm(f"cell {number} is 5 V"), 1.0)
    kept = texts(standing, 1.0)
    assert kept == [f"cell {number} is 5 V" for number in range(199, 99, -1)]


@pytest.mark.parametrize(
    ("code", "undoes"),
    [
        ("charging_reconnect", ["charging_error", "charging_silence"]),
        ("charging_started", ["charging_error", "charging_silence", "charging_cut"]),
        ("charging_paused", []),
    ],
)
def test_a_charge_that_begins_again_has_overcome_its_errors_and_no_other_plugs(
    code: str, undoes: list[str]
) -> None:
    standing = Standing()
    errors = ["charging_error", "charging_silence", "charging_cut"]
    for error in errors:
        for charger in ("left", "right"):
            standing.add(replace(begins(error, charger, "plug"), charger=charger), 0.0)
    standing.add(replace(begins(code, "attempt 2", "plug"), charger="left"), 2.0)
    held = {(event.code, event.charger) for event in standing.at(2.0)}
    assert held == {(error, "right") for error in errors} | {
        (error, "left") for error in errors if error not in undoes
    }
