"""firmware_sim/serial_devices.py: devices by name, several on one line, and what their faults do to them."""

from dataclasses import replace

import pytest
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.faults.kinds import ChecksumError, Window
from firmware_sim.faults.serial import SerialFaults
from firmware_sim.links.shared_line import DeviceEnd
from firmware_sim.serial_devices import KINDS, DeviceName, device_end, parse_devices
from firmware_sim.serial_scenario import SimulatedLine, line_spec
from firmware_sim.wire import (
    ant_new,
    ant_old,
    daly,
    dlt645,
    jk_55aa,
    jk_nw,
    modbus_registers,
    pylontech,
    seplos_v2,
)
from firmware_sim.wire.jbd import BASIC_INFO, HARDWARE, request
from telemetry.framing.framer import MessageFramer
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.registers.register_map import find_map, read_register_map
from telemetry.protocols.serial.modbus import modbus
from tests.support.serial_rows import rows_of

STATUS = jk_55aa.Type.STATUS


def end_of(name: str, service: ServiceBattery) -> DeviceEnd:
    (device,) = parse_devices(name)
    return device_end(device, service)


class Line:
    """A line whose bytes take no time: what is said to a request, or unasked."""

    def __init__(self, name: str, service: ServiceBattery) -> None:
        self._line = SimulatedLine(line_spec(name, ()), lambda _: service, (), 1).line
        self._now_ns = 0

    def feed(self, data: bytes) -> list[bytes]:
        self._line.hear(data, self._now_ns, self._now_ns)
        return [piece.data for piece in self._line.arrived(self._now_ns)]

    def due(self, now_ns: int) -> list[bytes]:
        self._line.talk(now_ns, now_ns)
        return [piece.data for piece in self._line.arrived(now_ns)]

    def forget(self) -> None:
        self._line.forget()


ASKED: dict[str, bytes] = {
    "jbd": request(BASIC_INFO),
    "jk_nw": jk_nw.request(),
    "jk_55aa": jk_55aa.request(1, STATUS),
    "seplos_v2": seplos_v2.request(0, seplos_v2.ANALOG),
    "pylontech": pylontech.request(pylontech.ANALOG),
    "ant_old": ant_old.STATUS_REQUEST,
    "ant_new": ant_new.status_request(),
    "daly": daly.request(daly.PACK),
    "daly_modbus": modbus_registers.request(0xD2, 3, 0, 62),
}
SPEAKS_BY_ITSELF = ("vedirect",)


def battery() -> ServiceBattery:
    service = ServiceBattery(ServiceSpec(), seed=1)
    for _ in range(20):
        service.tick(0.1)
    return service


@pytest.mark.parametrize("kind", ASKED)
def test_each_device_reports_the_same_battery(kind: str) -> None:
    service = battery()
    (said,) = end_of(kind, service).feed(ASKED[kind])
    values = dict(rows_of(PROTOCOLS[kind], said))["battery"]
    assert values["voltage_v"] == pytest.approx(service.pack.voltage_v, abs=0.051)
    assert values["current_a"] == pytest.approx(service.pack.current_a, abs=0.051)


def test_a_meter_of_dlt645_reads_the_same_battery() -> None:
    service = battery()
    line = end_of("dlt645:7", service)
    for identifier, field, value in (
        (dlt645.VOLTAGE, "voltage_v", service.pack.voltage_v),
        (dlt645.CURRENT, "current_a", service.pack.current_a),
        (dlt645.FORWARD, "energy_wh", service.pack.energy_in_wh),
    ):
        (said,) = line.feed(dlt645.request(identifier, f"{7:012d}"))
        assert dict(rows_of(PROTOCOLS["dlt645"], said))["meter"][field] == pytest.approx(value, abs=10.0)
    assert line.feed(dlt645.request(dlt645.VOLTAGE, f"{8:012d}")) == []


@pytest.mark.parametrize(
    ("registers", "asked", "signed"),
    [("pzem_017", (4, 0, 8), False), ("acrel_djsf1352", (3, 0, 20), True)],
)
def test_a_modbus_meter_reads_the_same_battery(
    registers: str, asked: tuple[int, int, int], signed: bool
) -> None:
    service = battery()
    request_ = modbus_registers.request(9, *asked)
    (said,) = end_of("modbus:9", service).feed(request_)
    protocol = modbus(read_register_map(find_map(registers)))
    values = dict(rows_of(protocol, request_ + said))["meter"]
    current_a = service.pack.current_a if signed else abs(service.pack.current_a)
    assert values["voltage_v"] == pytest.approx(service.pack.voltage_v, abs=0.0051)
    assert values["current_a"] == pytest.approx(current_a, abs=0.0051)
    assert values["power_w"] == pytest.approx(service.pack.voltage_v * current_a, abs=0.51)


IDENTITIES: dict[str, list[bytes]] = {
    "jbd": [request(HARDWARE)],
    "jk_nw": [jk_nw.request()],
    "jk_55aa": [jk_55aa.request(1, jk_55aa.Type.ABOUT)],
    "seplos_v2": [seplos_v2.request(0, seplos_v2.VENDOR)],
    "pylontech": [pylontech.request(pylontech.SERIAL_NUMBER)],
    "ant_new": [ant_new.device_request()],
    "daly": [daly.request(daly.CODE)],
    "daly_modbus": [modbus_registers.request(0xD2, 3, 0xA9, 32)],
}


def said_of_itself(kind: str, line: str) -> dict[str, str]:
    """Return the device's identity, by our own reader, as the one device of a line of that name."""
    spec = replace(line_spec(kind, ()), name=line)
    end = SimulatedLine(spec, lambda _: battery(), (), 1).line.devices[0].end
    framer, frames = PROTOCOLS[kind].make_framer(), FrameBatch(256)
    if kind in SPEAKS_BY_ITSELF:
        for block in end.due(2_000_000_001):
            framer.feed(block, 1, frames)
        return framer.identity()
    assert isinstance(framer, MessageFramer)
    for asked in IDENTITIES[kind]:
        framer.sent(asked, frames)
        for answer in end.feed(asked):
            framer.feed(answer, 1, frames)
    framer.finish(frames)
    return framer.identity()


@pytest.mark.parametrize("kind", [*IDENTITIES, *SPEAKS_BY_ITSELF])
def test_each_device_says_of_itself_what_no_other_one_says(kind: str) -> None:
    left, right = said_of_itself(kind, "left"), said_of_itself(kind, "right")
    assert left.keys() == right.keys()
    assert left != right
    assert said_of_itself(kind, "left") == left


def test_an_option_is_how_one_firmware_differs() -> None:
    usual, all_frames = end_of("daly", battery()), end_of("daly,sends_all_frames,first_frame:0", battery())
    asked = daly.request(daly.CELLS)
    assert [answer[4] for answer in usual.feed(asked)] == [1, 2, 3, 4, 5]
    assert [answer[4] for answer in all_frames.feed(asked)] == list(range(16))
    assert b"mine" in end_of("jbd,model:mine", battery()).feed(request(HARDWARE))[0]


def test_every_device_has_a_maker() -> None:
    for kind in KINDS:
        assert end_of(kind, battery()).feed(b"") == []


def test_devices_on_one_line_answer_each_for_itself() -> None:
    line = Line("jk_55aa:1+jk_55aa:2+seplos_v2:3", battery())
    for address in (1, 2):
        (said,) = line.feed(jk_55aa.request(address, STATUS))
        assert said[300:303] == bytes((0, address, 0x10))
    (said,) = line.feed(seplos_v2.request(3, seplos_v2.ANALOG))
    assert said[3:5] == b"03"
    assert line.feed(jk_55aa.request(4, STATUS)) == []
    line.feed(jk_55aa.request(1, STATUS)[:5])
    line.forget()
    assert line.feed(jk_55aa.request(1, STATUS)[5:]) == []


def test_one_device_without_an_address_shares_a_line_with_those_that_have_one() -> None:
    line = Line("daly:1+jbd+pylontech:2", battery())
    (said,) = line.feed(request(0x04))
    assert said == end_of("jbd", battery()).feed(request(0x04))[0]
    assert line.feed(daly.request(daly.CELLS)) == end_of("daly:1", battery()).feed(daly.request(daly.CELLS))


def test_a_master_on_a_shared_line_speaks_unasked() -> None:
    line = Line("jk_55aa:0+jk_55aa:5", battery())
    assert [len(message) for message in line.due(1)] == [301]
    assert line.due(1) == []


def test_names_are_read_with_their_addresses() -> None:
    assert parse_devices("jbd") == (DeviceName("jbd"),)
    assert parse_devices("jk_55aa") == (DeviceName("jk_55aa", 1),)
    assert parse_devices("daly:2,first_frame:0,sends_all_frames") == (
        DeviceName("daly", 2, (("first_frame", 0), ("sends_all_frames", True))),
    )
    assert parse_devices("pylontech:18+jk_55aa:0") == (DeviceName("pylontech", 18), DeviceName("jk_55aa", 0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jdb", "no device is called 'jdb'"),
        ("jbd:1", "jbd has no address"),
        ("jk_55aa:16", "jk_55aa has addresses 0 to 15, not 16"),
        ("jk_55aa:x", "'x' is not an address"),
        ("daly:2,turbo", "daly has no option 'turbo'; it has sends_all_frames, first_frame"),
        ("daly:2,first_frame", "first_frame of daly is an integer, not True"),
        ("daly:2,first_frame:two", "first_frame of daly is an integer, not 'two'"),
        ("daly:2,sends_all_frames:1", "sends_all_frames of daly is true or false, not '1'"),
        ("daly:1,number:2", "has no option 'number'"),
        ("pylontech:3", "pylontech has addresses 2, 18,"),
        ("daly:1+jbd+jbd", "two jbd have no address"),
        ("jk_55aa:1+jk_55aa", "two devices on a line have one address"),
        ("", "no device is called ''"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_devices(text)


@pytest.mark.parametrize("kind", ASKED)
def test_a_checksum_error_spoils_the_check_and_nothing_else(kind: str) -> None:
    faults = SerialFaults(f"{kind}:1", [ChecksumError(Window(0.0, 10.0), kind, 1.0)], seed=1)
    (said,) = end_of(kind, battery()).feed(ASKED[kind])
    spoiled = faults.spoil(said, 1)
    assert sum(one != other for one, other in zip(said, spoiled, strict=True)) == 1
    framer = PROTOCOLS[kind].make_framer()
    assert isinstance(framer, MessageFramer)
    framer.feed(spoiled, 1, FrameBatch(1024))
    assert framer.counts()["lost/bad_checksum"] >= 1 or kind in ("seplos_v2", "pylontech")
    assert rows_of(PROTOCOLS[kind], spoiled) == []
