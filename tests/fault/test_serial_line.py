"""Hours of a bad serial line, simulated: every good message once, nothing stale, accounts that balance."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from telemetry.ledger import imbalances, total
from telemetry.sources.inbox import Inbox
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.lineprotocol import Number, parse_line
from tests.support.serial_line import BASIC, CELLS, SimulatedLine, TalkingLine
from tests.support.serial_rig import TIMEOUT_S, SerialRig, WholeLine

HOURS = (2, pytest.param(8, marks=pytest.mark.long))
REPLUG_EVERY_S = 600.0
OUTAGES_S = (0.5, 3.0, 6.0, 15.0, 61.0, 90.0)

MakeLine = Callable[[FakeClock, StopSignal, Callable[[], None]], SimulatedLine]
LINES: dict[str, type[SimulatedLine]] = {"jbd": SimulatedLine, "vedirect": TalkingLine}
AGE_S = {
    "jbd": TIMEOUT_S,
    "vedirect": 0.1,
}  # what is reported is younger: an answer's time-out, a block's length


def bad_line(protocol: str, hours: float, *, echoes: bool = False) -> MakeLine:
    """Replugged every ten minutes; each hundredth byte is lost, both ways."""
    chance = random.Random(7)
    begins_s = [REPLUG_EVERY_S * number + 0.123 for number in range(1, round(hours * 3600 / REPLUG_EVERY_S))]
    outages = [(begin_s, begin_s + chance.choice(OUTAGES_S)) for begin_s in begins_s]
    return lambda clock, stop, every_minute: LINES[protocol](
        clock,
        stop,
        ends_s=hours * 3600.0,
        lost_share=0.01,
        outages=outages,
        every_minute=every_minute,
        echoes=echoes,
    )


def assert_each_good_reading_arrived_once_and_none_is_stale(
    rig: SerialRig, line: SimulatedLine, age_s: float = TIMEOUT_S
) -> None:
    assert [(reported.register, reported.data) for reported in rig.reported] == [
        (reply.register, reply.data) for reply in line.whole
    ]
    for reported, reply in zip(rig.reported, line.whole, strict=True):
        assert reported.at_s == pytest.approx(reply.arrived_s, abs=1e-6)
        assert reported.at_s - reply.as_of_s < age_s
        assert not any(begin_s <= reported.at_s < end_s for begin_s, end_s in line.outages)


def assert_every_byte_is_accounted_for(rig: SerialRig, line: SimulatedLine) -> None:
    counts = rig.counts
    wire_bytes = {(reply.register, reply.data): reply.wire_bytes for reply in line.whole}
    good_bytes = sum(wire_bytes[reported.register, reported.data] for reported in rig.reported)
    echo_bytes = 7 * counts.get("echoes", 0)
    assert counts["read_bytes"] == line.read_bytes
    lost_bytes = counts["garbage_bytes"] + counts.get("discarded_bytes", 0)
    assert line.read_bytes == good_bytes + echo_bytes + lost_bytes


def silences(rig: SerialRig, over_s: float, hours: int) -> int:
    """Return how often nothing good came for so long."""
    reported_s = [0.0, *(reported.at_s for reported in rig.reported), hours * 3600.0]
    return sum(after_s - before_s > over_s for before_s, after_s in pairwise(reported_s))


def assert_the_accounts_balance(whole: WholeLine, rig: SerialRig) -> None:
    accounts = whole.ledger.snapshot()
    assert list(imbalances(accounts, whole.stored_points, {})) == []
    assert accounts["bus/bms/read"] == rig.counts["read"] == len(rig.reported) + total(rig.counts, "lost/")
    known = sum(accounts.get(f"frames/bms/{end}", 0) for end in ("decoded", "without_signals"))
    assert known == len(rig.reported)


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("protocol", ["jbd", "vedirect"])
def test_hours_with_a_replug_every_ten_minutes_and_one_byte_in_a_hundred_lost(
    protocol: str, hours: int
) -> None:
    whole = WholeLine(protocol)
    rig = SerialRig(whole.take, protocol)
    line = rig.run(bad_line(protocol, hours))
    whole.finish(rig.counts)
    assert len(line.whole) > {"jbd": 3_750, "vedirect": 1_625}[protocol] * hours
    assert_each_good_reading_arrived_once_and_none_is_stale(rig, line, AGE_S[protocol])
    assert_every_byte_is_accounted_for(rig, line)
    assert_the_accounts_balance(whole, rig)

    outages = len(line.outages)
    assert outages == 6 * hours - 1
    assert line.opened == outages + 1
    codes = rig.codes()
    assert codes["source_lost", True] == codes["source_lost", False] == codes["source_back", True] == outages
    assert codes["values_unknown", True] == codes["values_unknown", False] == silences(rig, 10.0, hours)
    assert codes["device_offline", True] == codes["device_offline", False] == silences(rig, 60.0, hours) > 0
    assert rig.counts["silences"] == silences(rig, 10.0, hours)
    assert rig.counts["reopened"] == 0
    if (
        protocol == "jbd"
    ):  # each request is answered, or times out, or was under way when the port was pulled out
        assert 0 <= line.requests - len(rig.reported) - rig.counts["timeouts"] <= outages + 1


def test_messages_that_find_no_room_in_the_queue_are_counted_and_one_event_a_minute() -> None:
    rig = SerialRig(inbox=Inbox(capacity_frames=16, batch_frames=16))
    rig.run(lambda clock, stop, _every_minute: SimulatedLine(clock, stop, ends_s=200.0))
    dropped = [item.event for item in rig.events if item.event.code == "frames_dropped"]
    assert len(dropped) == 4  # about 10 s after the start, and each minute after that
    counts = [int(event.text.removeprefix("messages dropped by a full queue: ")) for event in dropped]
    assert all(counts)
    assert counts[0] < counts[1]
    assert sum(counts) <= rig.counts["lost/queue_overflow"]
    assert rig.counts["read"] == len(rig.reported) + total(rig.counts, "lost/")


def test_through_the_whole_line_each_good_message_is_one_row_of_its_own_stamp() -> None:
    whole = WholeLine()
    rig = SerialRig(whole.take)
    line = rig.run(bad_line("jbd", 1.0, echoes=True))
    whole.finish(rig.counts)
    assert_each_good_reading_arrived_once_and_none_is_stale(rig, line)
    assert_every_byte_is_accounted_for(rig, line)
    assert_the_accounts_balance(whole, rig)

    rows = [parse_line(text) for text in whole.store.text.splitlines()]
    for register, measurement, field in ((BASIC, "battery", "remaining_ah"), (CELLS, "cells", "v003")):
        replies = [reply for reply in line.whole if reply.register == register]
        found = [row for row in rows if row.measurement == measurement and field in row.fields]
        assert len(found) == len({row.time_ns for row in found}) == len(replies)
    remaining = [
        int.from_bytes(reply.data[4:6], "big") / 100 for reply in line.whole if reply.register == BASIC
    ]
    reported = [row.fields["remaining_ah"] for row in rows if "remaining_ah" in row.fields]
    assert [float(value) for value in reported if isinstance(value, Number)] == pytest.approx(remaining)


def test_through_the_whole_line_each_good_block_is_one_row_of_its_own_stamp() -> None:
    whole = WholeLine("vedirect")
    rig = SerialRig(whole.take, "vedirect")
    line = rig.run(bad_line("vedirect", 1.0))
    whole.finish(rig.counts)
    rows = [parse_line(text) for text in whole.store.text.splitlines()]
    found = [row for row in rows if "voltage_v" in row.fields]
    assert {row.measurement for row in found} == {"charger"}
    assert len({row.time_ns for row in found}) == len(found)
    reported = [row.fields["voltage_v"] for row in found]
    volts = [int.from_bytes(reply.data, "little") / 1000 for reply in line.whole]
    assert [float(value) for value in reported if isinstance(value, Number)] == pytest.approx(volts)


def test_a_late_answer_is_reported_once_or_discarded_and_no_reported_value_is_older_than_two_time_outs() -> (
    None
):
    chance = random.Random(3)
    rig = SerialRig()
    line = rig.run(
        lambda clock, stop, every_minute: SimulatedLine(
            clock,
            stop,
            ends_s=3600.0,
            lost_share=0.002,
            every_minute=every_minute,
            answers_after=lambda: chance.choice([0.03, 0.03, 0.03, 0.4, 0.6, 0.8]),
        )
    )
    as_of_s = {(reply.register, reply.data): reply.as_of_s for reply in line.whole}
    reported = [(reported.register, reported.data) for reported in rig.reported]
    assert len(reported) == len(set(reported))
    assert set(reported) < as_of_s.keys()
    assert all(
        reported.at_s - as_of_s[reported.register, reported.data] < 2 * TIMEOUT_S for reported in rig.reported
    )
    assert rig.counts["discarded_bytes"] > 0
    assert_every_byte_is_accounted_for(rig, line)


def test_an_adapter_that_reads_nothing_any_more_is_opened_again() -> None:
    rig = SerialRig()
    line = rig.run(
        lambda clock, stop, every_minute: SimulatedLine(
            clock, stop, ends_s=3600.0, every_minute=every_minute, deaf_after_s=300.0
        )
    )
    assert rig.counts["reopened"] == line.opened - 1 == 3600 // 310
    assert rig.codes()["source_lost", True] == 0
    assert_each_good_reading_arrived_once_and_none_is_stale(rig, line)
