"""From `[[protect]]` to rules: places, names, and the flag that marks wrong frames."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from telemetry_core.decode.spec import BusSpec, PlanSpec
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.spec import SlotKind
from telemetry_core.rules.protection_spec import Action, Checksum, DataId

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.errors import ConfigError
from telemetry.rules.protect import ProtectedPlan, protect
from telemetry.rules.protect_entry import (
    COUNTER,
    CRC8_J1850,
    E2E_1_LOW,
    E2E_1A,
    E2E_1B,
    E2E_1C,
    E2E_2,
    E2E_5,
    PROFILES,
    ProtectEntry,
)
from telemetry.settings.document import Where
from tests.support.protected_plans import stage, through

DBC = """VERSION ""
BS_:
BU_: ECU
BO_ 768 Pack: 8 ECU
 SG_ Checksum : 7|8@0+ (1,0) [0|0] "" ECU
 SG_ Counter : 8|4@1+ (1,0) [0|0] "" ECU
 SG_ Odd : 12|5@0+ (1,0) [0|0] "" ECU
 SG_ Crc16 : 16|16@1+ (1,0) [0|0] "" ECU
 SG_ Crc16Big : 39|16@0+ (1,0) [0|0] "" ECU
 SG_ Wide : 40|17@1+ (1,0) [0|0] "" ECU
 SG_ protection_ok : 60|1@1+ (1,0) [0|0] "" ECU
BO_ 769 Pages: 8 ECU
 SG_ Page M : 16|8@1+ (1,0) [0|0] "" ECU
 SG_ Alive m1 : 24|4@1+ (1,0) [0|0] "" ECU
BO_ 770 Short: 1 ECU
 SG_ Only : 0|8@1+ (1,0) [0|0] "" ECU
BO_ 771 Twin: 8 ECU
 SG_ Alive : 8|4@1+ (1,0) [0|0] "" ECU
BO_ 772 Twin: 8 ECU
 SG_ Sum : 7|8@0+ (1,0) [0|0] "" ECU
BO_ 2566844926 State: 8 ECU
 SG_ Sum : 7|8@0+ (1,0) [0|0] "" ECU
"""
SYM = """FormatVersion=6.0 // Do not edit this line!
Title="pack"

{SENDRECEIVE}

[Pack]
ID=100h-102h
Len=8
Var=Alive unsigned 8,4
"""


def crc8_of(data: str) -> str:
    """SAE J1850's CRC by polynomial division: 0x1D, start and end 0xFF."""
    remainder = 0xFF
    for byte in bytes.fromhex(data):
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x1D if remainder & 0x80 else 0)) & 0xFF
    return f"{remainder ^ 0xFF:02x}"


BY_ID = {"message": None, "data_id": 1}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> PlanSpec:
    file = tmp_path_factory.mktemp("dbc") / "pack.dbc"
    file.write_text(DBC)
    databases: tuple[Path, ...] = (file,)
    return build_plan([BusDatabases("can0", databases), BusDatabases("can1", databases)]).spec


def rules_of(spec: PlanSpec, **entry: object) -> ProtectedPlan:
    keys = {"message": "Pack", "profile": E2E_1A, "data_id": 1, "bus": "can0", **entry}
    return protect(spec, [ProtectEntry(**keys)])  # type: ignore[arg-type]  # each with its field's own type


def test_a_profile_of_autosar_knows_its_places(spec: PlanSpec) -> None:
    (first,) = rules_of(spec).rules
    assert (first.checksum, first.data_id, first.checksum_byte) == (
        Checksum.CRC8_PROFILE_1,
        DataId.BOTH,
        0,
    )
    assert (first.counter_bits, first.counter_most, first.byte_count) == ((11, 10, 9, 8), 14, 8)
    (second,) = rules_of(spec, profile=E2E_2, data_id=None, data_id_list=tuple(range(16))).rules
    assert (second.counter_most, second.data_ids) == (15, tuple(range(16)))
    (fifth,) = rules_of(spec, profile=E2E_5).rules
    assert (fifth.counter_bits, fifth.counter_most) == ((23, 22, 21, 20, 19, 18, 17, 16), 255)
    (nibble,) = rules_of(spec, profile=E2E_1C).rules
    assert nibble.nibble_bit == 12


LOW_NIBBLE, BYTE_2 = (11, 10, 9, 8), (23, 22, 21, 20, 19, 18, 17, 16)
# Checksum, mode of the data id, bits and greatest value of the counter, by AUTOSAR's PRS_E2EProtocol, and a
# payload that AUTOSAR or the package `autosar-e2e` protects so. The data id is 0x123, that of profile 5 is
# 0x1234, and the list of profile 2 goes from 1 to 16.
KNOWN: dict[str, tuple[tuple[Checksum, DataId, tuple[int, ...], int], str]] = {
    E2E_1A: ((Checksum.CRC8_PROFILE_1, DataId.BOTH, LOW_NIBBLE, 14), "9101000000000000"),
    E2E_1B: ((Checksum.CRC8_PROFILE_1, DataId.ALTERNATING, LOW_NIBBLE, 14), "0301010203040506"),
    E2E_1C: ((Checksum.CRC8_PROFILE_1, DataId.NIBBLE, LOW_NIBBLE, 14), "7611010203040506"),
    E2E_1_LOW: ((Checksum.CRC8_PROFILE_1, DataId.LOW, LOW_NIBBLE, 14), "9201010203040506"),
    E2E_2: ((Checksum.CRC8_H2F, DataId.BY_COUNTER, LOW_NIBBLE, 15), "0b01010203040506"),
    E2E_5: ((Checksum.CRC16_CCITT, DataId.AFTER, BYTE_2, 255), "3d71010102030405"),
    CRC8_J1850: ((Checksum.CRC8_J1850, DataId.NONE, (), 0), crc8_of("01010203040506") + "01010203040506"),
    COUNTER: ((Checksum.NONE, DataId.NONE, LOW_NIBBLE, 15), "0001010203040506"),
}
OF_PROFILE: dict[str, dict[str, object]] = {
    E2E_1A: {"data_id": 0x123},
    E2E_1B: {"data_id": 0x123},
    E2E_1C: {"data_id": 0x123},
    E2E_1_LOW: {"data_id": 0x123},
    E2E_2: {"data_id": None, "data_id_list": tuple(range(1, 17))},
    E2E_5: {"data_id": 0x1234},
    CRC8_J1850: {"data_id": None, "crc": "Checksum"},
    COUNTER: {"data_id": None, "counter": "Counter"},
}


def test_every_profile_is_known_here() -> None:
    assert set(KNOWN) == set(OF_PROFILE) == set(PROFILES)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_what_its_specification_says_and_takes_no_other_profiles_frame(
    spec: PlanSpec, profile: str
) -> None:
    found = rules_of(spec, profile=profile, **OF_PROFILE[profile])
    (rule,) = found.rules
    expected, payload = KNOWN[profile]
    assert (rule.checksum, rule.data_id, rule.counter_bits, rule.counter_most) == expected

    def passes(data: str) -> bool:
        return through(stage(found.spec, [rule]), [FrameTuple(0, 0x300, bytes.fromhex(data), 0, 0, 0)]) != []

    assert passes(payload)
    others = [data for other, (_, data) in KNOWN.items() if other != profile]
    assert [data for data in others if passes(data)] == (others if profile == COUNTER else [])


def test_a_checksum_of_j1850_covers_its_data_id_where_there_is_one(spec: PlanSpec) -> None:
    (rule,) = rules_of(spec, profile=CRC8_J1850, data_id=0x123, crc="Checksum").rules
    assert (rule.checksum, rule.data_id, rule.data_ids) == (Checksum.CRC8_J1850, DataId.BOTH, (0x123,))


def test_signals_of_the_database_say_where_they_are_elsewhere(spec: PlanSpec) -> None:
    keys = {"profile": "crc8-j1850", "data_id": None}
    (rule,) = rules_of(spec, crc="Checksum", counter="Counter", **keys).rules
    assert (rule.checksum_byte, rule.counter_bits, rule.data_id) == (0, (11, 10, 9, 8), DataId.NONE)
    (odd,) = rules_of(spec, crc="Checksum", counter="Odd", counter_max=20, **keys).rules
    assert (odd.counter_bits, odd.counter_most) == ((12, 11, 10, 9, 8), 20)
    (fifth,) = rules_of(spec, profile=E2E_5, crc="Crc16", counter="Counter").rules
    assert (fifth.checksum_byte, fifth.counter_most) == (2, 15)


def test_without_a_bus_every_bus_that_has_the_message_is_meant(spec: PlanSpec) -> None:
    assert [rule.bus for rule in rules_of(spec, bus=None).rules] == [0, 1]
    assert [rule.bus for rule in rules_of(spec, bus="can1").rules] == [1]


def test_a_flagged_message_has_a_flag_after_its_signals_that_no_signal_is_called(spec: PlanSpec) -> None:
    reported = rules_of(spec, on_error=Action.FLAG).spec
    message, same = reported.buses[0].messages[0], reported.buses[1].messages[0]
    fields = reported.records[message.record].fields
    assert message.reports_protection
    assert (fields[-1].name, fields[-1].kind, fields[-1].passes) == (
        "frame_protection_ok",
        SlotKind.BOOL,
        True,
    )
    assert len(fields) == len(message.signals) + 1
    assert not any(other.reports_protection for other in (same, *reported.buses[0].messages[1:]))
    assert reported.records[same.record].fields == fields[:-1]
    assert rules_of(spec).spec is spec


def test_a_bus_with_a_flagged_message_still_compares_ids_in_its_bits(spec: PlanSpec) -> None:
    masked = replace(spec, buses=(replace(spec.buses[0], standard_mask=0x7F0, extended_mask=0x1FFFFF00),))
    reported = rules_of(masked, on_error=Action.FLAG).spec.buses[0]
    assert (reported.standard_mask, reported.extended_mask) == (0x7F0, 0x1FFFFF00)


def test_an_id_separates_messages_of_one_name_and_so_do_their_counts(spec: PlanSpec) -> None:
    (first,) = rules_of(spec, **BY_ID, id=0x303, counter="Alive").rules
    (second,) = rules_of(spec, **BY_ID, id=0x304, profile="crc8-j1850", crc="Sum").rules
    assert [(rule.message, rule.name) for rule in (first, second)] == [(3, "Twin"), (4, "Twin_304")]
    assert [rule.bus for rule in rules_of(spec, **BY_ID, id=0x303, bus=None).rules] == [0, 1]


def test_a_name_of_more_messages_than_a_line_holds_is_reported_with_the_first_ids(spec: PlanSpec) -> None:
    bus = spec.buses[0]
    pack, short = bus.messages[0], bus.messages[2]
    many = tuple(replace(short, arbitration_id=0x400 + number, name="Pack") for number in range(9))
    crowded = replace(spec, buses=(replace(bus, messages=(pack, *many)),))
    with pytest.raises(ConfigError, match=r"the ids 300, 400, 401, 402, 403, 404, 405, 406 and 2 more \("):
        rules_of(crowded)


def test_a_range_of_ids_is_one_message_and_protected_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "pack.sym").write_text(SYM)
    ranged = build_plan([BusDatabases("can0", (tmp_path / "pack.sym",))]).spec
    rules = rules_of(ranged, profile=COUNTER, data_id=None, counter="Alive").rules
    assert [rule.name for rule in rules] == ["Pack", "Pack_101", "Pack_102"]
    reported = rules_of(ranged, profile=COUNTER, data_id=None, counter="Alive", on_error=Action.FLAG).spec
    assert all(message.reports_protection for message in reported.buses[0].messages)


def test_an_id_means_the_message_that_its_frames_are_to_the_decoder(spec: PlanSpec) -> None:
    (state,) = rules_of(spec, **BY_ID, id=0x98FEF1FE).rules
    assert state.name == "State"
    messages = tuple(replace(message, by_pgn=message.extended) for message in spec.buses[0].messages)
    j1939 = replace(spec, buses=(replace(spec.buses[0], messages=messages, standard_mask=0x7F0),))
    assert rules_of(j1939, **BY_ID, id=0x8CFEF117).rules[0].name == "State"
    assert rules_of(j1939, **BY_ID, id=0x30F).rules[0].message == 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"message": "Pak"}, 'message: no message "Pak" on can0 (did you mean "Pack"?)'),
        ({"message": "X", "bus": None}, 'message: no message "X" in any database'),
        (
            {"message": "Twin", "bus": None},
            'with the ids 303, 304 (say which one in place of message, as id = "303")',
        ),
        (
            {**BY_ID, "id": 0x123},
            "no message with the id 123 on can0 (what no database describes is not decoded, and not checked)",
        ),
        (
            {**BY_ID, "id": 0x80000300, "bus": None},
            'id: no message with the id 00000300 in any database (did you mean "300"?)',
        ),
        ({**BY_ID, "id": 0x302}, "id: Short: checksum and counter take 2 bytes"),
        ({"bus": "can9"}, 'bus: no bus "can9" (did you mean "can1"?)'),
        (
            {"crc": "Cheksum"},
            'crc: message Pack has no signal "Cheksum" (did you mean "Checksum"?)',
        ),
        (
            {"crc": "Counter"},
            "crc: Counter is no checksum of e2e-1a (it has 8 bits from a byte's lowest one on)",
        ),
        (
            {"profile": E2E_5, "crc": "Crc16Big"},
            "no checksum of e2e-5 (it has 16 bits from a byte's lowest one on, the low byte first)",
        ),
        ({"counter": "Wide"}, "counter: Wide has 17 bits"),
        ({"counter": "Odd", "counter_max": 32}, "counter_max: 32 is beyond the counter's 5 bits"),
        ({"message": "Pages", "counter": "Alive"}, "counter: Pages.Alive is multiplexed"),
        ({"message": "Short"}, "message: Short: checksum and counter take 2 bytes"),
        (
            {"message": "Short", "byte_count": 1},
            "byte_count: Short: checksum and counter take 2 bytes",
        ),
    ],
)
def test_what_the_database_does_not_have_is_refused(
    spec: PlanSpec, keys: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^protect\[0\]\.(.*: .*)?{re.escape(words)}") as caught:
        rules_of(spec, **keys)
    assert caught.value.exit_code == 78


def test_two_entries_for_one_message_are_refused(spec: PlanSpec) -> None:
    entries = [
        ProtectEntry("Short", COUNTER, counter="Only", where=Where(f"protect[{number}]"))
        for number in range(2)
    ]
    with pytest.raises(ConfigError, match=r"protect\[1\]\.message: Short is protected already"):
        protect(spec, entries)
    by_id = ProtectEntry(None, COUNTER, id=0x302, counter="Only", where=Where("protect[1]"))
    with pytest.raises(ConfigError, match=r"protect\[1\]\.id: Short is protected already .*protect\[0\]"):
        protect(spec, [entries[0], by_id])


def test_a_plan_without_the_messages_of_an_entry_stays_as_it_is() -> None:
    empty = PlanSpec((), (BusSpec("can0", ()),))
    assert protect(empty, ()) == ProtectedPlan(empty, ())
