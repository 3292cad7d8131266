"""firmware_sim/serial_devices.py: devices by name, several on one line, and what their faults do to them."""

import pytest
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.ecus.service_battery import ServiceBattery, ServiceSpec
from firmware_sim.faults.kinds import SERIAL_DEVICES, ChecksumError, Window
from firmware_sim.faults.serial import SerialFaults
from firmware_sim.serial_devices import DeviceName, device_end, parse_devices
from firmware_sim.wire import ant_new, ant_old, jk_55aa, jk_nw, pylontech, seplos_v2
from firmware_sim.wire.jbd import BASIC_INFO, request
from telemetry.framing.framer import MessageFramer
from telemetry.protocols.known import PROTOCOLS
from tests.support.serial_rows import rows_of

STATUS = jk_55aa.Type.STATUS
ASKED: dict[str, bytes] = {
    "jbd": request(BASIC_INFO),
    "jk_nw": jk_nw.request(),
    "jk_55aa": jk_55aa.request(1, STATUS),
    "seplos_v2": seplos_v2.request(0, seplos_v2.ANALOG),
    "pylontech": pylontech.request(pylontech.ANALOG),
    "ant_old": ant_old.STATUS_REQUEST,
    "ant_new": ant_new.status_request(),
}


def battery() -> ServiceBattery:
    service = ServiceBattery(ServiceSpec(), seed=1)
    for _ in range(20):
        service.tick(0.1)
    return service


@pytest.mark.parametrize("kind", ASKED)
def test_each_device_reports_the_same_battery(kind: str) -> None:
    service = battery()
    (said,) = device_end(parse_devices(kind), service).feed(ASKED[kind])
    values = dict(rows_of(PROTOCOLS[kind], said))["battery"]
    assert values["voltage_v"] == pytest.approx(service.pack.voltage_v, abs=0.051)
    assert values["current_a"] == pytest.approx(service.pack.current_a, abs=0.051)


def test_every_device_has_a_maker() -> None:
    for kind in SERIAL_DEVICES:
        assert device_end(parse_devices(kind), battery()).feed(b"") == []


def test_devices_on_one_line_answer_each_for_itself() -> None:
    line = device_end(parse_devices("jk_55aa:1+jk_55aa:2+seplos_v2:3"), battery())
    for address in (1, 2):
        (said,) = line.feed(jk_55aa.request(address, STATUS))
        assert said[300:303] == bytes((0, address, 0x10))
    (said,) = line.feed(seplos_v2.request(3, seplos_v2.ANALOG))
    assert said[3:5] == b"03"
    assert line.feed(jk_55aa.request(4, STATUS)) == []
    line.feed(jk_55aa.request(1, STATUS)[:5])
    line.forget()
    assert line.feed(jk_55aa.request(1, STATUS)[5:]) == []


def test_a_master_on_a_shared_line_speaks_unasked() -> None:
    line = device_end(parse_devices("jk_55aa:0+jk_55aa:5"), battery())
    assert [len(message) for message in line.due(1)] == [301]
    assert line.due(1) == []


def test_names_are_read_with_their_addresses() -> None:
    assert parse_devices("jbd") == (DeviceName("jbd"),)
    assert parse_devices("jk_55aa") == (DeviceName("jk_55aa", 1),)
    assert parse_devices("pylontech:18+jk_55aa:0") == (DeviceName("pylontech", 18), DeviceName("jk_55aa", 0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jdb", "no device is called 'jdb'"),
        ("jbd:1", "jbd has no address"),
        ("jk_55aa:16", "jk_55aa has addresses 0, 1,"),
        ("jk_55aa:x", "not 'x'"),
        ("pylontech:3", "pylontech has addresses 2, 18,"),
        ("jbd+jk_55aa:1", "only devices with addresses share a line"),
        ("jk_55aa:1+jk_55aa", "two devices on a line have one address"),
        ("", "no device is called ''"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_devices(text)


@pytest.mark.parametrize("kind", ASKED)
def test_a_checksum_error_spoils_the_check_and_nothing_else(kind: str) -> None:
    faults = SerialFaults(f"{kind}:1+{kind}:2", [ChecksumError(Window(0.0, 10.0), kind, 1.0)], seed=1)
    (said,) = device_end(parse_devices(kind), battery()).feed(ASKED[kind])
    spoiled = faults.spoil(said, 1)
    assert sum(one != other for one, other in zip(said, spoiled, strict=True)) == 1
    framer = PROTOCOLS[kind].make_framer()
    assert isinstance(framer, MessageFramer)
    framer.feed(spoiled, 1, FrameBatch(1024))
    assert framer.counts()["lost/bad_checksum"] >= 1 or kind in ("seplos_v2", "pylontech")
    assert rows_of(PROTOCOLS[kind], spoiled) == []
