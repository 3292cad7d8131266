from telemetry.ledger import (
    Ledger,
    Names,
    add,
    frames_in_flight,
    imbalances,
    points_unaccounted,
    sources,
    subtract,
)

BALANCED = {
    "bus/can0/read": 10,
    "bus/can0/kernel_dropped": 2,
    "bus/can0/offered": 12,
    "frames/can0/decoded": 6,
    "frames/can0/unknown": 3,
    "frames/can0/lost/error_frame": 1,
    "points/made/battery": 5,
    "points/made/cells": 2,
    "points/acknowledged": 3,
    "points/reduced": 1,
    "points/dead": 1,
}


def test_a_snapshot_adds_what_earlier_runs_and_every_stage_have_counted() -> None:
    ledger = Ledger({"points/made/battery": 5})
    ledger.add_stage(lambda: {"points/made/battery": 2})
    ledger.add_stage(lambda: {"points/made/battery": 1, "points/reduced": 4})
    assert ledger.snapshot() == {"points/made/battery": 8, "points/reduced": 4}


def test_a_counter_that_is_0_is_in_the_snapshot() -> None:
    ledger = Ledger({"bus/can0/read": 7})
    ledger.add_stage(lambda: {"bus/can0/read": 0, "bus/can0/kernel_dropped": 0})
    ledger.suppress({"points/reduced": 0})
    assert ledger.snapshot() == {"bus/can0/read": 7, "bus/can0/kernel_dropped": 0, "points/reduced": 0}


def test_what_was_counted_again_for_a_log_read_again_is_taken_out() -> None:
    ledger = Ledger({"points/made/battery": 5})
    ledger.add_stage(lambda: {"points/made/battery": 5})
    ledger.suppress({"points/made/battery": 3})
    ledger.suppress({"points/made/battery": 2})
    assert ledger.snapshot() == {"points/made/battery": 5}


def test_accounts_that_balance_raise_no_complaint() -> None:
    assert list(imbalances(BALANCED, waiting_points=2, in_flight={})) == []


def test_a_frame_that_vanished_is_named_with_its_source() -> None:
    counters = {**BALANCED, "frames/can0/decoded": 5}
    assert list(imbalances(counters, 2, {})) == ["frames of can0: 1 of those read are not accounted for"]


def test_frames_in_flight_are_no_loss() -> None:
    counters = {**BALANCED, "frames/can0/decoded": 5}
    assert list(imbalances(counters, 2, {"can0": 1})) == []
    assert frames_in_flight(counters, "can0") == 1


def test_a_point_that_vanished_is_noticed() -> None:
    assert points_unaccounted(BALANCED, 2) == 0
    assert list(imbalances(BALANCED, 1, {})) == ["points: 1 of those made are not accounted for"]


def test_more_frames_than_were_offered_cannot_be() -> None:
    counters = {**BALANCED, "bus/can0/offered": 11}
    assert list(imbalances(counters, 2, {})) == ["bus can0: 12 frames read and dropped, but only 11 offered"]


def test_sources_are_named_once_and_sorted() -> None:
    assert sources({"bus/b/read": 1, "frames/a/decoded": 1, "frames/b/unknown": 1, "points/dead": 1}) == [
        "a",
        "b",
    ]


def test_sums_and_differences_go_name_by_name() -> None:
    assert add({"a": 1}, {"a": 2, "b": 3}) == {"a": 3, "b": 3}
    assert subtract({"a": 3, "b": 3}, {"a": 3, "b": 1}) == {"a": 0, "b": 2}


def test_counts_of_one_name_add_up_and_zeros_make_no_name() -> None:
    counters = {"frames/can0/decoded": 5}
    names = Names("frames/can0/")
    for _ in range(2):
        names.count(counters, {"decoded": 2, "unknown": 1, "lost/bad_crc": 0})
    assert counters == {"frames/can0/decoded": 9, "frames/can0/unknown": 2}
