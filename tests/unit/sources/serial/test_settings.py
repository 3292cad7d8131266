"""[[serial]] of the configuration, and what becomes of it."""

from pathlib import Path

import pytest
from telemetry_core.decode.spec import BusSpec, PlanSpec

from telemetry.config import Config
from telemetry.model.finding import Grade
from telemetry.protocols.known import PROTOCOLS
from telemetry.service.check import check
from telemetry.sources.serial.link import ControlLines, Rs485
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.settings import Start
from tests.support import configuration
from tests.support.clock import FakeClock
from tests.support.configuration import GATEWAY

BMS = '[[serial]]\nname = "bms"\nport = "/dev/serial/by-id/usb-BMS"\nprotocol = "jbd"\n'


def load(tmp_path: Path, serial: str) -> Config:
    return configuration.load(tmp_path, GATEWAY + serial)


def settings_of(tmp_path: Path, serial: str) -> SerialSettings:
    (settings,) = load(tmp_path, serial).sources
    assert isinstance(settings, SerialSettings)
    return settings


def refused(tmp_path: Path, serial: str) -> str:
    return configuration.refused(tmp_path, GATEWAY + serial)


def test_a_port_is_relative_to_the_configuration_and_a_url_is_not(tmp_path: Path) -> None:
    by_name = BMS.replace("/dev/serial/by-id/usb-BMS", "ports/bms")
    assert settings_of(tmp_path, by_name).port == str(tmp_path / "ports" / "bms")
    by_url = BMS.replace("/dev/serial/by-id/usb-BMS", "socket://127.0.0.1:7000")
    assert settings_of(tmp_path, by_url).port == "socket://127.0.0.1:7000"


def test_three_lines_are_a_device(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, BMS)
    (device,) = settings.devices
    assert (settings.name, settings.port, device.protocol) == ("bms", "/dev/serial/by-id/usb-BMS", "jbd")
    assert (settings.baud_rate, device.pack, device.charger) == (9600, "main", "main")
    assert (device.poll_every_s, device.reply_timeout_s, settings.capture) == (None, None, None)
    assert settings.simulated_time is None


def test_every_key_is_read(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        BMS
        + """
baud_rate = 115200
pack = "house"
charger = "roof"
poll_every_s = 5
reply_timeout_s = 2.5
invert_current = true
capture = "bms.capture"
capture_mib = 1
time_scale = 60
time_origin_ns = 1
time_wall_ns = 2
""",
    )
    (device,) = settings.devices
    assert (settings.baud_rate, device.pack, device.charger) == (115_200, "house", "roof")
    assert (device.poll_every_s, device.reply_timeout_s, device.invert_current) == (5.0, 2.5, True)
    assert (settings.capture, settings.capture_bytes) == (tmp_path / "bms.capture", 1024 * 1024)
    assert settings.simulated_time is not None
    assert settings.simulated_time.scale == 60.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("jbd", "jdb"), "serial[0].protocol: must be one of "),
        (("/dev/serial/by-id/usb-BMS", "udp://10.0.0.7:1"), "serial[0].port: invalid URL, protocol 'udp'"),
        (("/dev/serial/by-id/usb-BMS", "socket://a"), "serial[0].port: 'socket://a' is without HOST:PORT"),
        (("/dev/serial/by-id/usb-BMS", "rfc2217://a:x"), "serial[0].port: "),
        (('protocol = "jbd"', 'protocol = "jbd"\nbaud_rate = 1'), "serial[0].baud_rate: must be from 50 to"),
        (('protocol = "jbd"', 'protocol = "jbd"\nbaud = 9600'), "serial[0].baud: unknown key"),
        (('protocol = "jbd"', ""), "serial[0].protocol: is missing"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_key(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    assert refused(tmp_path, BMS.replace(*change)).startswith(message)


def test_a_wrong_port_is_refused_with_what_a_port_may_be(tmp_path: Path) -> None:
    assert "socket://HOST:PORT" in refused(tmp_path, BMS.replace("/dev/serial/by-id/usb-BMS", "tcp://a:1"))


def test_two_sources_on_one_port_are_refused(tmp_path: Path) -> None:
    reported = refused(tmp_path, BMS + BMS.replace("bms", "twin"))
    words, hint = reported.split(" (")
    assert words == "serial[1].port: source 'bms' has /dev/serial/by-id/usb-BMS already"
    assert "[[serial.device]]" in hint


def test_two_sources_with_one_capture_are_refused(tmp_path: Path) -> None:
    other = BMS.replace('"bms"', '"second"').replace("usb-BMS", "usb-other")
    capture = 'capture = "line.txt"\n'
    message = refused(tmp_path, BMS + capture + other + capture)
    assert f"serial[1].capture: source 'bms' writes {tmp_path}/line.txt already" in message


@pytest.mark.parametrize("key", ["time_origin_ns", "time_wall_ns"])
def test_a_part_of_a_simulator_s_time_is_refused(tmp_path: Path, key: str) -> None:
    assert f"serial[0].{key}: stands without time_scale" in refused(tmp_path, f"{BMS}{key} = 1\n")


def test_two_ports_of_one_protocol_are_two_buses_with_the_same_records(tmp_path: Path) -> None:
    second = BMS.replace('"bms"', '"second"').replace("usb-BMS", "usb-second")
    victron = BMS.replace('"bms"', '"mppt"').replace("jbd", "vedirect").replace("usb-BMS", "usb-mppt")
    plan = PlanSpec((), (BusSpec("can0", ()),))
    for settings in load(tmp_path, BMS + second + victron).sources:
        plan = settings.extended(plan)
    assert [bus.name for bus in plan.buses] == ["can0", "bms", "second", "mppt"]
    _, first, second_bus, third = plan.buses
    assert first.messages == second_bus.messages
    assert {plan.records[message.record].measurement for message in first.messages} >= {
        "JbdBasic",
        "JbdCells",
    }
    assert all(plan.records[message.record].hidden for message in (*first.messages, *third.messages))
    assert len({record.measurement for record in plan.records}) == len(plan.records)


def test_what_a_protocol_means_has_the_tags_of_its_device(tmp_path: Path) -> None:
    entries = list(settings_of(tmp_path, BMS + 'pack = "house"\n').map_entries())
    assert {(entry.bus, entry.pack) for entry in entries} == {("bms", "house")}
    fields = {entry.to: entry for entry in entries}
    assert fields["battery.current_a"].scale == 1.0
    assert "event.cell_overvoltage" in fields


def test_a_current_that_counts_the_other_way_is_inverted_and_nothing_else(tmp_path: Path) -> None:
    as_it_is = list(settings_of(tmp_path, BMS).map_entries())
    inverted = list(settings_of(tmp_path, BMS + "invert_current = true\n").map_entries())
    changed = [entry.to for entry, other in zip(inverted, as_it_is, strict=True) if entry != other]
    assert changed == ["battery.current_a"]
    assert {entry.scale for entry in inverted if entry.to in changed} == {-1.0}


def test_a_power_that_is_reported_beside_the_current_is_inverted_with_it(tmp_path: Path) -> None:
    victron = BMS.replace("jbd", "vedirect") + "invert_current = true\n"
    entries = settings_of(tmp_path, victron).map_entries()
    assert [entry.to for entry in entries if entry.scale == -1.0] == [
        "battery.current_a",
        "battery.power_w",
        "charger.current_a",
        "meter.current_a",
        "meter.power_w",
    ]


def test_a_source_that_was_not_started_touches_nothing(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, BMS + 'capture = "bms.capture"\n')
    source = settings.make_source(Start(FakeClock(), lambda _: 0))
    assert (source.name, source.status) == ("bms", "stopped")
    assert set(source.counts().values()) == {0}
    assert not (tmp_path / "bms.capture").exists()


def findings(tmp_path: Path, serial: str, level: Grade) -> str:
    found = check(load(tmp_path, serial))
    return "\n".join(finding.text for finding in found if finding.level is level)


@pytest.mark.parametrize(("key", "timeout_s"), [("", 0.5), ("reply_timeout_s = 2.5\n", 2.5)])
def test_an_answer_is_late_after_the_time_that_is_set(tmp_path: Path, key: str, timeout_s: float) -> None:
    clock = FakeClock()
    asking = settings_of(tmp_path, BMS + key).make_source(Start(clock, lambda _: 0))._turns
    asking.opened()
    while asking.due() is None:
        clock.advance(asking.wait_s())
    asking.asked()
    clock.advance(timeout_s - 0.01)
    assert not asking.is_late()
    clock.advance(0.02)
    assert asking.is_late()


def test_what_is_asked_most_often_is_asked_as_often_as_is_set(tmp_path: Path) -> None:
    clock = FakeClock()
    settings = settings_of(tmp_path, BMS + "poll_every_s = 5\n")
    asking = settings.make_source(Start(clock, lambda _: 0))._turns
    answers = {request.to(0): request.reply_id for request in PROTOCOLS["jbd"].requests}
    asked: list[bytes] = []
    asking.opened()
    while clock.monotonic_s() < 100.0:
        request = asking.due()
        if request is None:
            clock.advance(max(asking.wait_s(), 0.01))
            continue
        asking.asked()
        asked.append(request)
        asking.took(0, answers[request])
    assert max(map(asked.count, asked)) in (20, 21)


def test_check_reports_what_it_can_of_a_port_without_opening_it(tmp_path: Path) -> None:
    absent = findings(tmp_path, BMS, Grade.WARNING)
    assert "source bms: port /dev/serial/by-id/usb-BMS is not there yet: JBD" in absent
    (tmp_path / "port").symlink_to("/dev/null")
    present = BMS.replace("/dev/serial/by-id/usb-BMS", str(tmp_path / "port"))
    assert f"port {tmp_path}/port: JBD" in findings(tmp_path, present, Grade.FACT)
    remote = BMS.replace("/dev/serial/by-id/usb-BMS", "socket://terminal:4001")
    assert "port socket://terminal:4001: JBD" in findings(tmp_path, remote, Grade.FACT)


def test_check_names_the_group_to_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "port").symlink_to("/dev/null")
    monkeypatch.setattr("telemetry.service.check.os.access", lambda path, _: path.name != "port")
    faults = findings(tmp_path, BMS.replace("/dev/serial/by-id/usb-BMS", str(tmp_path / "port")), Grade.FAULT)
    assert f"port {tmp_path}/port: permission denied (add this user to the group dialout)" in faults


def test_check_warns_of_a_name_that_changes_when_it_is_plugged_in_again(tmp_path: Path) -> None:
    warnings = findings(tmp_path, BMS.replace("/dev/serial/by-id/usb-BMS", "/dev/ttyUSB7"), Grade.WARNING)
    assert (
        "its number may change when it is plugged in again (take its link in /dev/serial/by-id)" in warnings
    )


TCP = '[[serial]]\nname = "meter"\nport = "tcp://meter.local"\nprotocol = "modbus"\nregisters = "pzem_017"\n'


def test_a_modbus_device_may_be_behind_tcp(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, TCP)
    assert settings.port == "tcp://meter.local"
    ((grade, said),) = settings.presence()
    assert grade is Grade.FACT
    assert said == "port tcp://meter.local: Peacefair PZEM-003 or PZEM-017 DC meter, Modbus/TCP"


def test_devices_of_different_line_settings_share_a_connection(tmp_path: Path) -> None:
    one, two = "".join(TCP.splitlines(keepends=True)[3:]), 'protocol = "daly_modbus"\n'
    port = "".join(TCP.splitlines(keepends=True)[:3])
    devices = f'[[serial.device]]\nname = "one"\n{one}[[serial.device]]\nname = "two"\n{two}'
    assert [device.name for device in settings_of(tmp_path, port + devices).devices] == ["one", "two"]


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("tcp://meter.local", "tcp://", "serial[0].port: 'tcp://' is not tcp://HOST"),
        (
            'protocol = "modbus"\nregisters = "pzem_017"',
            'protocol = "jbd"',
            "jbd is not Modbus, which tcp:// speaks",
        ),
        ('protocol = "modbus"', 'baud_rate = 9600\nprotocol = "modbus"', "baud_rate: is not for tcp://"),
    ],
)
def test_what_tcp_does_not_have_is_refused(tmp_path: Path, good: str, bad: str, words: str) -> None:
    assert words in refused(tmp_path, TCP.replace(good, bad))


def test_a_map_of_registers_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    text = 'title = "mine"\n[[register]]\nname = "v"\nregister = 0\nto = "meter.voltage_v"\n'
    (tmp_path / "mine.toml").write_text(text)
    (device,) = settings_of(tmp_path, TCP.replace("pzem_017", "mine.toml")).devices
    assert device.registers == tmp_path / "mine.toml"


def test_the_lines_of_a_port_are_settings(tmp_path: Path) -> None:
    assert settings_of(tmp_path, BMS).control == ControlLines(dtr=True, rts=True, rs485=None)
    written = "dtr = false\nrs485 = { rts_on_send = false, delay_before_ms = 2, delay_after_ms = 5 }\n"
    assert settings_of(tmp_path, BMS + written).control == ControlLines(
        dtr=False, rts=True, rs485=Rs485(rts_on_send=False, delay_before_ms=2, delay_after_ms=5)
    )


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (
            "rs485 = { delay_after_ms = 2 }",
            "serial[0].rs485.rts_on_send: is missing (true for most adapters)",
        ),
        ("rs485 = { rts_on_send = 1 }", "serial[0].rs485.rts_on_send: must be true or false"),
        ("rs485 = { rts_on_send = true, delay_ms = 2 }", "serial[0].rs485.delay_ms: unknown key"),
        (
            "rs485 = { rts_on_send = true, delay_after_ms = 1001 }",
            "rs485.delay_after_ms: must be from 0 to 1000",
        ),
        ("rs485 = true", "serial[0].rs485: must be a table"),
        ("rts = false\nrs485 = { rts_on_send = true }", "serial[0].rts: is what rs485 switches"),
    ],
)
def test_lines_that_cannot_be_are_refused(tmp_path: Path, written: str, words: str) -> None:
    assert words in refused(tmp_path, BMS + written + "\n")


@pytest.mark.parametrize("port", ["socket://127.0.0.1:7000", "rfc2217://127.0.0.1:7000", "tcp://127.0.0.1"])
def test_the_transmitter_of_another_machine_is_not_ours_to_switch(tmp_path: Path, port: str) -> None:
    remote = BMS.replace("/dev/serial/by-id/usb-BMS", port).replace('"jbd"', '"daly_modbus"')
    assert "rs485: is for a port of this machine" in refused(
        tmp_path, remote + "rs485 = { rts_on_send = true }\n"
    )
