"""telemetry/scan/serial_scan.py by numbers: when an answer ends, when a line is quiet, who is asked again."""

import pytest

from firmware_sim.wire import modbus_registers as registers
from telemetry.framing.framing import NO_ADDRESS
from tests.support.clock import FakeClock
from tests.support.scanned_line import ScannedLine, Scripted, board, scan, simulated

SENDING_S = 13 * 11 / 9600  # a request to a Daly board, with start, parity and stop bits
STEP_S = 0.02  # of simulated time


@pytest.mark.parametrize(("byte_count", "talks"), [(7, False), (8, True)])
def test_a_line_talks_from_eight_bytes_on(byte_count: int, talks: bool) -> None:
    clock = FakeClock()
    device = Scripted(clock, lambda _: (), [(0.5, bytes(byte_count))])
    report = scan(ScannedLine(clock, [device]), names=["daly"])
    assert (report.talks, report.sent > 0) == (talks, not talks)


def test_an_answer_without_an_end_is_heard_for_a_second_and_the_line_then_drained_for_half_a_second() -> None:
    clock = FakeClock()
    endless = [(0.02 * number, b"\x00") for number in range(1000)]
    device = Scripted(clock, lambda _: endless[: 1000 * (len(device.asked_s) == 1)])
    report = scan(ScannedLine(clock, [device]), names=["daly"])
    first_s, second_s = device.asked_s[:2]
    assert second_s - first_s == pytest.approx(SENDING_S + 0.4 + 1.0 + 0.5, abs=2.5 * STEP_S)
    # 2.1 s are for listening, 0.4 s for the usual address, 0.1 s for each of 15 others: half as long again.
    most_s = 1.5 * (2.1 + 0.4 + 15 * 0.1 + 16 * SENDING_S)
    assert most_s < clock.monotonic_s() < most_s + SENDING_S + 0.1 + 1.0 + 0.5 + 3 * STEP_S
    assert not report.is_whole


@pytest.mark.parametrize(("pause_s", "is_found"), [(0.08, True), (0.15, False)])
def test_an_answer_ends_where_nothing_comes_for_a_tenth_of_a_second(pause_s: float, is_found: bool) -> None:
    clock, device = FakeClock(), board(1)

    def halves(request: bytes) -> list[tuple[float, bytes]]:
        whole = b"".join(device.feed(request)) if not halting.asked_s[1:] else b""
        return [(0.4, whole[:6]), (0.4 + pause_s, whole[6:])] if whole else []

    halting = Scripted(clock, halves)
    report = scan(ScannedLine(clock, [halting]), names=["daly"])
    assert bool(report.found) is is_found


def test_an_answer_behind_the_beginning_of_one_that_never_ends_is_found() -> None:
    clock, device = FakeClock(), simulated("jbd")
    spoiled = b"\xdd\x03\x00\xf0"  # 240 bytes are to follow
    late = Scripted(clock, lambda request: [(0.04, spoiled + b"".join(device.feed(request)))])
    assert [one.protocol.name for one in scan(ScannedLine(clock, [late]), names=["jbd"]).found] == ["jbd"]


def test_a_device_that_is_always_late_is_asked_again_once() -> None:
    line = ScannedLine(FakeClock(), [board(7)])
    line.answers_after_s = 0.45
    report = scan(line, names=["daly"])
    sent = [data for _, _, data in line.sent]
    assert (report.found, report.is_whole) == ([], True)
    assert max(sent.count(data) for data in sent) == 2


@pytest.mark.parametrize(
    ("volts", "amperes", "watts", "agrees"),
    [
        (100.0, 10.0, 949.5, True),  # 50.5 of 1 + 50
        (100.0, 10.0, 949.0, True),  # 51.0 of 1 + 50
        (100.0, 10.0, 948.5, False),  # 51.5 of 1 + 50
        (100.0, 10.0, 1053.5, True),  # 53.5 of 1 + 52.7
        (100.0, 10.0, 1055.0, False),  # 55.0 of 1 + 52.8
        (10.0, 0.0, 1.0, True),  # 1.0 of 1 + 0.05
        (10.0, 0.0, 1.2, False),  # 1.2 of 1 + 0.06
        (0.0, 10.0, 0.0, False),
    ],
)
def test_registers_are_those_of_a_meter_where_voltage_times_current_is_the_power_within_a_twentieth_and_1_w(
    volts: float, amperes: float, watts: float, agrees: bool
) -> None:
    bank = {
        (registers.INPUT, address): value
        for address, value in enumerate((round(volts * 100), round(amperes * 100), round(watts * 10), 0))
    }
    everything = {(registers.INPUT, address): 0 for address in range(4, 8)} | bank
    line = ScannedLine(FakeClock(), [registers.ModbusLine(lambda: everything, 1)])
    (found,) = scan(line, names=["modbus"]).found
    assert (found.registers == "pzem_017") is agrees


def test_beside_a_device_without_an_address_those_with_one_are_found() -> None:
    line = ScannedLine(FakeClock(), [simulated("jbd"), board(3)])
    report = scan(line, names=["jbd", "daly"])
    assert {(one.protocol.name, one.address) for one in report.found} == {("jbd", NO_ADDRESS), ("daly", 3)}
