"""Elcon, Huawei and Infypower: frames of references, each trap of these buses, and several modules on one."""

from typing import Any

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.model.event_codes import EVENT_CODES
from telemetry.protocols.can.elcon import ELCON
from telemetry.protocols.can.elcon_extended import ELCON_EXTENDED
from telemetry.protocols.can.gbt27930 import GBT27930
from telemetry.protocols.can.huawei_r48xx import HUAWEI_R48XX
from telemetry.protocols.can.infypower import INFYPOWER
from telemetry.protocols.can.table import CanProtocol
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.resolve import model
from telemetry.stages.binding import Binding
from telemetry.stages.stages import Stages
from tests.support.can_protocols import frame_of, said
from tests.support.lineprotocol import Line, parse_lines


@pytest.mark.parametrize(
    ("frame", "values"),
    [
        ("1806E5F4 # 03 D4 00 A0 00 00 00 00", {"voltage_v": 98, "current_a": 16, "control": 0, "mode": 0}),
        ("1806E5F4 # 03 E8 02 58 00 01 00 00", {"voltage_v": 100, "current_a": 60, "control": 0, "mode": 1}),
        ("1806E5F4 # 0D C8 00 32 00 00 00 00", {"voltage_v": 352.8, "current_a": 5, "control": 0, "mode": 0}),
        ("1806E5F4 # 02 D0 00 0A 00 00 00 00", {"voltage_v": 72, "current_a": 1, "control": 0, "mode": 0}),
        (
            "1806E5F4 #02D0000A80810000",
            {"voltage_v": 72, "current_a": 1, "control": 128, "mode": 129},
        ),
    ],
)
@pytest.mark.parametrize("protocol", [ELCON, ELCON_EXTENDED], ids=["classic", "extended"])
def test_a_command_to_an_elcon_charger_is_big_endian(
    protocol: CanProtocol, frame: str, values: dict[str, Any]
) -> None:
    assert said(protocol, frame)[0] == ("ElconCommand", values)


# By byte and bit, as the references have them: the flag, and the code of its event, if it has one.
CLASSIC = {
    (4, 0): ("hardware_failure", "charger_fault"),
    (4, 1): ("overtemperature", "overtemperature"),
    (4, 2): ("input_wrong", "input_fault"),
    (4, 3): ("battery_absent", None),
    (4, 4): ("receive_timeout", "communication_lost"),
}
EXTENDED = {
    **{place: CLASSIC[place] for place in ((4, 0), (4, 1))},
    (4, 4): ("output_undervoltage", None),
    (4, 5): ("output_overvoltage", None),
    (4, 6): ("output_overcurrent", None),
    (4, 7): ("output_short", "short_circuit"),
    (5, 0): ("receive_timeout", "communication_lost"),
    (5, 3): ("initialised", None),
    (5, 4): ("fan_on", None),
    (5, 5): ("pump_on", None),
    (6, 2): ("cp_normal", None),
    (6, 3): ("socket_overtemperature", "overtemperature"),
    (6, 7): ("s2_closed", None),
}
INFY = {
    (7, 0): ("output_short", "short_circuit"),
    (7, 4): ("sleeping", None),
    (7, 5): ("discharge_abnormal", None),
    (6, 0): ("dc_side_off", None),
    (6, 1): ("fault", "charger_fault"),
    (6, 2): ("protection", None),
    (6, 3): ("fan_fault", None),
    (6, 4): ("over_temperature", "overtemperature"),
    (6, 5): ("output_overvoltage", None),
    (6, 6): ("walk_in", None),
    (6, 7): ("communication_lost", None),
    (5, 0): ("power_limited", None),
    (5, 1): ("address_conflict", None),
    (5, 2): ("load_sharing", None),
    (5, 3): ("phase_lost", None),
    (5, 4): ("phases_unbalanced", None),
    (5, 5): ("input_undervoltage", "input_fault"),
    (5, 6): ("input_overvoltage", "input_fault"),
    (5, 7): ("pfc_off", None),
}


@pytest.mark.parametrize(
    ("protocol", "id", "flags"),
    [
        (ELCON, "18FF50E5", CLASSIC),
        (ELCON_EXTENDED, "18FF50E5", EXTENDED),
        (INFYPOWER, "0284F000", INFY),
    ],
    ids=["classic", "extended", "infypower"],
)
def test_each_bit_of_a_status_is_one_flag_and_one_event(
    protocol: CanProtocol, id: str, flags: dict[tuple[int, int], tuple[str, str | None]]
) -> None:
    for (byte, bit), (name, code) in flags.items():
        data = bytearray(8)
        data[byte] = 1 << bit
        (_, status), *others = said(protocol, f"{id} # {data.hex()}")
        assert [flag for flag, _ in flags.values() if status[flag]] == [name]
        assert [values["code"] for what, values in others if what == "event"] == (
            [EVENT_CODES[code].number] if code else []
        )


def test_a_classic_status_has_five_flags() -> None:
    (message, values), *_ = said(ELCON, "18FF50E5 # 0C 0B 00 52 18 00 00 00")
    flags = {name: int(name in ("battery_absent", "receive_timeout")) for name, _ in CLASSIC.values()}
    assert (message, values) == ("ElconStatus", {"voltage_v": 308.3, "current_a": 8.2, **flags})


def test_an_extended_status_means_something_else_in_the_same_bits() -> None:
    status = said(ELCON_EXTENDED, "18FF50E5 # 0C 0B 00 52 88 13 8A 41")[0][1]
    assert {name: value for name, value in status.items() if value} == {
        "voltage_v": 308.3,
        "current_a": 8.2,
        "input_state": 2,
        "output_short": 1,
        "receive_timeout": 1,
        "working_state": 1,
        "fan_on": 1,
        "cc_state": 2,
        "socket_overtemperature": 1,
        "s2_closed": 1,
        "temperature_c": 25,
    }


def test_a_status_of_another_sender_is_not_elcons() -> None:
    """Its PGN, 65360, is open to every maker."""
    assert said(ELCON, "18FF50E7 # 0C 0B 00 52 00 00 00 00", "18FF5027 # 0C 0B 00 52 00 00 00 00") == []


def test_elcon_and_gbt27930_share_a_pgn_and_no_frame() -> None:
    assert said(GBT27930, "1806E5F4 # 03 D4 00 A0 00 00 00 00") == []
    assert said(ELCON, "1C0656F4 # 72 01 DA 05 2A 02 A5 10") == []


HUAWEI_REPLY = [  # of the README of a public controller
    ("1081407F # 01 70 00 00 00 01 A6 84", "input_power_w", 105.63),
    ("1081407F # 01 71 00 00 00 00 C8 0A", "input_frequency_hz", 50.01),
    ("1081407F # 01 72 00 00 00 00 01 C2", "input_current_a", 0.44),
    ("1081407F # 01 73 00 00 00 01 80 8E", "output_power_w", 96.14),
    ("1081407F # 01 74 00 00 00 00 03 A4", "efficiency", 0.910),
    ("1081407F # 01 75 00 00 00 00 D5 C8", "output_voltage_v", 53.45),
    ("1081407F # 01 78 00 00 00 03 C0 80", "input_voltage_v", 240.1),
    ("1081407F # 01 7F 00 00 00 00 64 00", "output_temperature_c", 25.0),
    ("1081407F # 01 80 00 00 00 00 70 00", "input_temperature_c", 28.0),
    ("1081407F # 01 81 00 00 00 00 07 B2", "output_current_a", 1.92),
]


@pytest.mark.parametrize(("frame", "name", "value"), HUAWEI_REPLY, ids=[each[1] for each in HUAWEI_REPLY])
def test_a_rectifier_answers_one_register_a_frame(frame: str, name: str, value: float) -> None:
    message, values = said(HUAWEI_R48XX, frame)[0]
    assert (message, list(values)) == ("HuaweiReply", [name])
    assert values[name] == pytest.approx(value, abs=0.03)
    assert values[name] * 1024 == int(frame[-11:].replace(" ", ""), 16)  # exact


def test_a_register_of_which_the_unit_is_disputed_is_left_out() -> None:
    assert (
        said(HUAWEI_R48XX, "1081407F # 01 76 00 00 00 00 04 6A", "1081407F # 01 82 00 00 00 00 07 32") == []
    )


def test_bits_of_a_register_that_do_not_count_are_left_out_of_it() -> None:
    assert said(HUAWEI_R48XX, "1081407F # 31 75 00 00 00 00 D5 C8") == said(
        HUAWEI_R48XX, "1081407F # 01 75 00 00 00 00 D5 C8"
    )


@pytest.mark.parametrize("id", ["1081407E", "1085407F", "10FF407E"])
def test_the_last_frame_and_every_module_answer_alike(id: str) -> None:
    assert said(HUAWEI_R48XX, f"{id} # 01 75 00 00 00 00 D5 C8")[0][0] == "HuaweiReply"


@pytest.mark.parametrize("id", ["108140FE", "1081807E", "1001117E", "1081D27F", "1881407F"])
def test_requests_acknowledgements_and_descriptions_are_no_replies(id: str) -> None:
    assert said(HUAWEI_R48XX, f"{id} # 01 75 00 00 00 00 D5 C8") == []


def test_an_infypower_module_says_its_output_as_big_endian_floats() -> None:
    assert said(INFYPOWER, "0283F000 # 43 FA 00 00 40 60 00 00")[0] == (
        "InfyOutput",
        {"voltage_v": 500, "current_a": 3.5},
    )


def test_the_voltages_of_an_infypower_module_s_input_are_tenths() -> None:
    assert said(INFYPOWER, "0286F001 # 0F B4 0F A5 0F A7 00 00")[0] == (
        "InfyInput",
        {"voltage_ab_v": 402, "voltage_bc_v": 400.5, "voltage_ca_v": 400.7},
    )


@pytest.mark.parametrize("id", ["1683F000", "0E83F03B", "02C3F005"])
def test_an_error_code_in_the_id_a_module_or_a_group_changes_no_meaning(id: str) -> None:
    assert said(INFYPOWER, f"{id} # 43 FA 00 00 40 60 00 00")[0][0] == "InfyOutput"


def test_a_request_of_the_controller_is_no_answer() -> None:
    assert said(INFYPOWER, "028300F0 # 00 00 00 00 00 00 00 00") == []


def test_an_infypower_setting_is_in_thousandths() -> None:
    assert said(INFYPOWER, "029C00F0 # 00 07 A1 20 00 00 0D AC")[0] == (
        "InfySetting",
        {"voltage_v": 500, "current_a": 3.5},
    )


def test_an_infypower_status_has_a_signed_temperature_and_three_bytes_of_flags() -> None:
    status = said(INFYPOWER, "0284F000 # 00 00 00 00 F6 08 51 01")[0]
    assert status[0] == "InfyStatus"
    assert {name: value for name, value in status[1].items() if value} == {
        "ambient_temperature_c": -10,
        "output_short": 1,
        "dc_side_off": 1,
        "over_temperature": 1,
        "walk_in": 1,
        "phase_lost": 1,
    }


def test_a_float_that_is_no_number_is_left_out() -> None:
    assert said(INFYPOWER, "0283F000 # 7F C0 00 00 40 60 00 00")[0][1] == {"current_a": 3.5}
    assert said(INFYPOWER, "028CF000 # 0F A0 00 23 00 00 00 00")[0] == (
        "InfyExternal",
        {"voltage_v": 400, "available_current_a": 3.5},
    )


def rectifier(address: int, register: int, value: float) -> str:
    """Return an answer of the module with that address."""
    return f"10{0x80 + address:02X}407F # {register:04X} 0000 {round(value * 1024):08X}"


def two_rectifiers() -> list[str]:
    """Voltage and current of modules 1 and 2, three times, in turns."""
    answers = []
    for _ in range(3):
        answers += [rectifier(1, 0x175, 53.5), rectifier(2, 0x175, 48.0)]
        answers += [rectifier(2, 0x181, 30.0), rectifier(1, 0x181, 2.0)]
    return answers


def test_two_rectifiers_on_a_bus_are_never_mixed_and_the_second_is_reported() -> None:
    found = charger_rows(HUAWEI_R48XX, two_rectifiers())
    assert found == {"main": {"voltage_v": {53.5}, "current_a": {2.0}}}
    reports = second_senders(HUAWEI_R48XX, two_rectifiers())
    assert len(reports) == 1
    assert reports[0].startswith("HuaweiReply comes from senders 01 and 02; only 01 is taken.")


def test_rectifiers_that_a_map_names_are_chargers_of_their_own() -> None:
    entries = tuple(
        MapEntry(f"HuaweiReply.output_{field}", f"charger.{field}", sender=address, charger=name)
        for address, name in ((1, "rectifier-1"), (2, "rectifier-2"))
        for field in ("voltage_v", "current_a")
    )
    assert charger_rows(HUAWEI_R48XX, two_rectifiers(), entries) == {
        "rectifier-1": {"voltage_v": {53.5}, "current_a": {2.0}},
        "rectifier-2": {"voltage_v": {48.0}, "current_a": {30.0}},
    }


def test_infypower_modules_and_groups_are_never_mixed() -> None:
    """500 V of module 0; 400 V of module 5, with an error code in its id; 300 V of group 0."""
    frames = ["0283F000 # 43FA000040600000", "1283F005 # 43C8000040000000", "02C3F000 # 4396000040000000"] * 3
    settings = ["029C00F0 # 0007A12000001388", "029C05F0 # 00061A8000001388"] * 3
    found = charger_rows(INFYPOWER, frames + settings)
    assert found["main"]["voltage_v"] == {500.0}
    assert found["main"]["requested_voltage_v"] == {500.0}
    reports = second_senders(INFYPOWER, frames + settings)
    said_of = {report.partition(";")[0] for report in reports}
    assert said_of == {
        "InfyOutput comes from senders 00 and 05",
        "InfyOutput comes from senders 00 and 40",
        "InfySetting comes from senders 00 and 05",
    }
    entry = MapEntry("InfyOutput.voltage_v", "charger.voltage_v", sender=0x40, charger="group")
    assert charger_rows(INFYPOWER, frames, (entry,))["group"] == {"voltage_v": {300.0}}


def charger_rows(
    protocol: CanProtocol, frames: list[str], entries: tuple[MapEntry, ...] = ()
) -> dict[str, dict[str, set[float]]]:
    """Return each charger's values by field, but none derived; `entries` replace the protocol's own."""
    found: dict[str, dict[str, set[float]]] = {}
    for point in points(protocol, frames, entries):
        if point.measurement == "charger":
            for name, value in point.fields.items():
                if name != "power_w":
                    found.setdefault(point.tags["charger"], {}).setdefault(name, set()).add(float(value))
    return found


def second_senders(protocol: CanProtocol, frames: list[str]) -> list[str]:
    return [
        str(point.fields["text"])
        for point in points(protocol, frames)
        if point.measurement == "event" and "comes from senders" in str(point.fields["text"])
    ]


def points(protocol: CanProtocol, frames: list[str], entries: tuple[MapEntry, ...] = ()) -> list[Line]:
    """Return what becomes of the frames, 10 ms apart; `entries` replace the protocol's own."""
    plan = protocol.plan("bus")
    modelling = model(entries or protocol.map_entries("bus"), (), plan)
    stages = Stages(plan, modelling.map, modelling.alarms, vehicle="v")
    stages.bind(0, Binding(0, "bus", "can0"))
    lines, batch = LineBuffer(), FrameBatch(len(frames))
    for number, frame in enumerate(frames):
        batch.append(number * 10_000_000, *frame_of(frame))
    stages.process(batch, lines)
    return parse_lines(lines.take())
