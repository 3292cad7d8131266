"""Each fact of each profile, by bytes that are packed here and values that are worked out here.

Bytes and formulas are those of the sources that the profiles name, not of the profiles: an answer as a unit
sends it, a frame as it is broadcast, and what the number means by arithmetic.
"""

import pytest

from telemetry.vehicles.known import named, names
from tests.support.vehicle_facts import Fact, inside, sent, short
from tests.support.vehicle_facts_chinese import CHINESE
from tests.support.vehicles import told

VIN = "SJNFAAZE1U0012345"
HYUNDAI_101 = {  # by the byte in the answer to 220101
    7: "8B",  # 139 x 0.5
    13: "FF380EA6",  # -200 x -0.1, 3750 x 0.1
    17: "23F611121314FF",  # 35, -10, 17 to 20, -1
    25: "FB",  # -5
    26: "C805C662",  # 200 / 50, cell 5, 198 / 50, cell 98
    32: "91",  # 145 x 0.1
    33: "0001E240",  # 123,456 x 0.1
    37: "0001D8A8",  # 121,000 x 0.1
    41: "0000A410",  # 42,000 x 0.1 kWh
    45: "00009C40",  # 40,000 x 0.1 kWh
    49: "00F42400",  # 16,000,000 s
    60: "0BB8",  # 3,000 kOhm
}
HYUNDAI_TOLD = {
    "battery.soc_pct": 69.5,
    "battery.current_a": 20.0,
    "battery.voltage_v": 375.0,
    "battery.temp_max_c": 35.0,
    "battery.temp_min_c": -10.0,
    "t1": 17.0,
    "t2": 18.0,
    "t3": 19.0,
    "t4": 20.0,
    "t5": -1.0,
    "inlet_temp_c": -5.0,
    "battery.cell_max_v": 4.0,
    "battery.cell_max_index": 5.0,
    "battery.cell_min_v": 3.96,
    "battery.cell_min_index": 98.0,
    "aux_v": 14.5,
    "battery.charged_ah": 12_345.6,
    "battery.discharged_ah": 12_100.0,
    "battery.charged_wh": 4_200_000.0,
    "battery.discharged_wh": 4_000_000.0,
    "operating_s": 16_000_000.0,
    "battery.insulation_kohm": 3000.0,
}
E_GMP = ("hyundai-ioniq5", "kia-ev6", "kia-ev9")
LEAFS = ("nissan-leaf-ze0", "nissan-leaf-aze0", "nissan-leaf-ze1", "nissan-e-nv200")

HYUNDAI = [
    *(Fact(name, "7EC", "620101", 62, HYUNDAI_101, HYUNDAI_TOLD) for name in ("hyundai-kona-64", *E_GMP)),
    Fact(  # one byte earlier
        *("hyundai-ioniq-28", "7EC", "6101", 61),
        {at - 1: part for at, part in HYUNDAI_101.items()},
        HYUNDAI_TOLD,
    ),
    Fact(
        *("hyundai-kona-64", "7EC", "620105", 46, {28: "03D4", 34: "9B", 37: "C5C7"}),  # 980, 155, 197, 199
        {"battery.soh_pct": 98.0, "soc_display_pct": 77.5, "v97": 3.94, "v98": 3.98, "battery.soc_pct": None},
    ),
    *(
        Fact(
            *(name, "7EC", "620105", 46, {28: "03E8", 34: "99"}),
            {"battery.soh_pct": 100.0, "soc_display_pct": 76.5, "v97": None},
        )
        for name in E_GMP
    ),
    Fact(
        "hyundai-ioniq-28",
        "7EC",
        "6105",
        45,
        {27: "03D4", 33: "9B"},
        {"battery.soh_pct": 98.0, "soc_display_pct": 77.5},
    ),
    Fact("hyundai-kona-64", "7BB", "620100", 41, {8: "7A64"}, {"cabin_temp_c": 21.0, "outside_temp_c": 10.0}),
    Fact(  # a mask of the first, the second and the last of 32, and garbage in the others
        *("hyundai-kona-64", "7EC", "620102", 39, {3: "C0000001", 7: "C4C31806", 38: "C2"}),
        {"v1": 3.92, "v2": 3.90, "v3": None, "v4": None, "v31": None, "v32": 3.88},
    ),
    Fact("hyundai-kona-64", "7EC", "620104", 39, {3: "80000000", 7: "01"}, {"v65": 0.02, "v66": None}),
    Fact(
        "hyundai-ioniq-28",
        "7EC",
        "6103",
        38,
        {2: "80000001", 6: "C4", 37: "C2"},
        {"v33": 3.92, "v34": None, "v64": 3.88},
    ),
    *(
        Fact(name, "7EC", "62010A", 39, {3: "80000000", 7: "C4"}, {"v97": 3.92, "v98": None})
        for name in E_GMP
    ),
    *(
        Fact(name, "7EC", "62010B", 39, {3: "40000000", 8: "C4"}, {"v129": None, "v130": 3.92})
        for name in E_GMP
    ),
    Fact("kia-ev6", "7EC", "62010C", 39, {3: "00000001", 38: "C4"}, {"v161": None, "v192": 3.92}),
    Fact("kia-ev6", "7EC", "62010C", 39, {3: "00000000"}, {"v161": None, "v192": None}),  # a page of no cell
]

NISSAN = [
    *(
        fact
        for leaf in LEAFS
        for fact in (
            # 11 bits signed from the top: -128 x 0.5, then 10 bits from bit 23: 760 x 0.5
            sent(leaf, "1DB", "F000BE0000000000", current_a=-64.0, voltage_v=380.0),
            sent(leaf, "1DB", "7FE0FFC000000000", current_a=None, voltage_v=None),
            sent(leaf, "1DB", "FF805F4000000000", current_a=-2.0, voltage_v=190.5),  # -4 x 0.5, 381 x 0.5
            sent(leaf, "55B", "B4C0000000000000", soc_pct=72.3),
            sent(leaf, "55B", "FFC0000000000000", soc_pct=None),
            sent(leaf, "5BC", "00000000BD000000", soh_pct=94.0),
            sent(leaf, "5BC", "0000000001000000", soh_pct=None),
            Fact(  # 10 bits from bit 7: 440, from bit 13: 200, each a quarter of a kW
                *(leaf, "1DC", "", 8, {0: "6E0C800000000000"}),
                {"discharge_limit_kw": 110.0, "charge_limit_kw": 50.0},
            ),
            Fact(  # the pack of a ZE1
                *(leaf, "7BB", "6101", 53),
                {20: "9470", 24: "03E8", 30: "2400", 33: "0AAE60", 37: "1100B0"},
                {
                    "battery.voltage_v": 380.0,  # 38,000 / 100
                    "battery.insulation_kohm": 1000.0,
                    "hx_pct": 90.0,  # 9,216 / 102.4
                    "battery.soc_pct": 70.0,  # 700,000 / 10,000
                    "battery.capacity_ah": 111.4288,  # 1,114,288 / 10,000
                },
            ),
            *(
                Fact(  # the pack of a ZE0 or AZE0
                    *(leaf, "7BB", "6101", length, {28: "2328", 35: "0927C0"}),
                    {
                        "hx_pct": 90.0,
                        "battery.capacity_ah": 60.0,
                        "battery.soc_pct": None,
                        "battery.voltage_v": None,
                    },
                )
                for length in (41, 43)
            ),
            Fact(
                leaf, "7BB", "6101", 45, {}, {"hx_pct": None, "battery.capacity_ah": None}
            ),  # of no known pack
            Fact(
                *(leaf, "7BB", "6102", 198, {2: "0FA013871388FFFF", 192: "0FD2", 194: "9470", 196: "9466"}),
                {
                    "v1": 4.0,
                    "v2": 4.999,
                    "v3": None,
                    "v4": None,
                    "v96": 4.05,
                    "battery.voltage_v": 380.0,
                    "bus_v": 379.9,
                },
            ),
            *(
                Fact(  # the third sensor is not fitted, the fourth really is at -1 °C
                    *(leaf, "7BB", "6104", length, {2: "0210140211F6FFFFFF0300FF"}),
                    {"t1": 20.0, "t2": -10.0, "t3": None, "t4": -1.0},
                )
                for length in (16, 31, 37)
            ),
            Fact(leaf, "7BB", "6161", 331, {4: "2580"}, {"battery.soh_pct": 96.0}),
            inside(leaf, "79A", "6212050123", ac_charges=291.0),
            inside(leaf, "79A", "6212030007", quick_charges=7.0),
            inside(leaf, "79A", "6181" + VIN.encode().hex(), vin=VIN),
        )
    ),
    *(
        sent(leaf, "5C0", "40008C0000000000", temp_max_c=30.0)
        for leaf in ("nissan-leaf-aze0", "nissan-e-nv200")
    ),
    *(
        sent(leaf, "5C0", "C000780000000000", temp_min_c=20.0)
        for leaf in ("nissan-leaf-aze0", "nissan-e-nv200")
    ),
    sent(
        "nissan-leaf-aze0", "5C0", "8000820000000000", temp_max_c=None, temp_min_c=None
    ),  # the page of the mean
    sent("nissan-leaf-ze1", "5C0", "0370EF0059001F00", temp_min_c=None, temp_max_c=None),  # recorded at 19 °C
]

VOLKSWAGEN = [
    short("vw-meb", "17FE007B", "62028CAF", soc_pct=70.0),  # 175 / 2.5
    short("vw-meb", "17FE007B", "62028CFE", soc_pct=None),
    short("vw-meb", "17FE007B", "621E3B0640", voltage_v=400.0),  # 1,600 / 4
    short("vw-meb", "17FE007B", "621E3D0002710F", current_a=100.15),  # (160,015 - 150,000) / 100
    short("vw-meb", "17FE007B", "621E3D00022C17", current_a=-76.41),
    short("vw-meb", "17FE007B", "621E3340000051", cell_max_v=4.0, cell_max_index=81.0),  # 16,384 / 4,096
    short("vw-meb", "17FE007B", "621E343C000003", cell_min_v=3.75, cell_min_index=3.0),
    short("vw-meb", "17FE007B", "621E0E06400002", temp_max_c=25.0),  # 1,600 / 64
    short("vw-meb", "17FE007B", "621E0FFDC00004", temp_min_c=-9.0),  # -576 / 64
    inside("vw-meb", "17FE007B", "621E0E06400002", temp_max_index=2.0),
    inside("vw-meb", "17FE007B", "621E0FFDC00004", temp_min_index=4.0),
    inside("vw-meb", "17FE007B", "621E400AF0", v1=3.8),  # 2,800 / 1,000 + 1
    inside("vw-meb", "17FE007B", "621E9F0AF1", v96=3.801),
    inside("vw-meb", "17FE007B", "621EAB0FFE", v108=None),
    inside("vw-meb", "17FE007B", "621EAB0FFD", v108=5.093),
    inside("vw-meb", "17FE007B", "621EAE0208", t1=25.0),  # 520 / 8 - 40
    inside("vw-meb", "17FE007B", "622A0B82", pack_temp_c=25.0),
    inside("vw-meb", "17FE007B", "62744806", state=6.0),
    *(
        fact
        for id in ("17FE007B", "7ED")
        for fact in (
            short("porsche-taycan", id, "6218011F40", voltage_v=800.0),
            short("porsche-taycan", id, "62180202710F", current_a=100.15),  # 160,015 / 100 - 1,500
            short("porsche-taycan", id, "62F45BCC", soc_pct=80.0),
            short("porsche-taycan", id, "621E33A02807", cell_max_v=4.1, cell_max_index=7.0),
            short("porsche-taycan", id, "621E349C40C6", cell_min_v=4.0, cell_min_index=198.0),
            short("porsche-taycan", id, "621E0E7D", temp_max_c=25.0),
            short("porsche-taycan", id, "621E0F5F", temp_min_c=-5.0),
            inside("porsche-taycan", id, "621E1078", temp_mean_c=20.0),
            inside("porsche-taycan", id, "621E3B1F3F", cells_sum_v=799.9),
            inside("porsche-taycan", id, "6218224B4C4D", t4=25.0, t5=26.0, t6=27.0),
            Fact(
                *("porsche-taycan", id, "621870", 46, {4: "A028", 11: "9C40", 39: "9C41"}),
                {"v193": 4.1, "v194": 4.0, "v198": 4.0001},
            ),
        )
    ),
]

BMW = [
    sent(
        "bmw-i3", "112", "C92050 0EF4020000".replace(" ", ""), current_a=20.1, voltage_v=366.4, soc_pct=75.6
    ),
    sent("bmw-i3", "112", "FFFF1027E9030000", current_a=None, voltage_v=None, soc_pct=None),
    sent("bmw-i3", "112", "38200F27E8030000", current_a=5.6, voltage_v=999.9, soc_pct=100.0),
    Fact("bmw-i3", "432", "", 8, {4: "97"}, {"soc_display_pct": 75.5}),
    *(
        fact
        for id in ("607/F1", "607/F4")
        for fact in (
            short("bmw-i3", id, "62DDBC02F4", soc_pct=75.6),
            short("bmw-i3", id, "62DD688F20", voltage_v=366.4),
            short("bmw-i3", id, "62DD69FFFFF826", current_a=-20.1),  # -2,010 / 100
            short("bmw-i3", id, "62DDC0FF9C09C404B0", temp_min_c=-1.0, temp_max_c=25.0),
            inside("bmw-i3", id, "62DDC0FF9C09C404B0", temp_mean_c=12.0),
            Fact(
                *("bmw-i3", id, "62DFA0", 15, {9: "94709C409858"}),
                {"battery.cell_min_v": 3.8, "battery.cell_max_v": 4.0, "cell_mean_v": 3.9},
            ),
            Fact("bmw-i3", id, "626335", 7, {6: "5F"}, {"battery.soh_pct": 95.0}),
        )
    ),
]

OTHERS = [
    inside("chevrolet-bolt", "7EF", "624181C28F", v1=3.8),  # 49,807 x 5 / 65,535
    inside("chevrolet-bolt", "7EF", "62419FFFFF", v31=5.0),
    inside("chevrolet-bolt", "7EF", "6242003333", v32=1.0),
    inside("chevrolet-bolt", "7EF", "6242403333", v96=1.0),
    *(  # OBDb's recordings of a car of 2019
        inside(
            "chevrolet-bolt", "7EC", f"6243AF{raw}", **{"battery.soc_pct": pytest.approx(soc_pct, abs=5e-6)}
        )
        for raw, soc_pct in (("26C9", 15.15068), ("8806", 53.13497), ("DE5B", 86.85893))
    ),
    inside("chevrolet-bolt", "7EC", "62833487", soc_display_pct=pytest.approx(52.94118, abs=5e-6)),
    inside("chevrolet-bolt", "7EC", "62434F41", pack_temp_c=25.0),
    inside("chevrolet-bolt", "7EC", "62436878", ac_v=240.0),
    inside("chevrolet-bolt", "7EC", "624369A0", ac_a=32.0),
    inside("chevrolet-bolt", "7EC", "62436B02EE", dc_v=375.0),
    inside("chevrolet-bolt", "7EC", "62436CFFEC", dc_a=-1.0),
    short("chevrolet-bolt", "7E9", "6228859088", voltage_v=370.0),
    short("chevrolet-bolt", "7E9", "622414FF38", current_a=-10.0),
    Fact(
        "renault-zoe-1", "7BB", "6101", 60, {2: "1450"}, {"battery.current_a": 20.0}
    ),  # (5,200 - 5,000) / 10
    Fact(
        *("renault-zoe-1", "7BB", "6103", 30, {12: "0190018A", 24: "1B58"}),
        {"battery.cell_max_v": 4.0, "battery.cell_min_v": 3.94, "battery.soc_pct": 70.0},
    ),
    Fact(
        *("renault-zoe-1", "7BB", "6104", 40, {2: "02103CFFFFFF03001E", 35: "011141"}),
        {"t1": 20.0, "t2": None, "t3": -10.0, "t12": 25.0},
    ),
    Fact("renault-zoe-1", "7BB", "6141", 126, {2: "0FA0", 124: "0FA1"}, {"v1": 4.0, "v62": 4.001}),
    Fact(
        *("renault-zoe-1", "7BB", "6142", 74, {2: "0FA2", 68: "0FA3", 70: "94709466"}),
        {"v63": 4.002, "v96": 4.003, "battery.voltage_v": 380.0, "pack_again_v": 379.9},
    ),
    Fact("renault-zoe-1", "7BB", "6161", 22, {9: "BE"}, {"battery.soh_pct": 95.0}),
    short("renault-zoe-1", "7EC", "6220020DAC", soc_pct=70.0),  # 3,500 / 50
    short("renault-zoe-1", "7EC", "62320302F8", voltage_v=380.0),
    *(
        short("renault-zoe-2", "18DAF1DB", said, **{field: value})
        for said, field, value in (
            ("6290011C84", "soc_pct", 70.0),  # (7,300 - 300) / 100
            ("629003251C", "soh_pct", 95.0),
            ("6290050ED8", "voltage_v", 380.0),
            ("62925D7D80", "current_a", -16.0),  # (32,128 - 32,640) / 32
            ("62901303C0", "temp_min_c", 20.0),  # (960 - 640) / 16
            ("6290140410", "temp_max_c", 25.0),
            ("6290071000", "cell_max_v", 4.0),
            ("6290090F00", "cell_min_v", 3.75),
        )
    ),
    inside("renault-zoe-2", "18DAF1DB", "6290021B58", soc_usable_pct=70.0),
    inside("renault-zoe-2", "18DAF1DB", "62901203E0", temp_mean_c=22.0),
    inside("renault-zoe-2", "18DAF1DB", "6291C8007D00", available_kwh=32.0),
    inside("renault-zoe-2", "18DAF1DB", "6290211000", v1=4.0),
    inside("renault-zoe-2", "18DAF1DB", "62903F1000", v31=4.0),
    inside("renault-zoe-2", "18DAF1DB", "6290401000", v32=None),  # a gap
    inside("renault-zoe-2", "18DAF1DB", "6290411000", v32=4.0),
    inside("renault-zoe-2", "18DAF1DB", "62907F1000", v93=4.0),
    inside("renault-zoe-2", "18DAF1DB", "6290831000", v96=4.0),
    sent("mitsubishi-i-miev", "373", "0000841 40CE50000".replace(" ", ""), current_a=10.44, voltage_v=330.1),
    sent("mitsubishi-i-miev", "374", "0096000000000000", soc_pct=70.0),
    *(
        sent("mitsubishi-i-miev", "374", f"00{raw}000000000000", soc_pct=soc)
        for raw, soc in (("09", None), ("0A", 0.0), ("D2", 100.0), ("D3", None))
    ),
    *(
        Fact(
            "mitsubishi-i-miev",
            f"6E{k + 1}",
            "",
            8,
            {0: f"{0x30 | module:02X}000000", 4: "01900191"},
            {first: 4.1, second: 4.105},
        )
        for module, k, first, second in (
            (1, 0, "v1", "v2"),
            (1, 3, "v7", "v8"),
            (6, 0, "v41", "v42"),
            (6, 1, "v43", "v44"),
            (7, 0, "v45", "v46"),
            (7, 3, "v51", "v52"),
            (12, 1, "v87", "v88"),
        )
    ),
    Fact("mitsubishi-i-miev", "6E3", "", 8, {0: "06000000", 4: "01900191"}, {"v45": None, "v41": None}),
    Fact("mitsubishi-i-miev", "6E1", "", 8, {0: "02004B4C"}, {"t7": 25.0, "t8": 26.0}),
    Fact("mitsubishi-i-miev", "6E2", "", 8, {0: "024B4C00"}, {"t9": 25.0, "t10": 26.0}),
    sent(
        "think-city",
        "301",
        "FF380E100 12C0A8C".replace(" ", ""),
        current_a=20.0,
        voltage_v=360.0,
        soc_pct=70.0,
    ),
    Fact("think-city", "301", "", 8, {6: "0A8C"}, {"temp_mean_c": 270.0}),
    Fact("think-city", "304", "", 8, {4: "0A8CFFF6"}, {"t1": 270.0, "t2": -1.0}),
    *(
        short("jaguar-i-pace", "7EC", said, **{field: value})
        for said, field, value in (
            ("6249101B58", "soc_pct", 70.0),
            ("62490F9470", "voltage_v", 380.0),
            ("62490C8320", "current_a", 20.0),  # (33,568 - 32,768) / 40
            ("6249030FA0", "cell_max_v", 4.0),
            ("6249040F9F", "cell_min_v", 3.999),
            ("62490582", "temp_max_c", 25.0),
            ("62490678", "temp_min_c", 20.0),
            ("624918BE", "soh_pct", 95.0),
        )
    ),
    inside("jaguar-i-pace", "7EC", "6249077A", temp_mean_c=21.0),
    *(
        fact
        for id in ("7E8", "7EF")
        for fact in (
            short("obd-ii", id, "415BCC", soc_pct=80.0),
            short("obd-ii", id, "62F45BCC", soc_pct=80.0),
            inside("obd-ii", id, "4142380C", module_v=14.348),
            inside("obd-ii", id, "62F442380C", module_v=14.348),
            inside("obd-ii", id, "410D64", speed_kmh=100.0),
            inside("obd-ii", id, "62F40D64", speed_kmh=100.0),
            inside("obd-ii", id, "490201" + VIN.encode().hex(), vin=VIN),
        )
    ),
]

FACTS = [*HYUNDAI, *NISSAN, *VOLKSWAGEN, *BMW, *OTHERS, *CHINESE]


@pytest.mark.parametrize("profile", names())
def test_each_fact_of_a_profile_is_what_its_bytes_mean(profile: str) -> None:
    facts = [fact for fact in FACTS if fact.profile == profile]
    assert facts
    for fact, found in zip(facts, told(profile, [fact.frames for fact in facts]), strict=True):
        got = {name: found.get(name) for name in fact.values}
        assert got == pytest.approx(fact.values, abs=1e-4 if profile == "chevrolet-bolt" else 1e-9), fact


def test_the_table_here_has_each_value_of_each_profile() -> None:
    """What a profile has of another one is tried with either."""
    tried: dict[str, set[str]] = {}
    for fact in FACTS:
        tried.setdefault(fact.profile, set()).update(name.rpartition(".")[2] for name in fact.values)
    for name in names():
        profile = named(name)
        fields = [field for each in (*profile.reads, *profile.broadcasts) for field in each.fields]
        untried = {field.to.rpartition(".")[2] or field.name for field in fields} - tried[name]
        while profile.extends:
            profile = named(profile.extends)
            untried -= tried[profile.name]
        assert untried == set(), name
