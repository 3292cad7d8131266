"""ANT boards: what the traps of their two protocols come to."""

from dataclasses import replace

import pytest
from telemetry_core.frames.batch import FrameBatch

from firmware_sim.wire import ant_new as wire_new
from firmware_sim.wire import ant_old as wire_old
from telemetry.protocols.serial.ant_new import ANT_NEW, DEVICE_REQUEST, STATUS_REQUEST
from telemetry.protocols.serial.ant_old import ANT_OLD, REQUEST
from telemetry.protocols.table import SerialProtocol
from tests.support.serial_rows import Value, alarms_of, heard_by, rows_of
from tests.unit.protocols.test_boards import ORDINARY

OLD, NEW = wire_old.AntOldFirmware(), wire_new.AntNewFirmware()


def battery(protocol: SerialProtocol, said: bytes) -> dict[str, Value]:
    return dict(rows_of(protocol, said))["battery"]


def with_states(charge: int, discharge: int, balancer: int) -> dict[str, bytes]:
    """Return a status of each kind with these numbers."""
    old = bytearray(wire_old.status(ORDINARY, OLD))
    old[103:106] = bytes((charge, discharge, balancer))
    old[138:140] = (sum(old[4:138]) & 0xFFFF).to_bytes(2, "big")
    said = wire_new.status(ORDINARY, NEW)
    data = bytearray(said[6:-4])
    at = 28 + 2 * len(ORDINARY.cells_v) + 2 * len(ORDINARY.sensors_c) + 12
    data[at : at + 3] = bytes((charge, discharge, balancer))
    return {"ant_old": bytes(old), "ant_new": wire_new.frame(0x11, 0, len(data), bytes(data))}


def test_requests_are_the_published_ones_and_their_echoes_are_no_values() -> None:
    assert bytes.fromhex("5A5A00000101") == REQUEST
    assert bytes.fromhex("7EA1010000BE1855AA55") == STATUS_REQUEST
    assert bytes.fromhex("7EA1026C022058C4AA55") == DEVICE_REQUEST
    for asked in (REQUEST, bytes.fromhex("5A5A00000000"), bytes.fromhex("DBDB00000000")):
        assert heard_by(ANT_OLD, asked)[1]["echoes"] == 1
    assert heard_by(ANT_NEW, STATUS_REQUEST + DEVICE_REQUEST)[1]["echoes"] == 2


def test_the_header_is_not_part_of_the_old_sum() -> None:
    said = wire_old.status(ORDINARY, OLD)
    with_header = said[:138] + (sum(said[:138]) & 0xFFFF).to_bytes(2, "big")
    assert rows_of(ANT_OLD, with_header) == []
    assert heard_by(ANT_OLD, with_header)[1]["lost/bad_checksum"] == 1


def test_the_old_current_is_turned_and_the_new_one_is_not() -> None:
    charging = replace(ORDINARY, current_a=10.0)
    assert int.from_bytes(wire_old.status(charging, OLD)[70:74], "big", signed=True) == -100
    assert battery(ANT_OLD, wire_old.status(charging, OLD))["current_a"] == 10.0
    turned = wire_new.AntNewFirmware(discharge_is_positive=True)
    assert battery(ANT_NEW, wire_new.status(charging, NEW))["current_a"] == 10.0
    assert battery(ANT_NEW, wire_new.status(charging, turned))["current_a"] == -10.0


def test_a_capacity_of_0_is_left_out() -> None:
    said = wire_old.status(ORDINARY, wire_old.AntOldFirmware(reports_capacity=False))
    assert "capacity_ah" not in battery(ANT_OLD, said)
    assert battery(ANT_OLD, said)["remaining_ah"] == pytest.approx(64.123)


def test_40_below_zero_is_a_sensor_that_is_not_fitted() -> None:
    cold = replace(ORDINARY, sensors_c=(-39.0, -40.0, None, 5.0), ambient_c=-40.0)
    for protocol, said in ((ANT_OLD, wire_old.status(cold, OLD)), (ANT_NEW, wire_new.status(cold, NEW))):
        rows = dict(rows_of(protocol, said))
        assert {name: value for name, value in rows["cells"].items() if name[0] == "t"} == {
            "t001": -39.0,
            "t004": 5.0,
        }
        assert "temp_balancer_c" not in rows["battery"]


@pytest.mark.parametrize("protocol", [ANT_OLD, ANT_NEW], ids=["old", "new"])
@pytest.mark.parametrize(
    ("charge", "discharge", "codes"),
    [
        (1, 1, []),
        (0, 0, []),
        (4, 1, []),  # full
        (2, 1, ["cell_overvoltage"]),
        (3, 1, ["charge_overcurrent"]),
        (5, 1, ["pack_overvoltage"]),
        (6, 1, ["charge_overtemperature"]),
        (7, 1, ["overtemperature"]),
        (10, 1, ["overtemperature"]),
        (8, 1, ["sensor_fault"]),
        (9, 1, ["sensor_fault"]),
        (13, 1, ["bms_fault"]),
        (15, 1, ["switch_locked"]),
        (1, 2, ["cell_undervoltage"]),
        (1, 3, ["discharge_overcurrent"]),
        (1, 5, ["pack_undervoltage"]),
        (1, 6, ["discharge_overtemperature"]),
        (1, 12, ["short_circuit"]),
        (1, 14, ["bms_fault"]),
        (1, 15, ["switch_locked"]),
    ],
)
def test_the_states_of_the_mosfets_say_why_they_are_off(
    protocol: SerialProtocol, charge: int, discharge: int, codes: list[str]
) -> None:
    said = with_states(charge, discharge, 0)[protocol.name]
    assert alarms_of(protocol, said) == codes
    values = battery(protocol, said)
    assert (values["charge_enabled"], values["discharge_enabled"]) == (charge == 1, discharge == 1)


@pytest.mark.parametrize(("state", "balancing"), [(0, False), (1, False), (4, True), (10, False)])
def test_balancing_is_one_state_of_the_balancer(state: int, balancing: bool) -> None:
    for name, said in with_states(1, 1, state).items():
        assert battery({"ant_old": ANT_OLD, "ant_new": ANT_NEW}[name], said)["balancing"] is balancing


def test_the_new_boards_words_are_reported_as_they_are() -> None:
    said = wire_new.status(ORDINARY, wire_new.AntNewFirmware(protection_word=1 << 40, warning_word=5))
    assert battery(ANT_NEW, said)["protection_word"] == 1 << 40
    assert battery(ANT_NEW, said)["balance_word"] == 1 << 13 | 1


def test_a_new_status_that_counts_more_than_it_holds_says_nothing() -> None:
    data = bytearray(wire_new.status(ORDINARY, NEW)[6:-4])
    data[3] += 1  # one cell more
    said = wire_new.frame(0x11, 0, len(data), bytes(data))
    assert rows_of(ANT_NEW, said) == []
    assert heard_by(ANT_NEW, said)[1]["lost/bad_length"] == 1


@pytest.mark.parametrize("trailer", [wire_new.DEVICE_TRAILER, b""])
def test_a_new_board_says_what_it_is_in_six_bytes_more_than_its_length_says(trailer: bytes) -> None:
    framer = ANT_NEW.make_framer()
    said = wire_new.device(replace(NEW, device_trailer=trailer))
    assert (len(said), said[5]) == (42 + len(trailer), 32)
    framer.feed(said, 1, FrameBatch(1024))
    assert framer.identity() == {"hardware": "24AHA10AT00K10A", "firmware": "24AHA100-211024A"}
    assert framer.counts()["garbage_bytes"] == 0


def test_a_setting_that_another_program_read_does_not_say_what_a_board_is() -> None:
    framer = ANT_NEW.make_framer()
    framer.feed(wire_new.frame(wire_new.DEVICE, 0x0000, 2, b"\x36\x10"), 1, FrameBatch(1024))
    assert framer.identity() == {}
    assert framer.counts()["other_messages"] == 1
