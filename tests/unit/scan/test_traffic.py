"""telemetry/scan/traffic.py and listening.py: what was seen of a bus."""

from pathlib import Path

import pytest

from telemetry.errors import InputMissingError
from telemetry.rules.find_message import EXTENDED
from telemetry.scan import traffic as seen
from telemetry.scan.listening import traffic_of_logs
from telemetry.scan.traffic import BusTraffic

MS = 1_000_000
LOG = """\
(1000.000000) can0 123#0102
(1000.050000) can1 18FF50E5#0102030405060708
(1000.100000) can0 123#010203
(1000.200000) can0 123#0102
(1000.200500) can0 123#R
(1000.200600) can0 20000004#0000000000000000
(1000.310000) can0 123#0102
"""


def test_a_period_is_the_usual_gap_whatever_a_few_frames_do() -> None:
    traffic = BusTraffic()
    for number in (0, 1, 2, 3, 50, 51, 52):  # a pause
        traffic.observe(number * 100 * MS, 0x123, 8)
    assert traffic.ids[0x123].period_s == pytest.approx(0.1)


def test_too_few_frames_and_stamps_that_stand_still_have_no_period() -> None:
    traffic = BusTraffic()
    for number in range(3):
        traffic.observe(number * MS, 1, 8)
    for _ in range(9):
        traffic.observe(0, 2, 8)
    for number in range(9):
        traffic.observe(-number * MS, 3, 8)
    assert [traffic.ids[id].period_s for id in (1, 2, 3)] == [None, None, None]


def test_memory_is_bounded_by_ids_and_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_IDS", 2)
    traffic = BusTraffic()
    for number in range(3000):
        traffic.observe(number * MS, number % 3, 8)
    assert (len(traffic.ids), traffic.frames) == (2, 3000)
    assert len(traffic.ids[0]._gaps_ns) == seen.MOST_GAPS


def test_a_log_is_what_was_seen_of_each_channel_without_frames_that_carry_no_data(tmp_path: Path) -> None:
    file = tmp_path / "drive.log"
    file.write_text(LOG)
    found = traffic_of_logs([file], pytest.fail)
    assert {name: (one.frames, list(one.ids)) for name, one in found.items()} == {
        "can0": (4, [0x123]),
        "can1": (1, [0x18FF50E5 | EXTENDED]),
    }
    id = found["can0"].ids[0x123]
    assert (id.shortest, id.longest, found["can1"].extended) == (2, 3, 1)
    assert [id.period_s, found["can0"].seconds] == pytest.approx([0.1, 0.31])


def test_a_log_that_is_not_there_is_one_error_and_a_damaged_one_a_warning(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError):
        traffic_of_logs([tmp_path / "missing.log"], pytest.fail)
    (tmp_path / "bad.log").write_text(LOG + "rubbish\n")
    warnings: list[str] = []
    assert traffic_of_logs([tmp_path / "bad.log"], warnings.append)["can0"].frames == 4
    assert "no frame, skipped" in warnings[0]
