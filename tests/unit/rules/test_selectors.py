"""Selectors from a database to the data model: what they select reaches it, by raw value, in every branch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.reducer import Reducer
from telemetry_core.rules.watch_spec import BitTest, ValueTest
from telemetry_core.rules.watcher import Watcher

from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.errors import ConfigError
from telemetry.rules.alarm_map import mapped_alarms
from telemetry.rules.limits import Limit, limit_alarms
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.settings.document import Where

J1939_ID = 6 << 26 | 0xFF10 << 8 | 0xFE
J1939 = f"""BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "J1939PG";
BA_ "VFrameFormat" BO_ {J1939_ID | 1 << 31} 3;
"""
CELLS = MapEntry("A.Cell{n}", "cells.v{n}")
Fields = dict[str, float]


def plan_of(folder: Path, *signals: str, id: int = 256, after: str = "", texts: bool = False) -> PlanSpec:
    """Write a DBC of one message `A`, each signal as in a DBC up to its scale; return its plan."""
    file = folder / "a.dbc"
    lines = [f' SG_ {signal} [0|0] "" ECU\n' for signal in signals]
    file.write_text(f'VERSION ""\nBS_:\nBU_: ECU\nBO_ {id} A: 8 ECU\n{"".join(lines)}{after}')
    loaded = build_plan([BusDatabases("can0", (file,), value_texts=texts)])
    assert loaded.warnings == ()
    return loaded.spec


@dataclass
class Bench:
    """Decoder, mapper and watcher of one channel, fed by payloads that are `step_ns` apart."""

    spec: PlanSpec
    entries: Sequence[MapEntry]
    id: int = 256
    step_ns: int = 10**9

    def __post_init__(self) -> None:
        self.map = resolve(self.entries, self.spec)
        self.schema = Schema(self.spec.records + self.map.records)
        self.decoder = Decoder(Plan(self.spec, self.schema))
        self.decoder.bind(0, 0, 0, 256)
        self.mapper = Mapper(self.schema, self.map)
        tags = range(1, 1 + len(self.map.tag_sets))
        self.mapper.bind(0, 0, tags)
        self.alarms = list(mapped_alarms(self.entries, self.spec))
        self.watcher = Watcher(self.schema, [alarm.rule for alarm in self.alarms])
        self.watcher.bind(0, 0, 0, tags)
        self.frames = 0

    def rows(self, *payloads: str) -> SampleBatch:
        batch, samples, mapped = (
            FrameBatch(len(payloads)),
            SampleBatch(self.schema),
            SampleBatch(self.schema),
        )
        for payload in payloads:
            extended = 1 << 31 if self.id > 0x7FF else 0
            batch.append(self.frames * self.step_ns, self.id | extended, bytes.fromhex(payload))
            self.frames += 1
        self.decoder.decode(batch, samples)
        self.mapper.map(samples, mapped)
        return mapped

    def made(self, measurement: str, *payloads: str) -> list[Fields]:
        """Return the rows of one measurement."""
        return [row.raw for row in self.rows(*payloads) if row.measurement == measurement]

    def events(self, *payloads: str) -> list[tuple[int, str]]:
        """Second and text of each transition."""
        found = self.watcher.watch(self.rows(*payloads))
        return [(each.time_ns // 10**9, self.alarms[each.rule].words(each)) for each in found]


PAGE = "Page M : 0|2@1+ (1,0)"
PAGES = [f"Cell{page + 1} m{page} : 8|16@1+ (0.001,0)" for page in range(4)]


@pytest.fixture
def paged(tmp_path: Path) -> Bench:
    """J1939, where 2 and 3 of two bits are "error" and "not available"."""
    signals = (PAGE, *PAGES, "Volt m3 : 32|16@1+ (0.1,0)")
    spec = plan_of(tmp_path, *signals, id=J1939_ID | 1 << 31, after=J1939)
    entries = [CELLS, MapEntry("A.Volt", "battery.voltage_v")]
    return Bench(spec, entries, id=J1939_ID)


def test_pages_whose_number_is_not_available_reach_the_data_model(paged: Bench) -> None:
    volts = "FF A00F FFFF"  # 4000 tenths
    pages = [f"{page} {volts}" for page in ("FC 740E", "FD 750E", "FE 760E", "FF 770E")]
    (cells,) = paged.made("cells", *pages)
    assert cells == {"v001": 3.7, "v002": 3.701, "v003": 3.702, "v004": 3.703}
    assert paged.made("battery", pages[3]) == [{"voltage_v": 400.0}]
    assert paged.mapper.incomplete_cycles == 0


def test_the_number_itself_is_left_out_of_the_row(paged: Bench) -> None:
    assert paged.made("A", "FF 740E FF A00F FFFF") == [{"Cell4": 3700, "Volt": 4000}]


def test_a_page_that_has_no_cell_any_more_is_still_a_page_of_its_cycle(paged: Bench) -> None:
    three = [f"{0xFC | page:02X} 740E FF A00F FFFF" for page in range(3)]
    (cells,) = paged.made("cells", *three, "FF FFFF FF A00F FFFF")
    assert cells == {"v001": 3.7, "v002": 3.7, "v003": 3.7}


def test_a_page_that_is_too_short_for_its_number_is_no_page(tmp_path: Path) -> None:
    bench = Bench(plan_of(tmp_path, "Page M : 8|8@1+ (1,0)", "Cell1 m0 : 0|8@1+ (1,0)"), [CELLS])
    assert bench.made("cells", "05") == []
    assert bench.made("cells", "0500") == [{"v001": 5.0}]


FLAGS = ("Page M : 0|1@1+ (1,0)", "Alive m0 : 1|1@1+ (1,0)", "Speed m1 : 8|8@1+ (1,0)")


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("table", ["", 'VAL_ 256 Page 0 "First" 1 "Second" ;\n'])
def test_a_selector_is_no_flag_whatever_words_it_has(tmp_path: Path, table: str, texts: bool) -> None:
    spec = plan_of(tmp_path, *FLAGS, after=table, texts=texts)
    fields = spec.records[0].fields
    assert [field.name for field in fields if field.passes] == ["Alive"]
    bench = Bench(spec, [MapEntry("A.Speed", "battery.soc_pct")])
    reduced = SampleBatch(bench.schema)
    Reducer(bench.schema, [3600 * 10**9, 0]).reduce(bench.rows(*["00 00", "01 05"] * 50), reduced)
    assert [row.raw.get("Page") for row in reduced if row.measurement == "A"] == [
        0
    ]  # the first, and no other


VOLT = ("Mux M : 0|8@1+ (1,0)", "Volt m0 : 8|16@1+ (0.1,0)", "Volt m1 : 24|8@1+ (2,-1)")


def test_a_signal_of_several_branches_is_mapped_in_each_with_its_own_place_and_scale(tmp_path: Path) -> None:
    bench = Bench(plan_of(tmp_path, *VOLT), [MapEntry("A.Volt", "battery.voltage_v", scale=10)])
    made = bench.made("battery", "00 A00F 05", "01 A00F 05", "02 A00F 05")
    assert made == [{"voltage_v": 4000.0}, {"voltage_v": 90.0}]


def test_cells_of_one_name_in_several_branches_are_one_page(tmp_path: Path) -> None:
    signals = ["Mux M : 0|8@1+ (1,0)"]
    signals += [f"Cell1 m{page} : {8 * page}|8@1+ (1,0)" for page in (1, 2)]
    bench = Bench(plan_of(tmp_path, *signals, "Cell2 m3 : 8|8@1+ (1,0)"), [CELLS], step_ns=10**7)
    made = bench.made("cells", "01 07 09", "03 08")
    bench.frames += 100
    assert made + bench.made("cells", "02 07 09", "03 08") == [
        {"v001": 7.0, "v002": 8.0},
        {"v001": 9.0, "v002": 8.0},
    ]
    assert bench.mapper.incomplete_cycles == 0


def test_two_numbers_of_one_cell_are_refused_though_they_exclude_one_another(tmp_path: Path) -> None:
    spec = plan_of(tmp_path, "Mux M : 0|8@1+ (1,0)", "Cell1 m0 : 8|8@1+ (1,0)", "Cell01 m1 : 8|8@1+ (1,0)")
    with pytest.raises(ConfigError, match=r"cells\.v001 of pack main comes from A\.Cell1 already"):
        resolve([CELLS], spec)


def test_two_entries_for_one_field_are_refused_though_they_name_one_signal(tmp_path: Path) -> None:
    entry = MapEntry("A.Volt", "battery.voltage_v")
    with pytest.raises(ConfigError, match=r"comes from A\.Volt already"):
        resolve([entry, replace(entry, where=Where("map[1]"))], plan_of(tmp_path, *VOLT))


def test_a_limit_reads_the_field_whichever_branch_fills_it(tmp_path: Path) -> None:
    spec = plan_of(tmp_path, *VOLT)
    bench = Bench(spec, [MapEntry("A.Volt", "battery.voltage_v")])
    bench.alarms = list(
        limit_alarms([Limit("battery.voltage_v", "pack_overvoltage", above=300.0)], bench.map)
    )
    bench.watcher = Watcher(bench.schema, [alarm.rule for alarm in bench.alarms])
    bench.watcher.bind(0, 0, 0, [1])
    reported = bench.events("00 A00F 05", "01 A00F 05", "01 0000 C8")
    assert [second for second, _ in reported] == [0, 1, 2]


FAULT = ("Mux M : 0|8@1+ (1,0)", "Fault m0 : 8|1@1+ (1,0)", "Fault m1 : 9|1@1+ (1,0)")


def test_each_branch_is_an_alarm_that_says_which_it_is_and_that_no_other_branch_ends(tmp_path: Path) -> None:
    bench = Bench(plan_of(tmp_path, *FAULT), [MapEntry("A.Fault", "event.bms_fault")])
    text = "the BMS itself is at fault (A.Fault, Mux 1)"
    assert bench.events("00 02", "01 02", "00 02", "01 02") == [(1, text)]
    assert bench.events("00 00", "01 00") == [(5, f"no longer: {text}")]
    named = Bench(bench.spec, [MapEntry("A.Fault", "event.bms_fault", text="pump")])
    assert named.events("00 01") == [(0, "pump (Mux 0)")]


def test_a_branch_of_several_values_is_named_by_its_ranges(tmp_path: Path) -> None:
    ranges = "SG_MUL_VAL_ 256 Fault Mux 0-0, 4-9;\nSG_MUL_VAL_ 256 Fault Mux 1-1;\n"
    alarms = list(
        mapped_alarms([MapEntry("A.Fault", "event.bms_fault")], plan_of(tmp_path, *FAULT, after=ranges))
    )
    assert [alarm.text.partition("(")[2] for alarm in alarms] == ["A.Fault, Mux 0, 4-9)", "A.Fault, Mux 1)"]


STATE = ("Mux M : 0|8@1+ (1,0)", "State m0 : 8|4@1+ (1,0)", "State m1 : 8|12@1+ (1,0)")
WORDS = 'VAL_ 256 State 1 "on" 300 "lost" ;\n'


def test_raw_values_and_bits_are_those_that_each_branch_can_have(tmp_path: Path) -> None:
    spec = plan_of(tmp_path, *STATE, after=WORDS)

    def tests(**keys: object) -> list[object]:
        entry = replace(MapEntry("A.State", "event.bms_fault"), **keys)  # type: ignore[arg-type]
        return [alarm.rule.test for alarm in mapped_alarms([entry], spec)]

    assert tests(bit=3) == [BitTest(8), BitTest(8)]
    assert tests(bit=11) == [BitTest(1 << 11)]
    assert tests(when=(1, 300)) == [ValueTest((1,)), ValueTest((1, 300))]
    assert tests(when=("lost",)) == [ValueTest((300,))]
    entry = MapEntry("A.State", "battery.soc_pct", absent=(15, "lost", 4095))
    (part,) = resolve([entry], spec).buses[0].messages[0].outputs[0].parts
    assert [slot.absent for slot in part.slots] == [(15,), (15, 300, 4095)]
    for value, reported in ((4096, "0 to 4095 (raw), not 4096"), ("los", '"los" (did you mean "lost"?)')):
        with pytest.raises(ConfigError) as caught:
            tests(when=(value,))
        assert reported in str(caught.value)
    with pytest.raises(ConfigError, match="has bits 0 to 11, not 12"):
        tests(bit=12)


def test_a_text_has_in_each_branch_the_words_of_its_raw_values(tmp_path: Path) -> None:
    spec = plan_of(tmp_path, *STATE)
    bench = Bench(spec, [MapEntry("A.State", "charger.phase", values={1: "bulk", 300: "float"})])
    made = bench.made("charger", "00 01", "01 0100", "00 02", "01 2C01")
    assert [row["phase"] for row in made] == [0, 0, 1]
    only = Bench(spec, [MapEntry("A.State", "charger.phase", values={300: "float"})])
    assert only.made("charger", "00 0C", "01 2C01") == [{"phase": 0}]
