"""What time alone makes in a session: silences, each as often as it comes, and minutes that do not drift."""

import pytest

from telemetry.charging.session import Session
from telemetry.model.events import Event
from tests.support.plug import READY, START_NS, PlugBench


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


# A charge by GB/T 27930, and after each message what is due in which second while that one alone comes.
CHARGE: list[tuple[str, dict[str, float], dict[str, int]]] = [
    ("CHM", {"version_minor": 1}, {"BHM": 10, "CRM": 30}),
    ("BHM", {}, {"CRM": 30}),
    ("CRM", {"recognition": 0}, {"BRM": 5}),
    ("BRM", {"version_minor": 1}, {"CRM(AA)": 5}),
    ("CRM", {"recognition": READY}, {"BCP": 5}),
    ("BCP", {"soc_pct": 500}, {"CML": 5}),
    ("CML", {"min_current_a": 4000}, {"BRO": 5}),
    ("BRO", {"ready": 0}, {"BRO(AA)": 60}),
    ("BRO", {"ready": READY}, {"CRO": 5}),
    ("CRO", {"ready": 0}, {"CRO(AA)": 60}),
    ("CRO", {"ready": READY}, {}),
    ("BCL", {}, {"CCS": 1, "BCS": 5}),
    ("CCS", {"permitted": 1}, {"BCL": 1, "BCS": 5}),
    ("BSM", {"permitted": 1}, {"BCL": 1, "CCS": 1, "BCS": 5}),
    ("BST", {"soc_reached": 1}, {"CST": 5, "BSD": 10, "CSD": 10}),
    ("CST", {"vehicle_stopped": 1}, {"BSD": 10, "CSD": 10}),
    ("BSD", {"soc_pct": 80}, {"CSD": 10}),
    ("CSD", {"energy_kwh": 10}, {}),
]


STOPPED_BY_CHARGER = [*CHARGE[:14], ("CST", {"vehicle_stopped": 0}, {"BST": 5, "BSD": 10, "CSD": 10})]


@pytest.mark.parametrize(
    "messages",
    [*(CHARGE[: last + 1] for last in range(len(CHARGE))), STOPPED_BY_CHARGER],
    ids=lambda messages: f"{len(messages)}-{messages[-1][0]}",
)
def test_each_message_is_due_so_long_after_the_one_that_it_answers(
    messages: list[tuple[str, dict[str, float], dict[str, int]]],
) -> None:
    bench = PlugBench()
    for step, (code, raw, _) in enumerate(messages):
        bench.put(code, step / 100, **raw)
    code, raw, due = messages[-1]
    for second in range(1, 71):
        bench.put(code, (len(messages) - 1) / 100 + second, **raw)
    assert [(awaited, int(at_s)) for at_s, awaited in silences(bench)] == list(due.items())


def test_what_comes_after_its_time_was_due_whatever_was_due_before() -> None:
    """The vehicle prepares for 20 s of its 60, is ready, and the charger answers 10 s later: 5 s late."""
    bench = PlugBench()
    for step, (code, raw, _) in enumerate(CHARGE[:7]):
        bench.put(code, step / 100, **raw)
    for second in range(1, 31):
        bench.put("BRO", float(second), ready=0 if second < 20 else READY)
    bench.put("CRO", 30.5, ready=0)
    assert silences(bench) == [(25.0, "CRO")]
