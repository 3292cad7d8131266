"""firmware_sim/faults/bus.py: what becomes of frames, one fault a test."""

import pytest

from firmware_sim.faults.bus import BusFaults
from firmware_sim.faults.kinds import BusOff, ChecksumError, CounterError, Fault, Garbage, Silence, Window
from firmware_sim.wire.broadcast import VEHICLE_DBC, Frame
from firmware_sim.wire.crc import crc8
from firmware_sim.wire.layout import CAN_ERR_FLAG, load_layouts

LAYOUTS = load_layouts(VEHICLE_DBC)
POWER = LAYOUTS["BMS_PackPower"]
LIMITS = LAYOUTS["BMS_Limits"]
OUTPUT = LAYOUTS["CHG_Output"]
SECOND = 1_000_000_000
FROM_2_TO_4 = Window(2.0, 2.0)
ALWAYS = Window(0.0, 1e6)


def frames(*layouts: object, seconds: int = 6) -> list[Frame]:
    """Ten frames a second of each message, with counter and checksum."""
    made = []
    for number in range(10 * seconds):
        for layout in (POWER, LIMITS, OUTPUT):
            if layout in layouts:
                made.append((number * SECOND // 10, layout.arbitration_id, layout.protect(number, number)))
    return made


def through(given: list[Frame], *faults: Fault, seed: int = 1) -> tuple[list[Frame], BusFaults]:
    bus = BusFaults(faults, LAYOUTS, seed)
    return list(bus.through(given, given[-1][0] + 1)), bus


def counter_of(layout: object, data: bytes) -> int:
    assert layout in (POWER, LIMITS)
    shift = LIMITS.counter_shift if layout is LIMITS else POWER.counter_shift
    assert shift is not None
    return int.from_bytes(data, "little") >> shift & 0xF


def test_without_faults_frames_pass_as_they_are_and_are_counted() -> None:
    given = frames(POWER, OUTPUT)
    out, bus = through(given)
    assert out == given
    assert (bus.sent["BMS_PackPower"], bus.sent["CHG_Output"], bus.sent["BMS_Health"]) == (60, 60, 0)
    assert (bus.frames_total, bus.spoiled) == (120, {})


def test_silence_of_a_node_takes_its_messages_and_no_others() -> None:
    given = frames(POWER, LIMITS, OUTPUT)
    out, bus = through(given, Silence(FROM_2_TO_4, "BMS"))
    in_window = [id for at_ns, id, _ in out if 2 * SECOND <= at_ns < 4 * SECOND]
    assert in_window == [OUTPUT.arbitration_id] * 20
    assert bus.spoiled == {"silenced": 40}
    assert bus.frames_total == len(out) == len(given) - 40


def test_a_wrong_checksum_is_wrong_and_the_rest_of_the_frame_stays() -> None:
    given = frames(POWER)
    out, bus = through(given, ChecksumError(FROM_2_TO_4, "BMS_PackPower", 0.5))
    spoiled = [(before, after) for before, after in zip(given, out, strict=True) if before != after]
    assert 3 <= len(spoiled) == bus.spoiled["checksum"] <= 17
    assert all(FROM_2_TO_4.active(at_ns) for (at_ns, _, _), _ in spoiled)
    assert all(before[2][0] != after[2][0] and before[2][1:] == after[2][1:] for before, after in spoiled)


def test_a_counter_that_stands_still_has_a_right_checksum_and_goes_on_afterwards() -> None:
    given = frames(LIMITS)
    out, bus = through(given, CounterError(FROM_2_TO_4, "BMS_Limits"))
    counters = [counter_of(LIMITS, data) for _, _, data in out]
    assert counters[20:40] == [counters[20]] * 20
    assert counters[:21] == [number & 0xF for number in range(21)]
    assert counters[40:] == [number & 0xF for number in range(40, 60)]
    assert LIMITS.checksum_start is not None
    assert all(data[0] == crc8(data[1:], LIMITS.checksum_start) for _, _, data in out)
    # The counter comes round: once in sixteen it is what it would have been.
    assert bus.spoiled == {"counter": 18}


def test_bus_off_is_an_error_frame_nothing_and_a_restart() -> None:
    out, bus = through(frames(POWER), BusOff(FROM_2_TO_4))
    errors = [(at_ns, id) for at_ns, id, _ in out if id & CAN_ERR_FLAG]
    assert errors == [(2 * SECOND, CAN_ERR_FLAG | 0x40), (4 * SECOND, CAN_ERR_FLAG | 0x100)]
    assert [at_ns for at_ns, id, _ in out if 2 * SECOND <= at_ns < 4 * SECOND] == [2 * SECOND]
    assert bus.spoiled == {"error_frame": 2, "silenced": 20}
    assert bus.frames_total == len(out)


def test_garbage_is_unknown_or_short_and_as_much_as_was_asked_for() -> None:
    given = frames(POWER)
    out, bus = through(given, Garbage(FROM_2_TO_4, "can", 50.0))
    assert [frame for frame in out if frame in given] == given
    added = [frame for frame in out if frame not in given]
    assert len(added) == bus.spoiled["unknown_id"] + bus.spoiled["short_frame"]
    assert len(added) == pytest.approx(100, abs=10)
    known = {layout.arbitration_id for layout in LAYOUTS.values()}
    assert all(len(data) == (3 if id in known else 8) for _, id, data in added)
    assert {id in known for _, id, _ in added} == {True, False}


def test_the_same_seed_spoils_the_same_frames() -> None:
    faults = (Garbage(ALWAYS, "can", 20.0), ChecksumError(ALWAYS, "BMS_PackPower", 0.3))
    first, again = through(frames(POWER), *faults)[0], through(frames(POWER), *faults)[0]
    assert first == again
    assert first != through(frames(POWER), *faults, seed=2)[0]


def test_faults_of_lines_and_batteries_are_none_of_the_bus() -> None:
    given = frames(POWER)
    assert through(given, Silence(ALWAYS, "jbd"), Garbage(ALWAYS, "jbd", 50.0))[0] == given
