"""The traps of GB/T 27930: its page names the test of each."""

from typing import Any

import pytest

from telemetry.protocols.can.gbt27930 import GBT27930
from tests.support.can_protocols import omitted, rows, said, transfer

BRM_2015 = (
    "01 01 00 03 F0 05 40 0E 01 00 00 00 01 00 00 00 63 0B 08 95 00 00 01 FF 4C 31 4E 53"
    " 50 47 48 39 38 4E 41 30 30 30 30 30 30 00 01 04 E7 07 FF FF 00"
)


def first(*frames: str) -> dict[str, Any]:
    """Return the values of the first message."""
    return said(GBT27930, *frames)[0][1]


def brm(**changed: str) -> dict[str, Any]:
    """Return what a BRM says with other bytes from `at_N` (counted from 1) on."""
    payload = bytearray.fromhex(BRM_2015)
    for place, text in changed.items():
        at = int(place.removeprefix("at_")) - 1
        data = bytes.fromhex(text)
        payload[at : at + len(data)] = data
    return first(*transfer(0x0200, payload.hex()))


# -- which message it is


@pytest.mark.parametrize("id", ["1806E5F4", "1802F3D0", "1801D0F3", "18085001"])
def test_a_pgn_of_the_plug_with_other_addresses_is_another_message(id: str) -> None:
    assert said(GBT27930, f"{id} # 03 D4 00 A0 00 00 00 00") == []


def test_a_transfer_of_a_pgn_of_the_plug_between_others_is_another_message() -> None:
    payload = "72 01 DA 05 2A 02 A5 10 73 08 03 C6 0E"
    assert said(GBT27930, *transfer(0x0600, payload, sender=0xF4, destination=0xE5)) == []
    assert said(GBT27930, *transfer(0x0200, BRM_2015, sender=0xD0, destination=0xF3)) == []


def test_a_message_in_the_wrong_direction_is_not_that_message() -> None:
    assert said(GBT27930, "182656F4 # 01 01 00", "1827F456 # A5 10") == []


@pytest.mark.parametrize("id", ["181E56F4", "081E56F4", "1C1E56F4"])
def test_priority_says_nothing(id: str) -> None:
    assert said(GBT27930, f"{id} # F0 F0 F1 FC")[0][0] == "BEM"


def test_a_message_to_everyone_counts() -> None:
    assert said(GBT27930, "1826FF56 # 01 01 00")[0][0] == "CHM"
    bam = [
        "1CECFFF4 # 20 09 00 02 FF 00 11 00",
        "1CEBFFF4 # 01 FE 0E 5A 0E 51 41 4D",
        "1CEBFFF4 # 02 2B 00 FF FF FF FF FF",
    ]
    assert said(GBT27930, *bam)[0][0] == "BCS"


def test_an_id_of_11_bits_is_none_of_the_plug() -> None:
    assert said(GBT27930, "456 # 01 01 00") == []


def test_a_frame_of_the_extended_data_page_is_none_of_the_plug() -> None:
    assert said(GBT27930, "1A26F456 # 01 01 00", "1926F456 # 01 01 00") == []


# -- what is no value


def test_all_ones_are_no_value() -> None:
    assert said(GBT27930, "1807F456 # FF FF FF FF FF FF FF") == []
    assert said(GBT27930, "181056F4 # FF FF FF FF FF") == []
    assert first("1801F456 # 00 FF FF FF FF FF FF FF") == {"recognition": 0}


def test_battery_type_ff_is_a_real_value() -> None:
    assert brm(at_4="FF")["battery_type"] == 255


def test_fe_is_no_error_code_as_in_j1939() -> None:
    assert first("182756F4 # 10 FE") == {"max_voltage_v": 6504.0}
    assert first("100956F4 # FE") == {"ready": 254}


def test_two_bits_of_11_are_absent_and_10_is_2() -> None:
    values = first("181356F4 # 1E 36 06 35 0F E4 2F")
    assert "temperature_state" not in values
    assert values["current_state"] == 2
    assert values["soc_state"] == 1
    assert values["cell_voltage_state"] == 0
    assert values["permitted"] == 2
    assert not {"insulation_state", "connector_state"} & set(values)


def test_a_stop_of_zeros_is_a_stop_without_a_reason() -> None:
    assert set(first("101956F4 # 00 00 00 00").values()) == {0}


def test_unknown_enumerations_are_kept_as_numbers() -> None:
    assert first("181056F4 # A5 10 D8 0E 07")["mode"] == 7
    assert brm(at_4="2A")["battery_type"] == 42


# -- dates


@pytest.mark.parametrize(
    ("date", "values"),
    [
        ("00 01 01", (1985, 1, 1)),
        ("FA 0C 1F", (2235, 12, 31)),
        ("63 0B 08", (2084, 11, 8)),
        ("FF FF FF", ()),
        ("FF 0B 08", ()),
        ("FB 0B 08", ()),
        ("63 00 08", ()),
        ("63 0D 08", ()),
        ("63 0B 00", ()),
        ("63 0B 20", ()),
        ("63 FF FF", ()),
    ],
)
def test_a_production_date_is_whole_and_in_range_or_absent(date: str, values: tuple[int, ...]) -> None:
    found = brm(at_17=date)
    names = ("production_year", "production_month", "production_day")
    assert tuple(found[name] for name in names if name in found) == values


@pytest.mark.parametrize(
    ("date", "values"),
    [
        ("01 04 E7 07", (1, 4, 2023)),
        ("13 03 EA 07", (19, 3, 2026)),
        ("01 04 07 E4", ()),
        ("01 04 CF 07", ()),
        ("01 04 34 08", ()),
        ("01 0D E7 07", ()),
        ("FF FF FF FF", ()),
    ],
)
def test_a_software_year_out_of_2000_to_2099_makes_the_date_absent(
    date: str, values: tuple[int, ...]
) -> None:
    """One maker sends it big endian: 07 E4 is 2020 there, and 58,375 here."""
    found = brm(at_43=date)
    names = ("software_day", "software_month", "software_year")
    assert tuple(found[name] for name in names if name in found) == values


@pytest.mark.parametrize(
    "data",
    [
        "1A 06 14 14 15 00 00",
        "36 24 08 16 05 15 2A",
        "60 24 08 16 05 15 20",
        "36 60 08 16 05 15 20",
        "36 24 24 16 05 15 20",
        "36 24 08 32 05 15 20",
        "36 24 08 00 05 15 20",
        "36 24 08 16 13 15 20",
        "36 24 08 16 00 15 20",
        "36 24 08 16 05 99 19",
        "36 24 08 16 05 15",
    ],
)
def test_a_time_with_a_digit_over_9_or_out_of_range_is_absent_as_a_whole(data: str) -> None:
    assert said(GBT27930, f"1807F456 # {data}") == []


def test_a_time_is_packed_bcd_with_the_second_first() -> None:
    assert list(first("1807F456 # 36 24 08 16 05 15 20").items()) == [
        ("second", 36),
        ("minute", 24),
        ("hour", 8),
        ("day", 16),
        ("month", 5),
        ("year", 2015),
    ]


# -- texts


@pytest.mark.parametrize(
    ("vin", "text"),
    [
        ("4C 31 4E 53 50 47 48 39 38 4E 41 30 30 30 30 30 30", "L1NSPGH98NA000000"),
        ("00" * 17, None),
        ("FF" * 17, None),
        ("20" * 17, None),
        ("4C 31 FF 53 00 00 20 20" + "FF" * 9, "L1?S"),
        ("4C 80 0A 7F 7E" + "00" * 12, "L???~"),
    ],
)
def test_a_text_ends_before_its_filling_and_shows_what_is_no_character(vin: str, text: str | None) -> None:
    assert brm(at_25=vin).get("vin") == text


def test_region_and_manufacturer_are_texts_of_any_bytes() -> None:
    assert first("1801F456 # 00 00 00 00 00 30 31 00") == {
        "recognition": 0,
        "charger_number": 0,
        "region": "01",
    }
    assert brm(at_9="41 42 43 20")["manufacturer"] == "ABC"
    assert brm(at_9="01 00 00 00")["manufacturer"] == "?"


# -- editions and lengths


def test_brm_of_2011_ends_with_the_vin_and_is_not_short() -> None:
    brm_2011 = "00 01 00 06 06 03 60 0C" + "FF" * 33
    frames = transfer(0x0200, brm_2011)
    assert frames[0].startswith("1CEC56F4#10290006")
    assert first(*frames) == {
        "version_minor": 0,
        "version_major": 1,
        "battery_type": 6,
        "rated_capacity_ah": 77.4,
        "rated_voltage_v": 316.8,
    }
    assert omitted(GBT27930, frames)["short_frame"] == 0


def test_bcp_of_2011_is_that_of_2015() -> None:
    assert first(*transfer(0x0600, "A7 01 48 0D F5 00 88 0E 69 9E 02 53 0D")) == {
        "max_cell_voltage_v": 4.23,
        "max_current_a": -60,
        "nominal_energy_kwh": 24.5,
        "max_voltage_v": 372,
        "max_temperature_c": 55,
        "soc_pct": 67,
        "pack_voltage_v": 341.1,
    }


def test_csd_of_2011_has_its_number_in_one_byte() -> None:
    assert first("181DF456 # 05 00 10 00 07") == {"charged_min": 5, "energy_kwh": 1.6, "charger_number": 7}
    assert first("181DF456 # 05 00 10 00 FF") == {"charged_min": 5, "energy_kwh": 1.6}


def test_csd_that_is_cut_off_has_no_number() -> None:
    assert first("181DF456 # 05 00 10 00 01 02 03") == {"charged_min": 5, "energy_kwh": 1.6}
    assert omitted(GBT27930, ["181DF456 # 05 00 10 00 01 02 03"])["short_frame"] == 1


def test_csd_of_eight_bytes_may_have_the_number_255() -> None:
    assert first("181DF456 # 05 00 10 00 FF 00 00 00")["charger_number"] == 255


def test_charger_numbers_have_no_offset() -> None:
    assert first("1801F456 # 00 01 01 01 01 31 32 33")["charger_number"] == 0x01010101
    assert first("181DF456 # 00 00 01 00 01 01 01 01")["charger_number"] == 0x01010101


def test_cml_of_six_bytes_is_short_and_ccs_of_six_is_not() -> None:
    assert omitted(GBT27930, ["1808F456 # 88 13 D0 07 F0 0A"])["short_frame"] == 1
    assert omitted(GBT27930, ["1812F456 # A2 0D 23 0F 01 00"])["short_frame"] == 0


def test_zeros_after_a_short_message_are_values_of_a_whole_one() -> None:
    """A frame alone does not say its edition: its listener leaves out what an edition of 2011 has not."""
    assert first("1808F456 # 88 13 D0 07 F0 0A 00 00")["min_current_a"] == -400
    assert first("1812F456 # A2 0D 23 0F 01 00 00 00")["permitted"] == 0


def test_bcs_in_one_frame_of_eight_bytes_lacks_only_the_time_left() -> None:
    assert first("1C1156F4 # FE 0E 5A 0E 51 41 4D 2B") == {
        "voltage_v": 383.8,
        "current_a": -32.6,
        "max_cell_voltage_v": 3.37,
        "max_cell_group": 4,
        "soc_pct": 77,
    }


@pytest.mark.parametrize("filling", ["00", "CC", "FF"])
def test_what_fills_a_short_message_up_to_eight_bytes_says_nothing(filling: str) -> None:
    for frame in (
        "1826F456 # 01 01 00",
        "100956F4 # AA",
        "182756F4 # A5 10",
        "1807F456 # 36 24 08 16 05 15 20",
    ):
        padded = frame + f" {filling}" * (8 - len(frame.partition("#")[2].split()))
        assert said(GBT27930, padded) == said(GBT27930, frame)


# -- lists


def cells(count: int) -> str:
    return b"".join((330 + cell | (cell % 15) << 12).to_bytes(2, "little") for cell in range(count)).hex()


@pytest.mark.parametrize("count", [1, 4, 102, 256])
def test_cells_are_as_many_as_the_message_has_and_it_is_not_short(count: int) -> None:
    frames = transfer(0x1500, cells(count)) if count > 4 else [f"1C1556F4#{cells(count)}"]
    message, *modelled = said(GBT27930, *frames)
    assert message[0] == "BMV"
    expected = [
        pair
        for cell in range(count)
        for pair in ((f"v{cell + 1:03}", (330 + cell) / 100), (f"group{cell + 1:03}", cell % 15))
    ]
    assert list(message[1].items()) == expected
    assert modelled[0] == ("cells", {f"v{cell + 1:03}": (330 + cell) / 100 for cell in range(count)})
    assert omitted(GBT27930, frames)["short_frame"] == 0


def test_half_a_cell_is_left_out() -> None:
    assert list(first(*transfer(0x1500, cells(5) + "4A"))) == [
        name for cell in range(1, 6) for name in (f"v{cell:03}", f"group{cell:03}")
    ]


def test_temperatures_are_as_many_as_the_message_has() -> None:
    frames = transfer(0x1600, "32 33 FF 00 FA" + "4B" * 5)
    message, modelled = said(GBT27930, *frames)
    assert message[1] == {
        "t001": 0, "t002": 1, "t004": -50, "t005": 200, **{f"t{n:03}": 25 for n in range(6, 11)}
    }  # fmt: skip
    assert modelled[0] == "cells"
    assert omitted(GBT27930, frames)["short_frame"] == 0


def test_reserved_bytes_are_numbers() -> None:
    assert first("1C1756F4 # 01 02 FF 04") == {"b01": 1, "b02": 2, "b04": 4}


def test_faults_of_the_annex_are_four_bytes_each() -> None:
    """SPN 3511 with FMI 3, twice; SPN 3090, unknown how often."""
    frames = transfer(0x2000, "B7 0D 18 02  12 0C 00 7F")
    assert first("182056F4 # B7 0D 18 02 12 0C 00 7F") == {
        "spn01": 3511, "fmi01": 3, "occurrences01": 2, "spn02": 3090, "fmi02": 0
    }  # fmt: skip
    assert first(*transfer(0x2000, "B7 0D 18 02 12 0C 00 7F B8 0D 20 01"))["spn03"] == 3512
    assert first("1820F456 # B7 0D 18 02") == {"spn01": 3511, "fmi01": 3, "occurrences01": 2}
    assert first("182256F4 # 02 01") == {"present_faults": 2, "earlier_faults": 1}
    assert first("182556F4 # 08 B7 0D 18 02") == {
        "first_length": 8, "spn": 3511, "fmi": 3, "occurrences": 2
    }  # fmt: skip
    assert said(GBT27930, *frames)[0][0] == "DM1"


# -- numbers


def test_numbers_of_a_cell_and_of_measuring_points_begin_at_1() -> None:
    values = first("181356F4 # 00 36 00 35 91 00 10")
    assert values["max_cell_number"] == 1
    assert values["max_temperature_point"] == 1
    assert values["min_temperature_point"] == 146  # though the table ends at 128


def test_cell_number_ff_is_absent_though_it_could_be_cell_256() -> None:
    assert "max_cell_number" not in first("181356F4 # FF 36 06 35 0F 00 10")


def test_values_out_of_the_nominal_range_are_kept() -> None:
    assert first("1808F456 # 1C 25 7C 01 DC 05 B0 04") == {
        "max_voltage_v": 950,
        "min_voltage_v": 38,
        "max_current_a": -250,
        "min_current_a": -280,
    }
    assert first(*transfer(0x1100, "AB 0D A7 0F 6C 41 23 54 00"))["current_a"] == 0.7
    assert first("181056F4 # A5 10 00 00 02")["current_a"] == -400


def test_soc_has_tenths_in_bcp_and_none_in_bcs() -> None:
    assert first(*transfer(0x0600, "72 01 DA 05 2A 02 A5 10 73 08 03 C6 0E"))["soc_pct"] == 77.6
    assert first(*transfer(0x1100, "C5 0E A0 0F 4C 61 4D 00 00"))["soc_pct"] == 77


def test_modelled_currents_are_positive_into_the_battery() -> None:
    assert said(GBT27930, "181056F4 # A5 10 D8 0E 02")[1] == (
        "charger",
        {"requested_voltage_v": 426.1, "requested_current_a": 20},
    )
    assert said(GBT27930, "1808F456 # 1C 25 7C 01 DC 05 A0 0F")[1] == (
        "charger",
        {"max_voltage_v": 950, "max_current_a": 250},
    )
    assert said(GBT27930, "1812F456 # 05 0F 58 0E 00 00 FD")[1] == (
        "charger",
        {"voltage_v": 384.5, "current_a": 32.8, "power_w": 12611.6},
    )


def test_states_of_the_battery_are_events_that_begin_and_end() -> None:
    """100, 101: a cell's voltage; 104: too hot; 108: too much current; 116, 123: SOC; 117: insulation."""
    normal = "181356F4 # 1E 36 06 35 0F 00 10"
    for state, code in (
        ("01 10", 100),
        ("02 10", 101),
        ("40 10", 104),
        ("10 10", 108),
        ("08 10", 116),
        ("04 10", 123),
        ("00 11", 117),
    ):
        found = rows(GBT27930, [normal, f"181356F4 # 1E 36 06 35 0F {state}", normal])
        events = [row["signals"] for row in found if row["message"] == "event"]
        assert [(event["code"], event["active"]) for event in events] == [(code, True), (code, False)]


# -- what vendors and the edition of 2024 add


def test_short_messages_of_2024_are_read_by_their_group() -> None:
    assert first("183656F4 # 73 A5 10 D0 07 02") == {
        "pgi": 0x73, "requested_voltage_v": 426.1, "requested_current_a": 200, "mode": 2
    }  # fmt: skip
    assert first("183656F4 # 74 09 03 2B 00") == {"pgi": 0x74, "soc_pct": 77.7, "remaining_min": 43}
    assert first("183656F4 # 77 4D 01 4C 01 4B 4A") == {
        "pgi": 0x77, "max_cell_voltage_v": 3.33, "min_cell_voltage_v": 3.32, "max_temperature_c": 25,
        "min_temperature_c": 24,
    }  # fmt: skip
    assert first("1836F456 # 76 A5 10 D0 07") == {"pgi": 0x76, "voltage_v": 426.1, "current_a": 200}
    assert first("1035F456 # 03 01 04 00 AA") == {
        "pgi": 3, "stop_kind": 1, "stop_reasons": 4, "reconnect": 0xAA
    }  # fmt: skip
    assert first("103556F4 # 79 AA") == {"pgi": 0x79}


def test_a_negotiation_of_2024_shows_its_result_and_versions() -> None:
    for id, code in (("0C38F456", "VNC"), ("0C3956F4", "VNB")):
        assert said(GBT27930, f"{id} # 00 01 02 00 00 01 01 FF")[0] == (
            code,
            {
                "can_type": 0,
                "result": 1,
                "version_major": 2,
                "version_minor": 0,
                "version_temporary": 0,
                "control_pilot_version": 1,
                "transport_version": 1,
            },
        )


def test_vendors_confirm_their_limit_of_current() -> None:
    assert said(GBT27930, "1830F456 # 0A F2 FF FF FF FF FF FF")[0] == (
        "CFC", {"current_limit_a": 1000, "guns": 2}
    )  # fmt: skip
    assert said(GBT27930, "183156F4 # 0A F1 FF FF FF FF FF FF")[0][0] == "BFC"


# -- transport


def test_packets_of_a_message_that_began_unseen_say_nothing() -> None:
    assert said(GBT27930, "1CEB56F4 # 02 2B 00 FF FF FF FF FF") == []


def test_other_frames_between_the_packets_change_nothing() -> None:
    frames = transfer(0x1100, "FE 0E 5A 0E 51 41 4D 2B 00")
    between = [*frames[:3], "181056F4 # A5 10 D8 0E 02", *frames[3:]]
    assert sorted(said(GBT27930, *between), key=str) == sorted(
        said(GBT27930, *frames, "181056F4 # A5 10 D8 0E 02"), key=str
    )


def test_an_announcement_that_is_repeated_until_it_is_taken_is_one_message() -> None:
    frames = transfer(0x1100, "FE 0E 5A 0E 51 41 4D 2B 00")
    assert [name for name, _ in said(GBT27930, frames[0], frames[0], *frames)] == ["BCS", "battery"]


def test_messages_come_in_any_batches_alike() -> None:
    frames = [*transfer(0x0200, BRM_2015), "181056F4 # A5 10 D8 0E 02", *transfer(0x1500, cells(30))]
    whole = rows(GBT27930, frames)
    assert [rows(GBT27930, frames, batch=size) for size in (1, 2, 7)] == [whole] * 3
