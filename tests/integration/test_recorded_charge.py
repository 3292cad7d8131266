"""The session in a charge that others recorded, and in frames of the same kind that stand here."""

import struct
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest

from telemetry.decode.sessions import collect_sessions
from tests.support.recording import recordings

# Handshake, BRM by RTS and CTS, a limit, ten seconds of charging; then CCS is gone and the vehicle says so.
START = """\
(1700000000.000000) can0 1826F456#010100
(1700000000.010000) can0 182756F4#8E17
(1700000001.000000) can0 1801F456#0001FFFFFFFFFFFF
(1700000001.010000) can0 1CEC56F4#10310007FF000200
(1700000001.020000) can0 1CECF456#110701FFFF000200
(1700000001.030000) can0 1CEB56F4#0101010006B40039
(1700000001.040000) can0 1CEB56F4#02134B4C49450100
(1700000001.050000) can0 1CEB56F4#0300001E01010100
(1700000001.060000) can0 1CEB56F4#040001FF00000000
(1700000001.070000) can0 1CEB56F4#0500000000000000
(1700000001.080000) can0 1CEB56F4#0600000000000083
(1700000001.090000) can0 1CEB56F4#07FFFFFFFFFFFFFF
(1700000001.100000) can0 1801F456#AA01FFFFFFFFFFFF
(1700000001.110000) can0 1808F456#581BD007D80EA00F
(1700000001.120000) can0 100956F4#AA
(1700000001.130000) can0 100AF456#AA
"""
CHARGING_S, ERROR_S = 10, 5


def made_log() -> str:
    lines = [START.rstrip()]
    for step in range(CHARGING_S * 20):
        stamp_s = 1_700_000_002 + step / 20
        lines.append(f"({stamp_s:.6f}) can0 181056F4#5217820F02")
        if step < (CHARGING_S - 2) * 20:
            lines.append(f"({stamp_s:.6f}) can0 1812F456#1E15830F0000FDFF")
    for step in range(ERROR_S * 4):
        lines.append(f"({1_700_000_012 + step / 4:.6f}) can0 081E56F4#F0F0F1FC")
    return "\n".join(lines) + "\n"


def test_a_charge_whose_vehicle_misses_the_charger_ends_in_its_error(tmp_path: Path) -> None:
    log = tmp_path / "charge.log"
    log.write_text(made_log(), "ascii")
    (session,) = collect_sessions([log])
    assert (session.outcome, session.stop_side, session.stop_reason) == ("error", "vehicle", "ccs_timeout")
    assert (session.pack, session.maker, session.edition) == ("KLIE-00000001", "KLIE", "2015")
    assert [phase.phase for phase in session.phases] == [
        *("handshake", "recognition", "configuration", "charging")
    ]
    assert session.energy_charger_wh == pytest.approx(540.6 * 2.9 * 7.95 / 3600, rel=1e-6)
    assert (session.max_voltage_v, session.max_current_a) == (700.0, 20.0)


def differences(log: Path) -> Iterator[tuple[float, float]]:
    """Yield charger's less vehicle's voltage and current at each CCS, where both have current."""
    vehicle, parts = (0.0, 0.0), b""
    for line in log.read_text("ascii").splitlines():
        identifier, _, digits = line.rpartition(" ")[2].partition("#")
        data = bytes.fromhex(digits)
        if identifier == "1CEC56F4" and data[0] == 0x10:  # RTS
            awaited, parts = data[5:7], b""
        elif identifier == "1CEB56F4":
            parts += data[1:]
            if awaited == b"\x00\x11" and len(parts) > 8:
                vehicle = electrical(parts)
        elif identifier == "1812F456":
            charger = electrical(data)
            if charger[1] and vehicle[1]:
                yield charger[0] - vehicle[0], charger[1] - vehicle[1]


def electrical(data: bytes) -> tuple[float, float]:
    """Return volts and amperes of BCS or CCS; charging counts down from 400 A."""
    voltage, current = struct.unpack_from("<HH", data)
    return voltage / 10, (4000 - current) / 10


@pytest.mark.optional
def test_voltages_of_a_recorded_charge_are_compared_while_current_flows() -> None:
    """The charger has 4 V before, the vehicle 490 V; CCS comes at even intervals."""
    log = recordings() / "gbt27930" / "session.log"
    (session,) = collect_sessions([log])
    volts, amperes = zip(*differences(log), strict=True)
    assert len(volts) > 150
    assert session.voltage_difference_mean_v == pytest.approx(fmean(volts), abs=0.2)
    assert session.current_difference_mean_a == pytest.approx(fmean(amperes), abs=0.03)


@pytest.mark.optional
def test_a_recorded_charge_ends_in_the_error_of_the_vehicle() -> None:
    (session,) = collect_sessions([recordings() / "gbt27930" / "session.log"])
    assert (session.outcome, session.stop_side, session.stop_reason) == ("error", "vehicle", "ccs_timeout")
    assert (session.attempts, session.rated_ah, session.battery_type) == (1, 18.0, "NCM/NCA")
    assert {(error.side, error.what) for error in session.errors} == {("vehicle", "ccs_timeout")}
