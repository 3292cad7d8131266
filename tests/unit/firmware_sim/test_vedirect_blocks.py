"""firmware_sim/wire/vedirect.py: text blocks and HEX messages, against the published examples."""

import pytest

from firmware_sim.ecus.charger import ChargerPhase
from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.ecus.solar import SolarCharger
from firmware_sim.wire.vedirect import VeDirectLine, checksum, hex_message, text_block

_S = 1_000_000_000


def fields(block: bytes) -> dict[str, str]:
    assert sum(block) % 256 == 0
    lines = block[:-1].decode("ascii").split("\r\n")
    assert lines[0] == ""
    assert lines[-1] == "Checksum\t"
    return dict(line.split("\t") for line in lines[1:-1])


def run(seconds: float, **spec: float) -> ServiceBattery:
    battery = ServiceBattery(ServiceSpec(**spec), seed=1)
    for _ in range(round(seconds * 10)):
        battery.tick(0.1)
    return battery


def test_the_checksum_is_that_of_the_worked_example() -> None:
    assert checksum(b"\r\nPID\t0xA053\r\nV\t13180\r\nI\t-450\r\nChecksum\t") == 0x8D


@pytest.mark.parametrize(
    ("command", "data", "message"),
    [(7, "001000", b":70010003E\n"), (7, "001000C800", b":7001000C80076\n"), (7, "D5ED00", b":7D5ED008C\n")],
)
def test_hex_messages_are_those_of_the_published_examples(command: int, data: str, message: bytes) -> None:
    assert hex_message(command, bytes.fromhex(data)) == message


def test_a_block_holds_the_charger_within_its_resolution() -> None:
    battery = run(120.0)
    charger = battery.solar.charger
    block = fields(text_block(battery.solar.readings()))
    assert int(block["V"]) / 1000 == pytest.approx(battery.solar.battery_v, abs=0.000501)
    assert int(block["I"]) / 1000 == pytest.approx(charger.current_a, abs=0.000501)
    assert int(block["PPV"]) == pytest.approx(charger.power_w / 0.97, abs=0.501)
    assert int(block["H20"]) * 10 == pytest.approx(charger.energy_wh, abs=5.001)
    assert int(block["H21"]) >= int(block["PPV"])
    assert (block["CS"], block["MPPT"], block["OR"], block["ERR"]) == ("3", "2", "0x00000000", "0")
    assert block["PID"] == "0xA058"


def test_at_night_it_is_off_for_want_of_input() -> None:
    block = fields(text_block(run(20.0, solar_peak_w=0.0).solar.readings()))
    assert (block["CS"], block["MPPT"], block["OR"], block["PPV"]) == ("0", "0", "0x00000001", "0")


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        (ChargerPhase.STARTING, "245"),
        (ChargerPhase.CC, "3"),
        (ChargerPhase.CV, "4"),
        (ChargerPhase.DONE, "5"),
        (ChargerPhase.FAULT, "2"),
    ],
)
def test_each_phase_has_its_number(phase: ChargerPhase, number: str) -> None:
    solar = SolarCharger(900.0, 1, 15.0)
    solar.charger.phase = phase
    assert fields(text_block(solar.readings()))["CS"] == number


def test_a_block_comes_each_second_and_none_twice() -> None:
    line = VeDirectLine(run(1.0).solar.readings)
    assert len(line.due(1)) == 1  # at 0
    assert line.due(1 * _S) == []
    assert len(line.due(1 * _S + 1)) == 1
    assert len(line.due(5 * _S)) == 3


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b":154\n", b":56441AB\n"),  # ping: 5 + 64 + 41 + AB = 0x155
        (b":451\n", b":158A05C\n"),  # product id A058: 1 + 58 + A0 + 5C = 0x155
        (b":7EDED00\n", b":4AAAAFD\n"),  # a wrong sum
        (b":64F\n", b":3064C\n"),  # restart: not obeyed
        (b":7FFFF0050\n", b":7FFFF014F\n"),  # no such register
    ],
)
def test_a_hex_request_gets_one_answer(request_: bytes, answer: bytes) -> None:
    line = VeDirectLine(SolarCharger(900.0, 1, 15.0).readings)
    assert line.feed(request_[:3]) == []
    assert line.feed(request_[3:]) == [answer]


def test_registers_hold_the_same_values_as_the_text() -> None:
    battery = run(120.0)
    line = VeDirectLine(battery.solar.readings)
    block = fields(text_block(battery.solar.readings()))

    def get(register: int) -> int:
        asked = hex_message(7, register.to_bytes(2, "little") + b"\0")
        (answer,) = line.feed(asked)
        assert answer[:8] == asked[:8]
        body = bytes.fromhex("0" + answer[1:-1].decode("ascii"))
        assert sum(body) & 0xFF == 0x55
        return int.from_bytes(body[4:-1], "little")

    assert get(0xEDD5) * 10 == pytest.approx(int(block["V"]), abs=5)
    assert get(0xEDD7) * 100 == pytest.approx(int(block["I"]), abs=50)
    assert get(0xEDBC) / 100 == pytest.approx(int(block["PPV"]), abs=0.505)
    assert get(0x0201) == 3
    assert get(0x0120) == 120
    assert get(0xEDEC) == 0xFFFF
