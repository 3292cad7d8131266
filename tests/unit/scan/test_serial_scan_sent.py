"""What a scan sends to a line: what it announces, nothing that writes, and nothing risky unasked."""

from dataclasses import replace
from functools import partial

import pytest

from telemetry.framing.framing import NO_ADDRESS
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import UNJUDGED
from telemetry.scan.probes import follow_ups, scanned, settings_of
from telemetry.scan.serial_scan import Waits, silent_s
from tests.support.clock import FakeClock
from tests.support.scanned_line import LINES, line_of, on_a_line, scan

MOST_S = 25.0  # somebody waits; room for some protocols to come, half a second and more for each


def announced(*, risky: bool = False) -> list[tuple[int, str, bytes]]:
    return [
        (setting.baud_rate, setting.line.parity, probe.data)
        for is_usual in (True, False)
        for setting in settings_of(scanned(), risky=risky)
        for probe in setting.probes
        if probe.is_usual == is_usual
    ]


def test_to_a_silent_line_all_is_sent_that_was_announced_and_nothing_else() -> None:
    for risky in (False, True):
        line = on_a_line()
        assert not scan(line, risky=risky).found
        assert line.sent == announced(risky=risky)


@pytest.mark.parametrize("protocol", sorted(set(LINES) - {"dlt645", "vedirect"}))
def test_to_a_device_that_answers_nothing_is_sent_that_was_not_announced(protocol: str) -> None:
    line = line_of(protocol, FakeClock())
    assert scan(line, risky=True).found
    probes = [probe for setting in settings_of(scanned(), risky=True) for probe in setting.probes]
    after = {data for probe in probes for meant in probe.meant for data in follow_ups(meant)}
    sent = [data for _, _, data in line.sent]
    extra = [data for data in sent if data not in {probe.data for probe in probes}]
    assert set(extra) <= after
    asked = PROTOCOLS[protocol].requests[1:] if protocol != "modbus" else ()
    assert len(extra) >= len(asked)


def test_what_is_sent_is_what_the_protocols_tables_ask_for_or_its_maps() -> None:
    """By the tables themselves, for every address: nothing writes."""
    for setting in settings_of(scanned(), risky=True):
        for probe in setting.probes:
            for meant in probe.meant:
                if meant.protocol.name == "modbus":
                    assert probe.data[1] in (3, 4)
                else:
                    table = PROTOCOLS[meant.protocol.name]
                    assert probe.data in [request.to(meant.address) for request in table.requests]


def test_risky_requests_are_sent_only_if_asked_for() -> None:
    safe = {data for _, _, data in announced()}
    for name in ("jk_55aa", "ant_old", "vedirect_hex"):
        table = PROTOCOLS[name]
        address = table.addresses.default if table.addresses else NO_ADDRESS
        assert not safe & {request.to(address) for request in table.requests}
    assert {data for _, _, data in announced(risky=True)} > safe


def test_a_protocol_that_nobody_has_judged_is_risky() -> None:
    unknown = replace(PROTOCOLS["jbd"], scan=UNJUDGED)
    assert [len(settings_of([unknown], risky=risky)[0].probes) for risky in (False, True)] == [0, 1]


def test_two_more_devices_with_sixteen_addresses_each_fit_into_the_time() -> None:
    daly = PROTOCOLS["daly"]
    more = [
        replace(
            daly, requests=(replace(daly.requests[0], data=partial(lambda start, at: start * at, start)),)
        )
        for start in (b"one", b"two")
    ]
    settings = settings_of([*scanned(), *more])
    assert sum(len(setting.probes) for setting in settings) == len(announced()) + 32
    assert silent_s(settings, Waits()) < MOST_S


def test_a_silent_line_takes_as_long_as_was_said_and_less_than_half_a_minute() -> None:
    line = on_a_line()
    scan(line)
    said_s = silent_s(settings_of(scanned()), Waits())
    assert line.clock.monotonic_s() == pytest.approx(said_s, rel=0.05)
    assert line.clock.monotonic_s() < MOST_S
