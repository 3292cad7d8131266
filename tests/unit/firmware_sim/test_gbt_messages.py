"""The simulator's own encoding of GB/T 27930, against frames of public captures."""

from dataclasses import replace
from datetime import datetime

import pytest

from firmware_sim.wire import gbt
from firmware_sim.wire.gbt import Edition, Identity
from firmware_sim.wire.layout import CAN_EFF_FLAG

Y2011, Y2015, Y2023 = Edition.Y2011, Edition.Y2015, Edition.Y2023
CAR = Identity(
    vin="L1NSPGH98NA000000",
    maker=b"\x01\x00\x00\x00",
    battery_type=3,
    rated_ah=152.0,
    rated_v=364.8,
    pack_serial=1,
    produced=(2084, 11, 8),  # what the capture says by the rule
    charge_count=149,
    owned=True,
    software=(0, 1, 4, 2023),
)
CAPTURED = {
    "CHM": (gbt.chm(), "01 01 00"),
    "BHM": (gbt.bhm(426.1), "A5 10"),
    "CRM": (gbt.crm(False, 0x01010101, b"123", Y2015), "00 01 01 01 01 31 32 33"),
    "CRM recognised": (gbt.crm(True, 0x01010101, b"123", Y2015), "AA 01 01 01 01 31 32 33"),
    "BRM": (
        gbt.brm(CAR, Y2015),
        (
            "01 01 00 03 F0 05 40 0E 01 00 00 00 01 00 00 00 63 0B 08 95 00 00 01 FF 4C 31 4E 53"
            " 50 47 48 39 38 4E 41 30 30 30 30 30 30 00 01 04 E7 07 FF FF FF"
        ),
    ),
    "BRM of 2011": (
        gbt.brm(
            Identity(
                vin="",
                maker=b"",
                battery_type=6,
                rated_ah=77.4,
                rated_v=316.8,
                pack_serial=0xFFFFFFFF,
                produced=None,
                charge_count=0xFFFFFF,
            ),
            Y2011,
        )[:8],
        "00 01 00 06 06 03 60 0C",
    ),
    "BCP": (
        gbt.bcp(
            max_cell_v=3.70,
            max_current_a=250.2,
            nominal_kwh=55.4,
            max_voltage_v=426.1,
            max_temperature_c=65.0,
            soc_pct=77.6,
            pack_v=378.2,
        ),
        "72 01 DA 05 2A 02 A5 10 73 08 03 C6 0E",
    ),
    "CTS": (gbt.cts(datetime(2015, 5, 16, 8, 24, 36)), "36 24 08 16 05 15 20"),  # noqa: DTZ001  # local
    "CTS absent": (gbt.cts(None), "FF FF FF FF FF FF FF"),
    "CML": (gbt.cml(950.0, 38.0, 250.0, 0.0, Y2015), "1C 25 7C 01 DC 05 A0 0F"),
    "CML of 2011": (gbt.cml(500.0, 200.0, 120.0, 0.0, Y2011), "88 13 D0 07 F0 0A"),
    "BRO": (gbt.ready(True), "AA"),
    "BCL": (gbt.bcl(426.1, 20.0, constant_voltage=False), "A5 10 D8 0E 02"),
    "BCL 200 A": (gbt.bcl(405.6, 200.0, constant_voltage=False), "D8 0F D0 07 02"),
    "BCS": (gbt.bcs(383.8, 32.6, 3.37, 4, 77, 43), "FE 0E 5A 0E 51 41 4D 2B 00"),
    "BCS discharging, capped": (gbt.bcs(347.4, -0.7, 3.62, 7, 34, 900), "92 0D A7 0F 6A 71 22 58 02"),
    "CCS": (gbt.ccs(540.6, 2.9, 0, True, Y2015), "1E 15 83 0F 00 00 FD FF"),
    "CCS paused": (gbt.ccs(441.0, 0.0, 0, False, Y2015)[:7], "3A 11 A0 0F 00 00 FC"),
    "CCS of 2011": (gbt.ccs(349.0, 12.5, 1, True, Y2011), "A2 0D 23 0F 01 00"),
    "BSM": (
        gbt.bsm(
            max_cell=67,
            max_temp_c=25.0,
            max_temp_point=2,
            min_temp_c=24.0,
            min_temp_point=28,
            states={},
            permitted=True,
        ),
        "42 4B 01 4A 1B 00 D0",
    ),
    "CST": (gbt.stop("CST", ["stopped_by_person"], Y2015), "04 00 F0 F0"),
    "BST": (gbt.stop("BST", ["charger_stopped"], Y2015)[:3], "40 00 00"),
    "BSD": (gbt.bsd(77, 3.33, 3.34, 3.0, 4.0), "4D 4D 01 4E 01 35 36"),
    "CSD": (gbt.csd(0, 0.1, 0x01010101, Y2015), "00 00 01 00 01 01 01 01"),
    "BEM": (gbt.error("BEM", ["crm_aa_timeout"]), "F4 F0 F0 FC"),
    "BEM cts": (gbt.error("BEM", ["cts_cml_timeout"]), "F0 F1 F0 FC"),
    "BEM ccs": (gbt.error("BEM", ["ccs_timeout"]), "F0 F0 F1 FC"),
    "CEM at rest": (gbt.error("CEM", []), "FC F0 C0 FC"),
    "CEM bcl": (gbt.error("CEM", ["bcl_timeout"]), "FC F0 C4 FC"),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_a_payload_is_that_of_a_real_capture(name: str) -> None:
    payload, captured = CAPTURED[name]
    assert payload.hex(" ").upper() == captured


@pytest.mark.parametrize(
    ("code", "id"),
    [
        *(("CHM", 0x1826F456), ("BHM", 0x182756F4), ("CRM", 0x1801F456), ("BRM", 0x1C0256F4)),
        *(("BRO", 0x100956F4), ("CRO", 0x100AF456), ("BCL", 0x181056F4), ("CCS", 0x1812F456)),
        *(("BST", 0x101956F4), ("CST", 0x101AF456), ("BSD", 0x181C56F4), ("CSD", 0x181DF456)),
        *(("BEM", 0x081E56F4), ("CEM", 0x081FF456)),
    ],
)
def test_an_identifier_is_the_printed_one(code: str, id: int) -> None:
    assert gbt.MESSAGES[code].id(Y2015) == id | CAN_EFF_FLAG


def test_lengths_are_those_of_the_edition() -> None:
    def lengths(edition: Edition) -> tuple[int, ...]:
        return (
            len(gbt.brm(Identity(), edition)),
            len(gbt.cml(750.0, 200.0, 250.0, 0.0, edition)),
            len(gbt.ccs(400.0, 100.0, 1.0, True, edition)),
            len(gbt.csd(1.0, 1.0, 7, edition)),
            len(gbt.crm(True, 7, b"SIM", edition)),
        )

    assert lengths(Y2011) == (41, 6, 6, 5, 8)
    assert lengths(Y2015) == lengths(Y2023) == (49, 8, 8, 8, 8)


def test_a_reason_that_an_edition_lacks_becomes_its_other_fault() -> None:
    assert gbt.stop("BST", ["relay_fault"], Y2015)[2] == gbt.stop("BST", ["other_fault"], Y2011)[2] & 0x0F
    assert gbt.stop("CST", ["parameter_mismatch"], Y2023)[3] == 0xD0
    assert gbt.stop("CST", ["parameter_mismatch"], Y2015) == gbt.stop("CST", ["other_fault"], Y2015)


def test_an_absent_date_is_all_ones() -> None:
    assert gbt.brm(replace(CAR, produced=None), Y2015)[16:19] == b"\xff\xff\xff"
