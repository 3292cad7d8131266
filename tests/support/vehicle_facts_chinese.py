"""Facts of the profiles of Chinese makers, for tests/unit/vehicles/test_facts.py."""

from tests.support.vehicle_facts import Fact, inside, sent, short

MGS = ("mg4", "mg-zs-ev", "mg5")

CHINESE = [
    # 400 V in 12 bits, (5,200 - 5,000) / 10 out of the battery
    sent(
        "byd-atto3", "444", "90F150146046002B", voltage_v=400.0, current_a=-20.0, soh_pct=96.0, soc_pct=70.0
    ),
    sent("byd-atto3", "438", "0000000000A10F00", voltage_v=400.1),
    sent(
        "byd-atto3",
        "446",
        "07E4FC00 2AF0FC00".replace(" ", ""),
        cell_min_index=7.0,
        cell_min_v=3.3,
        cell_max_index=42.0,
        cell_max_v=3.312,
    ),
    sent("byd-atto3", "447", "033C0841BF023E00", temp_min_c=20.0, temp_max_c=25.0, soc_pct=70.3),
    Fact(
        "byd-atto3",
        "447",
        "",
        8,
        {0: "033C0841BF023E00"},
        {"temp_min_index": 3.0, "temp_max_index": 8.0, "temp_mean_c": 22.0},
    ),
    Fact("byd-atto3", "43D", "", 8, {0: "00E4FCE5FCFFFF"}, {"v1": 3.3, "v2": 3.301, "v3": None}),
    Fact("byd-atto3", "43D", "", 8, {0: "29E40CE50CE60C"}, {"v124": 3.3, "v125": 3.301, "v126": 3.302}),
    Fact("byd-atto3", "43C", "", 8, {0: "013CFF3D3E3F40"}, {"t7": 20.0, "t8": None, "t12": 24.0}),
    Fact("byd-atto3", "345", "", 8, {0: "DC058403"}, {"discharge_limit_kw": 150.0, "charge_limit_kw": 90.0}),
    Fact("byd-atto3", "43A", "", 8, {2: "F401"}, {"insulation_ohm_per_v": 500.0}),
    Fact("byd-atto3", "323", "", 8, {0: "03000020"}, {"charge_state": 3.0, "ac": 1.0}),
    Fact("byd-atto3", "323", "", 8, {0: "000000DF"}, {"charge_state": 0.0, "ac": 0.0}),
    *(
        short("byd-atto3", "7EF", said, **{field: value})
        for said, field, value in (
            ("62000546", "soc_pct", 70.0),
            ("6200089001", "voltage_v", 400.0),
            ("6200095014", "current_a", -20.0),
            ("62002BE40C", "cell_min_v", 3.3),
            ("62002DE50C", "cell_max_v", 3.301),
            ("62002F3C", "temp_min_c", 20.0),
            ("62003141", "temp_max_c", 25.0),
            ("62000FE803", "charged_ah", 1000.0),
            ("620010E703", "discharged_ah", 999.0),
            ("6200119001", "charged_wh", 400_000.0),
            ("6200128F01", "discharged_wh", 399_000.0),
        )
    ),
    short("byd-atto3", "7EF", "621FFC581B983A", soc_pct=70.0, capacity_ah=150.0),
    inside("byd-atto3", "7EF", "6200323E", temp_mean_c=22.0),
    # as the Zeekr says it: u16 >> 3, tenths of a volt for the pack
    Fact("geely-sea", "142", "", 8, {0: "0000007F3F"}, {"battery.voltage_v": 407.1}),
    Fact("geely-sea", "142", "", 8, {0: "01000073A7"}, {"battery.cell_max_v": 3.7}),
    Fact("geely-sea", "142", "", 8, {0: "0200007378"}, {"battery.cell_min_v": 3.695}),
    Fact("geely-sea", "142", "", 8, {0: "03000173A0"}, {"v1": 3.7, "v2": None, "battery.voltage_v": None}),
    Fact("geely-sea", "142", "", 8, {0: "FF006E73A8"}, {"v110": 3.701}),
    Fact("geely-sea", "142", "", 8, {0: "03006F73A8"}, {"v110": None, "v111": None}),
    sent("geely-sea", "143", "FEBF000000000000", current_a=31.7),  # -(-321 + 4) / 10
    sent("geely-sea", "143", "00C4000000000000", current_a=-20.0),
    *(
        short("geely-sea", id, said, **{field: value})
        for id in ("635", "1EC6AE80")
        for said, field, value in (
            ("6248039F06", "voltage_v", 407.1),
            ("62489A2441", "soh_pct", 92.81),
            ("624945001D4C", "temp_max_c", 25.0),  # 7,500 / 100 - 50
            ("6249A1001B58", "temp_min_c", 20.0),
            ("624907000E74", "cell_max_v", 3.7),
            ("624908000E73", "cell_min_v", 3.699),
        )
    ),
    *(
        short(name, id, said, **{field: value})
        for name in MGS
        for id in (("7ED",) if name == "mg4" else ("7ED", "789"))
        for said, field, value in (
            ("62B0420640", "voltage_v", 400.0),
            ("62B0439F60", "current_a", -20.0),  # -(40,800 - 40,000) / 40
            ("62B04602BC", "soc_pct", 70.0),
            ("62B0580E7407", "cell_max_v", 3.7),
            ("62B0580E7407", "cell_max_index", 7.0),
            ("62B0590E7308", "cell_min_v", 3.699),
            ("62B0590E7308", "cell_min_index", 8.0),
            ("62B061251C", "soh_pct", 95.0),
        )
    ),
    *(
        inside(name, "7ED", said, **{field: value})
        for name in MGS
        for said, field, value in (
            ("62B041063F", "bus_v", 399.75),
            ("62B041FFFE", "bus_v", None),
            ("62B04806", "state", 6.0),
            ("62B05682", "pack_temp_c", 25.0),
            ("62B05C78", "coolant_temp_c", 20.0),
            ("415BCC", "soc_display_pct", 80.0),
            ("62B0011518151A8278", "module_min_v", 3.7),  # 5,400 / 2,000 + 1
            ("62B1151518151A8278", "module_max_v", 3.701),
            ("62B0DE1518151A8278", "module_temp_1_c", 25.0),
            ("62B0CB1518151A8278", "module_temp_2_c", 20.0),
        )
    ),
    *(
        fact
        for name in ("mg-zs-ev", "mg5")
        for fact in (
            # 1,600 x 0.25 V, -(20,400 - 20,000) / 20 A
            sent(name, "3AC", "000002BCF6404FB0", soc_pct=70.0, voltage_v=400.0, current_a=-20.0),
            sent(name, "3AC", "000003FE06404FB0", soc_pct=None, voltage_v=400.0),
            sent(name, "3AC", "000002BCF0004FB0", soc_pct=None, voltage_v=None, current_a=None),  # the copy
            sent(name, "173", "000000000E740E73", cell_max_v=3.7, cell_min_v=3.699),
            sent(name, "2A2", "7D00000000700000", temp_max_c=24.0, temp_min_c=17.344),
            sent(name, "2A2", "FE00000000FF0000", temp_max_c=None, temp_min_c=None),
            Fact(name, "3BE", "", 8, {0: "003C0A8C0000"}, {"v1": 3.7, "t1": 20.0}),
            Fact(name, "3BE", "", 8, {0: "003D0A8D006B"}, {"v108": 3.701, "t108": 21.0}),
        )
    ),
    Fact("mg5", "3BE", "", 8, {0: "003D0A8D0077"}, {"v120": 3.701}),
    Fact("maxus-edeliver3", "7C8", "62E113", 195, {3: "0DE3", 193: "0DE4"}, {"v1": 3.555, "v96": 3.556}),
    Fact("maxus-edeliver3", "7C8", "62E114", 35, {3: "61A8", 33: "4E20"}, {"t1": 25.0, "t16": 20.0}),
    short("maxus-edeliver3", "7C8", "62E0951B58", soc_pct=70.0),
    short("maxus-edeliver3", "7C8", "62E0141B58", soc_pct=70.0),
    short("maxus-edeliver3", "7C8", "62E0535F", soh_pct=95.0),
    short("maxus-edeliver3", "7EB", "62E0190D4F", voltage_v=340.7),
    inside("maxus-edeliver3", "7C8", "62E09619C8", soc_raw_pct=66.0),
    inside("maxus-edeliver3", "7C8", "62E03702", state=2.0),
    inside("maxus-edeliver3", "7C8", "62E13100C8", pack_a=20.0),
    inside("maxus-edeliver3", "7C8", "62E08800C8", dc_a=20.0),
    *(
        short("xpeng", "784", said, **{field: value})
        for said, field, value in (
            ("6211010FA0", "voltage_v", 400.0),
            ("6211030CA8", "current_a", -20.0),  # -(3,240 / 2 - 1,600)
            ("6211050E74", "cell_max_v", 3.7),
            ("6211060E73", "cell_min_v", 3.699),
            ("62110741", "temp_max_c", 25.0),
            ("6211083C", "temp_min_c", 20.0),
            ("62110902BC", "soc_pct", 70.0),
            ("62110A03B6", "soh_pct", 95.0),
            ("621120000003E8", "charged_ah", 1000.0),
            ("621121000003E7", "discharged_ah", 999.0),
        )
    ),
    Fact(
        "xpeng",
        "784",
        "621122",
        100,
        {4: "B9", 99: "B8"},
        {"v1": 3.7, "v96": 3.68, "v97": None, "v192": None},
    ),
    Fact("xpeng", "784", "621122", 196, {195: "B8"}, {"v192": 3.68}),
    Fact("xpeng", "784", "621123", 7, {4: "3C415A"}, {"t1": 20.0, "t2": 25.0, "t3": 50.0, "t4": None}),
]
