"""What time alone makes in a session: silences, each as often as it comes, and minutes that do not drift."""

import pytest

from telemetry.charging.session import Session
from telemetry.model.events import Event
from tests.support.plug import START_NS, PlugBench


def silences(bench: PlugBench) -> list[tuple[float, str]]:
    """Return when each silence was due, in seconds, and of what."""
    return [
        ((made.time_ns - START_NS) / 1e9, made.content.text.split()[3])
        for made in bench.made
        if isinstance(made.content, Event) and made.content.code == "charging_silence"
    ]


def charging() -> PlugBench:
    """Charges from 1 s on; BCS and BSM, due each 5 s, came at 1 s."""
    bench = PlugBench()
    bench.begin()
    for code in ("BCL", "BCS", "CCS", "BSM"):
        bench.put(code, 1.0, **({"permitted": 1} if code in ("CCS", "BSM") else {}))
    return bench


@pytest.mark.parametrize("also_silent", [False, True], ids=["alone", "with the other side"])
def test_a_silence_that_ends_and_comes_again_is_reported_again(also_silent: bool) -> None:
    bench = charging()
    for step in range(1, 29):  # to 8 s
        at_s = 1.0 + step / 4
        bench.put("BCS", at_s)
        is_silent = 1.0 < at_s < 3.0 or at_s > 4.0
        if not is_silent:
            bench.put("BCL", at_s)
        if not (is_silent and also_silent):
            bench.put("CCS", at_s, permitted=1)
    wanted = [
        (2.0, "BCL"),
        (5.0, "BCL"),
        *([(2.0, "CCS"), (5.0, "CCS")] if also_silent else []),
        (6.0, "BSM"),
    ]
    assert sorted(silences(bench)) == sorted(wanted)


def test_one_message_between_two_silences_makes_them_two_whenever_the_next_frame_comes() -> None:
    bench = charging()
    bench.put("BCS", 4.0)
    bench.put("BCL", 4.5)
    bench.put("BCS", 6.5)
    bench.put("BCS", 9.0)
    assert silences(bench) == [(2.0, "BCL"), (2.0, "CCS"), (5.5, "BCL"), (6.0, "BSM")]


def test_what_was_due_before_the_end_of_a_recording_is_reported_at_its_end() -> None:
    bench = charging()
    bench.finish(7.5)
    assert silences(bench) == [(2.0, "BCL"), (2.0, "CCS"), (6.0, "BCS"), (6.0, "BSM")]


def test_an_open_session_has_a_row_each_minute_from_its_start_whenever_frames_come() -> None:
    bench = charging()
    for step in range(300):
        bench.put("BCL", 1.0 + 0.7 * step)
    rows = [made.content for made in bench.made if isinstance(made.content, Session)]
    assert [row.duration_s for row in rows if row.duration_s > 2] == [60.0, 120.0, 180.0]
