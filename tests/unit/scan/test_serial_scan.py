"""telemetry/scan/serial_scan.py against simulated devices, in simulated time."""

import errno
from collections.abc import Sequence
from itertools import pairwise

import pytest

from firmware_sim.links.shared_line import DeviceEnd
from firmware_sim.wire import jk_nw
from firmware_sim.wire.jbd import BASIC_INFO, request
from firmware_sim.wire.jk_55aa import PIN
from firmware_sim.wire.modbus_registers import with_crc
from firmware_sim.wire.pylontech import PylontechFirmware, PylontechLine
from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import LineSettings
from telemetry.scan.findings import identity_of
from telemetry.scan.probes import scanned, settings_of
from telemetry.scan.serial_scan import LineScan, Waits, silent_s
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.framing import vedirect_block
from tests.support.scanned_line import (
    ANSWERS_AFTER_S,
    LINES,
    MOMENT,
    ScannedLine,
    Scripted,
    answering,
    board,
    line_of,
    meter,
    on_a_line,
    pzem,
    scan,
    simulated,
    unknown_modbus,
)


def found_on(line: ScannedLine, *, risky: bool = False) -> list[tuple[str, int]]:
    return [(found.protocol.name, found.address) for found in scan(line, risky=risky).found]


# -- each simulated device against all protocols


def test_there_is_a_simulated_device_of_each_protocol() -> None:
    assert set(LINES) | {"vedirect_hex"} == set(PROTOCOLS)  # a device of the one speaks the other, too


@pytest.mark.parametrize("protocol", LINES)
def test_a_device_is_found_as_what_it_is_and_as_nothing_else(protocol: str) -> None:
    found = scan(line_of(protocol, FakeClock()), risky=True).found
    assert [one.protocol.name for one in found] == [protocol]


@pytest.mark.parametrize("protocol", LINES)
def test_at_any_setting_of_the_line_a_device_is_found_as_nothing_else(protocol: str) -> None:
    """A device that understands every setting, as one on a pseudo-terminal does."""

    class Everywhere(ScannedLine):
        def link_at(self, baud_rate: int, line: LineSettings):  # type: ignore[no-untyped-def]
            self.baud_rate, self.line = baud_rate, line
            return super().link_at(baud_rate, line)

    line = Everywhere(FakeClock(), [LINES[protocol][0]()])
    assert [one.protocol.name for one in scan(line, risky=True).found] == [protocol]


def test_what_a_device_says_of_itself_is_found() -> None:
    texts = {
        name: identity_of(scan(line_of(name, FakeClock()), risky=True).found[0])
        for name in ("jbd", "jk_nw", "jk_55aa", "ant_new", "seplos_v2", "pylontech", "vedirect")
    }
    assert all(texts.values()), texts
    assert texts["pylontech"].keys() >= {"serial number", "firmware"}


def test_what_a_device_measures_is_read_as_the_service_reads_it() -> None:
    (found,) = scan(line_of("daly", FakeClock())).found
    values = found.values
    assert (values["battery.voltage_v"], values["battery.current_a"]) == (13.3, -12.0)
    assert [values[f"cells.v00{n}"] for n in range(1, 5)] == [3.31, 3.32, 3.33, 3.34]


def test_no_pin_that_a_device_reports_is_kept() -> None:
    line = line_of("jk_55aa", FakeClock())
    found = scan(line, risky=True).found[0]
    heard = b"".join(answer for _, _, data in line.sent for answer in line.devices[0].feed(data))
    assert PIN in heard
    assert found.identity
    assert PIN.decode() not in str(found.identity) + str(found.values)


def test_no_password_that_a_device_reports_is_kept() -> None:
    found = scan(line_of("jk_nw", FakeClock())).found[0]
    assert not any("password" in name or "pin" in name.split() for name in found.identity)
    password = jk_nw.JkNwFirmware().password
    assert password.decode() not in str(found.identity) + str(found.values)


# -- several devices on one line


def test_devices_at_two_addresses_of_one_line_are_found() -> None:
    assert found_on(on_a_line(board(2), board(5))) == [("daly", 2), ("daly", 5)]


def test_devices_of_several_protocols_on_one_line_are_found() -> None:
    line = on_a_line(board(3), pzem(9))
    assert found_on(line) == [("daly", 3), ("modbus", 9)]


def test_the_modules_of_a_stack_are_asked_one_after_the_other_as_long_as_one_answers() -> None:
    stack = PylontechLine([lambda: MOMENT] * 3, PylontechFirmware(wide=(True, False, False)))
    for baud_rate in (115200, 9600):
        line = on_a_line(stack, baud_rate=baud_rate)
        assert found_on(line) == [("pylontech", 2), ("pylontech", 3), ("pylontech", 4)]


def test_a_board_at_the_other_baud_rate_of_its_kind_is_found() -> None:
    (found,) = scan(on_a_line(simulated("seplos_v2:3"), baud_rate=9600)).found
    assert (found.protocol.name, found.address, found.setting.baud_rate) == ("seplos_v2", 3, 9600)


def test_a_meter_says_its_own_address_to_whoever_asks() -> None:
    line = ScannedLine(FakeClock(), [meter("000000000042")], 2400, LineSettings(parity="E"))
    assert found_on(line) == [("dlt645", 0x42)]


def meters_that_collide(*addresses: str, answers_after_s: float = ANSWERS_AFTER_S) -> ScannedLine:
    devices = [meter(one) for one in addresses]
    line = ScannedLine(FakeClock(), devices, 2400, LineSettings(parity="E"), answers_after_s=answers_after_s)
    line.lag_bits = 3
    return line


def by_digits(line: ScannedLine) -> set[str]:
    """Return the last digits of addresses by which was asked, by the frames of DL/T 645-2007."""
    starts = [data[5:11][::-1].hex() for _, _, data in line.sent if data[12] == 0x11]
    return {address.lstrip("a") for address in starts if address.startswith("aa")}


@pytest.mark.parametrize(
    ("addresses", "searched"),
    [
        (("112233445566", "112233445577"), [""]),
        (("112233445566", "998877665544", "000000000042"), [""]),
        (("112233445566", "112233445577", "112233995577"), ["", "77", "5577"]),
        (("112233445511", "112233449911", "112233445522", "112233448822"), ["", "11", "22"]),
    ],
)
@pytest.mark.parametrize("answers_after_s", [0.02, 0.15, 0.35])
def test_meters_that_answer_at_once_are_found_by_their_last_digits(
    addresses: Sequence[str], searched: Sequence[str], answers_after_s: float
) -> None:
    line = meters_that_collide(*addresses, answers_after_s=answers_after_s)
    report = scan(line, names=["dlt645"])
    assert sorted(f"{one.address:012x}" for one in report.found) == sorted(addresses)
    assert by_digits(line) == {f"{two:02d}{known}" for known in searched for two in range(100)}
    assert report.is_whole


def test_meters_that_differ_in_their_first_digits_alone_are_not_searched_for_ever() -> None:
    line = meters_that_collide("112233445566", "992233445566")
    report = scan(line, names=["dlt645"])
    assert (report.found, report.is_whole) == ([], False)
    assert len(by_digits(line)) == 400
    assert line.clock.monotonic_s() < 120.0


def test_a_meter_that_two_answers_make_up_is_no_device() -> None:
    """Bit by bit 44 and 88 are 00: so is their sum, which is all that protects an answer."""
    line = meters_that_collide("112233445522", "112233885522", "000000000042")
    line.lag_bits = 0
    found = [f"{one.address:012x}" for one in scan(line, names=["dlt645"]).found]
    assert sorted(found) == ["000000000042", "112233445522", "112233885522"]


def test_a_meter_that_answers_half_a_second_after_another_one_is_found_with_it() -> None:
    line = ScannedLine(FakeClock(), baud_rate=2400, line=LineSettings(parity="E"))
    first, second = meter("000000000001"), meter("000000000002")

    def answer(data: bytes) -> list[tuple[float, bytes]]:
        return [(after_s, said) for one, after_s in ((first, 0.02), (second, 0.5)) for said in one.feed(data)]

    line.devices = [Scripted(line.clock, answer)]
    assert [one.address for one in scan(line, names=["dlt645"]).found] == [1, 2]
    assert by_digits(line) == set()


@pytest.mark.parametrize(
    ("device", "found"),
    [
        (board(7), [("daly", 7)]),
        (simulated("seplos_v2:9"), [("seplos_v2", 9)]),
        (pzem(4), [("modbus", 4)]),
    ],
    ids=["daly", "seplos_v2", "modbus"],
)
def test_an_answer_that_comes_during_the_next_request_is_asked_for_again_with_more_patience(
    device: DeviceEnd, found: list[tuple[str, int]]
) -> None:
    line = on_a_line(device)
    line.answers_after_s = 1.5 * Waits().other_s
    assert found_on(line) == found


# -- Modbus


def test_a_modbus_device_has_the_map_whose_values_agree() -> None:
    (found,) = scan(on_a_line(pzem(7))).found
    assert (found.address, found.registers) == (7, "pzem_017")
    assert found.values["meter.voltage_v"] == 13.3


def test_a_modbus_device_that_refuses_is_one_without_a_map() -> None:
    (found,) = scan(on_a_line(unknown_modbus(4))).found
    assert (found.protocol.name, found.address, found.registers) == ("modbus", 4, "")


@pytest.mark.parametrize(("code", "found"), [(1, [("modbus", 3)]), (2, [("modbus", 3)]), (10, []), (11, [])])
def test_a_refusal_is_a_device_unless_it_is_of_a_gateway(code: int, found: list[tuple[str, int]]) -> None:
    def refuses(data: bytes) -> list[bytes]:
        return [with_crc(bytes((3, data[1] | 0x80, code)))] if data[:1] == b"\x03" else []

    assert found_on(on_a_line(answering(refuses))) == found


# -- what is not spoken into


def test_nothing_is_sent_to_a_line_on_which_something_talks() -> None:
    line = on_a_line(board(1))
    line.babbles = b"$GPRMC,123519,A,4807.038,N\r\n"
    report = scan(line)
    assert (report.found, report.talks, line.sent) == ([], True, [])
    assert all(report.strange_bytes.values())
    assert len(report.strange_bytes) == len(line.opened)


def test_of_one_protocol_its_line_is_listened_to_as_long_before_anything_is_sent() -> None:
    line = on_a_line(board(1))
    line.babbles = b"$GPRMC,123519,A,4807.038,N\r\n"
    report = scan(line, names=["daly"])
    assert (report.found, report.talks, line.sent) == ([], True, [])


def test_a_device_that_talks_is_listened_to_alone() -> None:
    line = line_of("vedirect", FakeClock())
    (found,) = scan(line).found
    assert (found.protocol.name, found.address, line.sent) == ("vedirect", NO_ADDRESS, [])


def test_a_device_that_talks_each_two_seconds_is_heard_to_its_first_whole_message() -> None:
    block = vedirect_block({"PID": "0xA053", "SER#": "HQ2209NEV01", "V": "12800", "I": "100", "CS": "3"})
    line = on_a_line(baud_rate=19200)
    coming = [(0.5, block[60:]), (2.5, block), (4.5, block)]  # it begins before anybody listens
    line.devices = [Scripted(line.clock, lambda _: (), coming)]
    (found,) = scan(line).found
    assert (found.protocol.name, found.values["charger.voltage_v"], line.sent) == ("vedirect", 12.8, [])


def test_nothing_is_sent_where_another_master_asks_each_two_seconds() -> None:
    line = on_a_line()
    line.babbles, line.babbles_every_s = request(BASIC_INFO) * 2, 2.0
    assert (scan(line).talks, line.sent) == (True, [])


def test_nothing_is_sent_where_another_master_asks() -> None:
    line = on_a_line()
    line.babbles = request(BASIC_INFO)
    report = scan(line)
    assert (report.other_master, report.found, line.sent) == (True, [], [])


def test_one_short_request_of_another_master_is_enough_to_send_nothing() -> None:
    line = on_a_line()
    line.babbles = request(BASIC_INFO)
    assert len(line.babbles) < 8
    report = scan(line, names=["jbd"], waits=Waits(listen_s=0.6))
    assert (report.other_master, report.talks, line.sent) == (True, True, [])


@pytest.mark.parametrize(("byte_count", "talks"), [(3, False), (4, True)])
def test_a_line_of_eight_bytes_that_nobody_asked_for_talks(byte_count: int, talks: bool) -> None:
    """They come in two pieces, of which the second is heard since there was a first."""
    line = on_a_line()
    line.babbles = b"\xff" * byte_count
    report = scan(line, names=["jbd"], waits=Waits(listen_s=0.6))
    assert (report.talks, line.sent == []) == (talks, talks)


def test_the_answers_to_another_master_name_the_device() -> None:
    line = on_a_line()
    line.babbles = request(BASIC_INFO) + b"".join(simulated("jbd").feed(request(BASIC_INFO)))
    report = scan(line)
    assert [found.protocol.name for found in report.found] == ["jbd"]
    assert (report.other_master, line.sent) == (True, [])


def test_an_adapter_that_echoes_is_not_a_device() -> None:
    line = on_a_line()
    line.echoes = True
    report = scan(line)
    assert (report.found, report.strange_bytes) == ([], {})
    line = on_a_line(board(2))
    line.echoes = True
    assert found_on(line) == [("daly", 2)]


# -- what is sent


def test_after_an_answer_the_line_rests_as_long_as_the_device_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    device = board(1)
    line, feed = on_a_line(device), device.feed
    answered_s: list[float] = []

    def timed(data: bytes) -> list[bytes]:
        if answers := feed(data):
            answered_s.append(line.clock.monotonic_s())
        return answers

    monkeypatch.setattr(device, "feed", timed)
    assert scan(line).found
    least_s = ANSWERS_AFTER_S + PROTOCOLS["daly"].rest_s
    assert min(later - earlier for earlier, later in pairwise(answered_s)) >= least_s - 1e-6


def test_each_setting_of_the_line_is_opened_once_and_again_for_addresses_that_are_not_usual() -> None:
    line = on_a_line()
    scan(line)
    assert line.opened == [
        *((19200, "N"), (9600, "N"), (115200, "N"), (2400, "E"), (2400, "N")),
        *((19200, "N"), (9600, "N"), (115200, "N")),
    ]


@pytest.mark.parametrize(
    ("protocol", "less_s"),
    [("vedirect", 15.0), ("jbd", 5.0), ("daly", 3.0), ("jk_nw", 10.0), ("pylontech", 10.0), ("dlt645", 9.0)],
)
def test_a_line_with_a_device_is_scanned_in_less_time_than_a_silent_one(protocol: str, less_s: float) -> None:
    line = line_of(protocol, FakeClock())
    begins_s = line.clock.monotonic_s()
    assert scan(line).found
    assert line.clock.monotonic_s() - begins_s < silent_s(settings_of(scanned()), Waits()) - less_s


def test_a_setting_that_the_port_does_not_have_costs_only_itself() -> None:
    class NoParity(ScannedLine):
        def link_at(self, baud_rate: int, line: LineSettings):  # type: ignore[no-untyped-def]
            if line.parity != "N":
                raise OSError(errno.EINVAL, "the line cannot be set so")
            return super().link_at(baud_rate, line)

    report = scan(NoParity(FakeClock()))
    assert (report.refused, report.found) == (["2400 baud 8E1"], [])

    class Nothing(ScannedLine):
        def link_at(self, baud_rate: int, line: LineSettings):  # type: ignore[no-untyped-def]  # noqa: ARG002
            raise OSError(errno.EINVAL, "the line cannot be set so")

    with pytest.raises(OSError, match="set so"):
        scan(Nothing(FakeClock()))


def test_a_meter_behind_a_line_without_parity_is_found_with_that_setting() -> None:
    line = ScannedLine(FakeClock(), [meter()], 2400)
    (found,) = scan(line).found
    assert (found.protocol.name, str(found.setting)) == ("dlt645", "2400 baud 8N1")


def test_a_device_that_goes_away_is_an_error_and_leaves_the_port_closed() -> None:
    def leaves(data: bytes) -> list[bytes]:
        raise OSError(errno.ENODEV, "the device is gone")

    line = on_a_line(answering(leaves))
    with pytest.raises(OSError, match="the device is gone"):
        scan(line)
    assert not line.is_open


def test_what_was_found_before_a_port_was_pulled_out_is_reported() -> None:
    def pulled_after(requests: int | None) -> tuple[ScannedLine, LineScan]:
        line = on_a_line(board(2), board(5))
        line.lasts = requests
        return line, LineScan(line.link_at, line.clock, Waits())

    settings = settings_of(scanned(["daly"]))
    with StopSignal() as stop:
        line, whole = pulled_after(None)
        whole.run(settings, stop)
        asked = [data for _, _, data in line.sent]
        of_second = asked.index(PROTOCOLS["daly"].requests[0].to(5))
        for requests, found in ((1, []), (of_second, [2]), (of_second + 3, [2, 5])):
            line, cut = pulled_after(requests)
            with pytest.raises(OSError, match="Input/output error"):
                cut.run(settings, stop)
            assert [one.address for one in cut.report.found] == found
            assert (cut.report.sent, line.is_open) == (requests, False)


def test_a_line_that_answers_with_garbage_ends_in_time() -> None:
    line = on_a_line(answering(lambda _: [b"\x00\xa5" * 40]))
    report = scan(line)
    assert (report.found, list(report.strange_bytes)) == ([], ["9600 baud 8N2"])
    assert line.clock.monotonic_s() < 1.6 * silent_s(settings_of(scanned()), Waits())
