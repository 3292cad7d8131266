"""telemetry/scan/findings.py: what is printed is a configuration, whatever was found."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.config import load_config
from telemetry.protocols.table import EIGHT_N_ONE
from telemetry.scan import findings as scan_findings
from telemetry.scan.findings import PortFindings, as_json, port_words, untried_words, words_of
from telemetry.scan.probes import scanned, settings_of
from telemetry.scan.serial_scan import FoundDevice, LineReport, LineScan, Waits
from telemetry.scan.toml_words import SourceNames
from telemetry.settings.text import parse_toml
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.configuration import GATEWAY
from tests.support.scanned_line import LINES, ScannedLine, board, line_of, pzem, simulated, unknown_modbus


def findings(line: ScannedLine, port: str = "/dev/ttyUSB0", *, risky: bool = False) -> PortFindings:
    with StopSignal() as stop:
        scan = LineScan(line.link_at, line.clock, Waits(), speaks_always=risky)
        return PortFindings(port, scan.run(settings_of(scanned(), risky=risky), stop))


def configuration(ports: Sequence[PortFindings]) -> str:
    return scan_findings.configuration(ports, SourceNames())


def loaded(text: str, tmp_path: Path) -> list[SerialSettings]:
    (tmp_path / "gateway.toml").write_text(GATEWAY + text)
    sources = load_config(tmp_path / "gateway.toml", {}).sources
    assert all(isinstance(source, SerialSettings) for source in sources)
    return [source for source in sources if isinstance(source, SerialSettings)]


@pytest.mark.parametrize("protocol", LINES)
def test_what_is_printed_is_a_configuration_of_the_device(protocol: str, tmp_path: Path) -> None:
    line = line_of(protocol, FakeClock())
    (source,) = loaded(configuration([findings(line, risky=True)]), tmp_path)
    (device,) = source.devices
    assert (source.port, device.protocol) == ("/dev/ttyUSB0", protocol)
    assert (source.baud_rate, source.line.parity) == (line.baud_rate, line.line.parity)


def test_settings_that_were_not_tried_are_named_where_something_was_found() -> None:
    others = "19200 baud 8N1, 115200 baud 8N1, 2400 baud 8E1, 2400 baud 8N1"
    for number, settings in (
        (1, others),
        (3, "115200 baud 8N1"),
    ):  # 3 is no usual address
        words = untried_words(findings(ScannedLine(FakeClock(), [board(number)])))
        assert words == f"not wholly tried: {settings}; --protocol NAME looks for others"
    assert untried_words(findings(ScannedLine(FakeClock()))) == ""


def test_a_port_that_was_pulled_out_says_so_beside_what_was_found(tmp_path: Path) -> None:
    line = ScannedLine(FakeClock(), [board(3)])
    port = replace(findings(line), trouble="vanished in the middle of the scan: Input/output error")
    text = configuration([port])
    assert "# It vanished in the middle of the scan: Input/output error. There may be more devices" in text
    assert len(loaded(text, tmp_path)) == 1
    assert as_json(port)["state"] == port.trouble


def test_what_a_device_measures_stands_beside_its_name() -> None:
    text = configuration([findings(ScannedLine(FakeClock(), [board(3)]))])
    assert f"address 3, 4 cells, 13.3 V, -12 A, {13.3 * -12:g} W, 61 %\n" in text


def test_devices_on_one_line_are_devices_of_one_port_with_packs_of_their_own(tmp_path: Path) -> None:
    line = ScannedLine(FakeClock(), [board(3), board(4), pzem(9)])
    (source,) = loaded(configuration([findings(line)]), tmp_path)
    assert [(one.name, one.address, one.pack) for one in source.devices] == [
        ("daly-3", 3, "daly-3"),
        ("daly-4", 4, "daly-4"),
        ("modbus-9", 9, "main"),
    ]
    assert (source.baud_rate, source.line.stop_bits, source.devices[2].registers is not None) == (
        9600,
        2,
        True,
    )


def test_a_meter_without_parity_is_one_in_the_configuration_too(tmp_path: Path) -> None:
    line = ScannedLine(FakeClock(), [LINES["dlt645"][0]()], 2400)
    (source,) = loaded(configuration([findings(line)]), tmp_path)
    assert (source.devices[0].protocol, source.baud_rate, source.line) == ("dlt645", 2400, EIGHT_N_ONE)


def test_two_ports_with_one_kind_of_device_have_names_of_their_own(tmp_path: Path) -> None:
    ports = [
        findings(ScannedLine(FakeClock(), [simulated("seplos_v2")], 9600), f"/dev/ttyUSB{n}") for n in (0, 1)
    ]
    first, second = loaded(configuration(ports), tmp_path)
    assert [source.name for source in (first, second)] == ["seplos_v2", "seplos_v2-2"]
    assert [source.devices[0].pack for source in (first, second)] == ["seplos_v2", "seplos_v2-2"]
    assert {source.baud_rate for source in (first, second)} == {9600}


def test_a_modbus_device_without_a_map_is_a_comment(tmp_path: Path) -> None:
    alone = configuration([findings(ScannedLine(FakeClock(), [unknown_modbus(4)]))])
    assert parse_toml(alone, tmp_path) == {}
    assert "address = 4" in alone
    with_others = configuration([findings(ScannedLine(FakeClock(), [board(1), unknown_modbus(4)]))])
    (source,) = loaded(with_others, tmp_path)
    assert [one.protocol for one in source.devices] == ["daly"]


@pytest.mark.parametrize("words", ['a"b', "a\nb = 1", "\x7f\x1b[2J", "\\", "'''", "ü 电池"])
def test_nothing_that_a_device_or_a_port_is_called_breaks_the_configuration(
    words: str, tmp_path: Path
) -> None:
    found = findings(line_of("jbd", FakeClock())).report.found[0]
    named = replace(found, identity={"model": words})
    text = configuration([PortFindings(f"/dev/{words}", LineReport([named]))])
    (source,) = parse_toml(text, tmp_path)["serial"]
    assert source["port"] == f"/dev/{words}"
    assert words_of(named).isprintable()


def test_a_port_as_plain_values_has_what_was_found() -> None:
    port = findings(line_of("pylontech", FakeClock()))
    (device,) = as_json(port)["devices"]
    assert device.items() >= {"protocol": "pylontech", "address": "2", "cells": 14}.items()
    assert device["identity"]["serial number"]
    absent = PortFindings("/dev/ttyUSB1", LineReport(), "there is no such port")
    assert as_json(absent) == {"port": "/dev/ttyUSB1", "devices": [], "state": "there is no such port"}


def test_a_port_without_devices_says_what_it_is_like() -> None:
    silent, strange = "nobody talks, and nobody answers", {"9600 baud": 9}
    for report, words in (
        (LineReport(), silent),
        (LineReport(is_whole=False), f"{silent}; not all was tried in time"),
        (LineReport(refused=["2400 baud 8E1"]), f"{silent}; it cannot be set to 2400 baud 8E1"),
        (
            LineReport(talks=True, strange_bytes=strange),
            "something talks on this line that no protocol reads (9 bytes at 9600 baud); nothing was sent",
        ),
        (
            LineReport(strange_bytes=strange),
            "what answers is of no known protocol (9 bytes at 9600 baud)",
        ),
        (
            LineReport(talks=True, other_master=True),
            "another master asks on this line, and no answer that is known was heard; nothing was sent",
        ),
    ):
        assert port_words(PortFindings("x", report)) == words


def test_what_was_sent_where_somebody_talks_is_said() -> None:
    line = ScannedLine(FakeClock(), babbles=b"$GPRMC,123519,A,4807.038,N\r\n")
    port = findings(line, risky=True)
    assert line.sent
    assert port_words(port).endswith(f"; {len(line.sent)} requests were sent")


def test_what_others_on_the_line_say_of_themselves_is_not_said_of_a_device() -> None:
    found = findings(line_of("pylontech", FakeClock())).report.found[0]
    identity = {"serial number of 02": "K2", "serial number of 03": "K3", "firmware": "1.1"}
    named: FoundDevice = replace(found, identity=identity)
    assert "serial number K2" in words_of(named)
    assert "K3" not in words_of(named)


def test_what_of_a_line_is_usual_is_left_out_and_what_is_not_stands_there() -> None:
    usual = configuration([findings(line_of("jbd", FakeClock()))])
    assert not any(key in usual for key in ("baud_rate", "parity", "stop_bits", "address"))
    other = configuration([findings(ScannedLine(FakeClock(), [LINES["dlt645"][0]()], 2400))])
    assert 'parity = "N"' in other
    assert 'address = "' in other
    assert "address = 3\n" in configuration([findings(ScannedLine(FakeClock(), [board(3)]))])


def test_a_device_without_an_address_is_called_by_its_protocol_beside_another(tmp_path: Path) -> None:
    both = [simulated("daly:1"), simulated("jbd")]
    (source,) = loaded(configuration([findings(ScannedLine(FakeClock(), both), risky=True)]), tmp_path)
    assert sorted((each.name, each.protocol) for each in source.devices) == [
        ("daly-1", "daly"),
        ("jbd", "jbd"),
    ]


@given(st.lists(st.sampled_from(["jbd", "jbd-2", "jbd-2-2", "a b", "a_b", "", "x" * 99])))
def test_names_of_sources_differ_whatever_is_wanted(wanted: list[str]) -> None:
    names = SourceNames()
    given_names = [names.new(one) for one in wanted]
    assert len(set(given_names)) == len(wanted)
    assert max(map(len, given_names), default=0) <= 64
