"""A status in lines for people: units and words, and nothing that is 0 and needs nobody's attention."""

import pytest

from telemetry.live.summary import end_lines, status_lines, stopped_lines
from tests.support.web import status


def test_a_status_says_what_is_wrong_what_the_battery_does_and_where_everything_went() -> None:
    reported = status(uptime_s=11_520.0, memory_bytes=46_878_720.0, cpu_s=288.0)
    assert list(status_lines(reported)) == [
        "van 7: running for 3 h 12 min, page at http://127.0.0.1:8480/",
        "  warning: ttyUSB0: waiting for /dev/ttyUSB0: no such device",
        "",
        "pack main (can0): 0.1 s ago",
        ", ".join(
            (
                "  383.16 V, -6.20 A, -2,376 W",
                "state of charge 78.2 %",
                "lowest cell 3.950 V",
                "highest cell 3.972 V",
                "cell spread 22 mV",
                "coldest sensor 14.0 °C",
                "hottest sensor 17.5 °C",
            )
        ),
        "  older than 10 s: state of health 96.0 %, insulation 2,400 kOhm",
        "",
        "charger main (ttyUSB0): no data for 35 s",
        "  older than 10 s: 28.10 V, +12.00 A, phase bulk",
        "",
        "can0: receiving, 1,940 frames/s, bus load 44.2 %",
        "  read 12,345,678, decoded 12,345,000, unknown 675, lost 3 (error frame 3)",
        "ttyUSB0: waiting for /dev/ttyUSB0: no such device, 0 frames/s",
        "  read 10, decoded 10, nothing lost",
        "",
        "points: made 24,000,514, acknowledged 24,000,000, dead 2, waiting memory 512, all accounted for",
        "sink: API v2, last answer 204, 12.3 kB sent (about 23.5 kB on the link)",
        "  its lines: battery 75 %, cells 24 %, event 1 %",
        "spool: on disk, 3.7 MB",
        "process: memory 46.9 MB, processor 2.5 %",
        "",
        "newest events",
        "  2023-11-14 22:12:45 UTC warning source lost ttyUSB0, charger main: no such device",
        "  2023-11-14 21:56:40 UTC info service start: version 0.1.0",
    ]


@pytest.mark.parametrize(
    ("refused", "lost"), [(0, "lost 7 (kernel dropped 7)"), (2, "lost 9 (kernel dropped 7, bad length 2)")]
)
def test_what_the_kernel_dropped_is_lost(refused: int, lost: str) -> None:
    reported = status()
    accounts = reported["accounts"]
    accounts |= {"bus/ttyUSB0/kernel_dropped": 7, "frames/ttyUSB0/lost/bad_length": refused}
    accounts["frames/ttyUSB0/decoded"] = 10 - refused
    said = f"read 10, decoded {10 - refused}, {lost}"
    assert f"  {said}" in list(status_lines(reported))
    assert f"ttyUSB0: {said}" in list(end_lines(accounts, reported["gauges"]))


def test_of_a_source_that_is_no_longer_configured_the_accounts_are_left_and_no_warning() -> None:
    reported = status()
    reported["live"]["sources"][1]["state"] = ""
    assert "ttyUSB0: no longer configured, 0 frames/s" in list(status_lines(reported))


def test_an_old_lowest_cell_and_a_new_highest_one_make_no_range() -> None:
    reported = status()
    (pack,) = reported["live"]["packs"]
    pack["battery"] = {"cell_min_v": 4.13, "cell_max_v": 4.15}
    pack["stale"] = ["cell_min_v"]
    lines = list(status_lines(reported))
    at = lines.index("  highest cell 4.150 V")
    assert lines[at + 1] == "  older than 10 s: lowest cell 4.130 V"


def test_a_highest_value_without_a_lowest_one_says_what_it_is_of() -> None:
    reported = status()
    (pack,) = reported["live"]["packs"]
    pack["battery"] = {"soc_pct": 11.0, "cell_max_v": 3.75, "temp_max_c": 22.0}
    assert "  state of charge 11.0 %, highest cell 3.750 V, hottest sensor 22.0 °C" in list(
        status_lines(reported)
    )


def test_where_nothing_is_wrong_that_is_said() -> None:
    reported = status()
    reported["live"]["troubles"] = []
    assert list(status_lines(reported))[1] == "  nothing is wrong"


def test_how_old_the_oldest_is_that_waits_stands_beside_the_spool() -> None:
    assert "spool: on disk, 3.7 MB, oldest 2 h 12 min" in list(status_lines(status(spool_oldest_s=7_920.0)))


def test_ids_without_a_message_stand_below_their_source() -> None:
    reported = status()
    seen = {"source": "can0", "frames": 20, "min_bytes": 8, "max_bytes": 8, "period_s": 0.1}
    ids = [{**seen, "id": f"{0x700 + number:03X}"} for number in range(10)]
    single = {**seen, "id": "18FF50E5", "frames": 1, "min_bytes": 2, "period_s": None}
    reported["live"]["unmatched"] = [single, *ids]
    lines = list(status_lines(reported))
    at = next(number for number, line in enumerate(lines) if line.startswith("  read 12,345,678"))
    assert lines[at + 1 : at + 4] == [
        "  ids without a message, as they come now:",
        "    18FF50E5: 1 frame, 2 to 8 bytes",
        "    700: 20 frames, 8 bytes, every 100.0 ms",
    ]
    assert lines[at + 10] == "    and 3 more; `monitor --messages` shows them"
    assert lines[at + 11].startswith("ttyUSB0")
    reported["live"]["unmatched"] = [{**single, "source": "elsewhere"}, *ids[:8]]
    assert sum(line.startswith("    ") for line in status_lines(reported)) == 8


def test_points_that_are_missing_are_not_passed_over() -> None:
    reported = status()
    reported["accounts"] = {**reported["accounts"], "points/made/cells": 7}
    assert (
        "points: made 24,000,521, acknowledged 24,000,000, dead 2, waiting memory 512, 7 NOT accounted for"
        in list(status_lines(reported))
    )


def test_what_a_bus_or_a_server_says_cannot_move_the_cursor() -> None:
    reported = status()
    reported["state"]["sink"] = "401 \x1b[2Jgone"
    assert all(line.isprintable() for line in status_lines(reported))


def test_a_service_that_has_ended_leaves_its_accounts() -> None:
    accounts = {
        "bus/drive.log/read": 1000,
        "frames/drive.log/decoded": 900,
        "frames/drive.log/unknown": 100,
        "points/made/battery": 900,
        "points/acknowledged": 890,
    }
    lines = list(stopped_lines(accounts, waiting_points=10))
    assert lines[-2:] == [
        "drive.log: read 1,000, decoded 900, unknown 100, nothing lost",
        "points: made 900, acknowledged 890, waiting disk 10, all accounted for",
    ]
    stopped = "stopped; 10 points wait in the spool"
    assert list(end_lines(accounts, {"points_waiting_disk": 10})) == [*lines[-2:], stopped]


def test_a_service_that_ends_while_the_disk_refuses_says_what_waits_in_memory() -> None:
    accounts = {"points/made/battery": 12, "points/acknowledged": 2}
    assert list(end_lines(accounts, {"points_waiting_memory": 7, "points_waiting_disk": 3})) == [
        "points: made 12, acknowledged 2, waiting memory 7, waiting disk 3, all accounted for",
        "stopped; 10 points wait in the spool",
    ]


def test_captures_are_counted_and_the_newest_named_with_what_the_black_box_has_of_them() -> None:
    reported = status()
    assert not any("capture" in line for line in status_lines(reported))
    reported["accounts"]["triggers/over_per_hour"] = 2
    ids = [f"20261130T19300{number}Z-1" for number in range(6)]
    reported["captures"] = [{"id": id, "goes_on": False, "raw_bytes": 0} for id in reversed(ids)]
    reported["captures"][0] |= {"goes_on": True, "raw_bytes": 1_234_567}
    lines = list(status_lines(reported))
    at = lines.index("captures: 6, 2 more were over per_hour")
    assert lines[at + 1 : at + 6] == [
        f"  {ids[5]}, goes on, 1.2 MB of raw frames",
        *(f"  {ids[number]}" for number in (4, 3, 2)),
        "spool: on disk, 3.7 MB",
    ]
