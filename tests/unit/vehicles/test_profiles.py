"""A profile's file: what it becomes, and each fault as one line with file, line and key."""

import re
from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.model.ids import IsoTpId
from telemetry.vehicles.known import named, names
from telemetry.vehicles.profile import Profile

VAN = """\
title = "A van"
cells = 8
[bus.port]
title = "OBD port"
bit_rate = 500_000
[bus.ev]
title = "EV-CAN"
bit_rate = 250_000
[unit.bms]
bus = ["port", "ev"]
at = [{ request = "7E4", answer = "7EC" }, { request = "17FC007B", answer = "17FE007B" }]
[unit.old]
bus = "ev"
at = [{ request = "6F1/07", answer = "607/F1" }]
"""
ASKED = """\
[[read]]
unit = "bms"
what = "220101"
length = [20]
mark = "V"
fields = [{ to = "battery.voltage_v", byte = 15, bytes = 2, scale = 0.1 }]
"""
PAGES = """\
[[read]]
unit = "bms"
what = "2201FE"
times = 2
mark = "2"
cells = { count = 4, byte = 4, present = 3 }
"""
SENT = """\
[[broadcast]]
bus = "ev"
id = "1DB"
mark = "1"
fields = [{ to = "battery.current_a", bit = 7, bits = 11, signed = true }]
"""
LATER = PAGES.replace("times = 2", "times = 1").replace("{ count", "{ first = 5, count")
CELLS = """\
[[broadcast]]
bus = "ev"
id = "1D0"
mark = "1"
cells = { count = 4, byte = 0 }
"""
EXAMPLE = re.compile(r"```toml\n(.*?)```", re.DOTALL)  # of a page


def read(folder: Path, *tables: str, name: str = "van.toml") -> Profile:
    file = folder / name
    file.write_text("".join(tables))
    return named(file)


def test_each_page_and_each_frame_is_a_message_with_the_ids_of_its_bus(tmp_path: Path) -> None:
    profile = read(tmp_path, VAN, ASKED, PAGES, SENT)
    at_port, on_ev = profile.protocol("port"), profile.protocol("ev")
    assert [each.code for each in at_port.messages] == ["bms_220101", "bms_2201FE", "bms_2201FF"]
    assert [each.code for each in on_ev.messages] == ["bms_220101", "bms_2201FE", "bms_2201FF", "1DB"]
    assert at_port.isotp == (IsoTpId(0x7EC), IsoTpId(0x97FE007B))
    assert on_ev.isotp == (*at_port.isotp, IsoTpId(0x607, extended_addressing=True))
    assert (at_port.bit_rate, on_ev.bit_rate) == (500_000, 250_000)
    specs = at_port.bus("can0").messages
    assert [(each.arbitration_id, each.extended, each.record) for each in specs[:2]] == [
        (0x7EC, False, 0),
        (0x17FE007B, True, 0),
    ]
    assert [(each.begins, each.lengths) for each in specs[::2]] == [
        (bytes.fromhex("620101"), (20,)),
        (bytes.fromhex("6201FE"), ()),
        (bytes.fromhex("6201FF"), ()),
    ]
    second_page = at_port.messages[2].signals
    assert [(each.name, each.start_bit, each.present_bit) for each in second_page] == [
        ("v5", 39, 31),
        ("v6", 47, 30),
        ("v7", 55, 29),
        ("v8", 63, 28),
    ]


def test_rows_of_reads_with_one_name_are_called_alike(tmp_path: Path) -> None:
    reads = """
[[read]]
unit = "bms"
what = "010D"
name = "OBD"
mark = "2"
fields = [{ name = "speed_kmh", byte = 2 }]
[[read]]
unit = "bms"
what = "0142"
name = "OBD"
mark = "2"
fields = [{ name = "module_v", byte = 2, bytes = 2, scale = 0.001 }]
"""
    specs = read(tmp_path, VAN, reads).protocol("port").bus("can0").messages[::2]
    assert [(each.name, each.begins.hex()) for each in specs] == [("OBD", "410d"), ("OBD", "4142")]


def test_a_number_in_the_frame_says_which_cell_it_is(tmp_path: Path) -> None:
    paged = """
[[broadcast]]
bus = "ev"
id = "142"
mark = "V"
selector = { byte = 0 }
fields = [{ to = "battery.voltage_v", page = 0, bit = 31, bits = 13, scale = 0.1 }]
cells = { page = [3, 255], bit = 31, bits = 13, count = 2, number = { byte = 2, from = 1, to = 4 } }
"""
    (spec,) = read(tmp_path, VAN, paged).protocol("ev").bus("can0").messages
    page, voltage, number, *cells = spec.signals
    assert (page.condition, spec.conditions[voltage.condition].ranges) == (-1, ((0, 0),))
    assert spec.conditions[number.condition].ranges == ((3, 255),)
    assert [spec.conditions[each.condition].selector for each in cells] == [2] * 8
    assert [spec.conditions[each.condition].ranges[0][0] for each in cells] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [each.start_bit for each in cells[:2]] == [31, 34]  # 13 bits further, in the order of a big endian


@pytest.mark.parametrize(
    ("tables", "line", "key", "words"),
    [
        ((VAN, "unknown = 1\n"), 15, "unit.old.unknown", "unknown key"),
        ((VAN, ASKED, "lenght = 3\n"), 21, "read[0].lenght", "unknown key (did you mean length?)"),
        ((VAN.replace("cells = 8", "cell = 8"),), 2, "cell", "unknown key (did you mean cells?)"),
        ((VAN, ASKED, ASKED.replace("220101", "220102\"\nname = \"bms_220101")), 21, "read[1]", "two"),
        ((VAN, ASKED, ASKED), 21, "read[1]", "an answer may be bms_220101_20 and bms_220101_20"),
        ((VAN, ASKED, ASKED.replace("[20]", "[21, 20]")), 21, "read[1]", "an answer may be bms_220101_21_20"),
        ((VAN, ASKED.replace("[20]", "[16]")), 20, "read[0].fields[0]", "voltage_v ends with byte 16"),
        ((VAN, ASKED.replace("bms", "bmz")), 16, "read[0].unit", "there is no [unit.bmz] (did you mean"),
        ((VAN, SENT.replace('"ev"', '"ew"')), 16, "broadcast[0].bus", "there is no [bus.ew] (there are"),
        ((VAN, SENT.replace('bus = "ev"', "")), 15, "broadcast[0].bus", "is missing (there are port, ev)"),
        ((VAN.replace("607/F1", "7EC"),), 14, "unit.old.at", "7EC is of unit bms on ev already"),
        ((VAN, SENT.replace("1DB", "7EC")), 17, "broadcast[0].id", "7EC is of unit bms on ev already"),
        ((VAN, SENT, SENT), 22, "broadcast[1].id", "1DB is of broadcast 0 on ev already"),
        ((VAN, PAGES.replace("count = 4", "count = 5")), 20, "read[0].cells", "1 to 10 are more than 8"),
        ((VAN, PAGES.replace("2201FE", "22FFFF")), 18, "read[0].times", "identifiers end at FFFF"),
        ((VAN, ASKED.replace("220101", "2E0101")), 17, "read[0].what", "2E is no service that reads"),
        ((VAN, ASKED.replace("220101", "22")), 17, "read[0].what", "must be a service (01, 09, 21, 22) and"),
        ((VAN, ASKED.replace("220101", "2x")), 17, "read[0].what", "'2x' is no request in hexadecimal"),
        ((VAN, ASKED.replace("voltage_v", "voltage")), 20, "read[0].fields[0].to", 'no field "voltage"'),
        ((VAN, ASKED.replace("byte = 15", "bit = 15")), 20, "read[0].fields[0].bits", "is missing"),
        ((VAN, ASKED.replace("byte = 15,", "")), 20, "read[0].fields[0].byte", "it or bit says where"),
        ((VAN, ASKED.replace("scale = 0.1", "scale = 0")), 20, "read[0].fields[0].scale", "must not be 0"),
        ((VAN, ASKED.replace("scale = 0.1", 'absent = ["10000"]')), 20, "read[0].fields[0].absent", "more"),
        ((VAN, ASKED.replace("scale = 0.1", "characters = 3")), 20, "read[0].fields[0].characters", "name"),
        ((VAN, SENT.replace("signed = true", "page = 1")), 19, "broadcast[0].fields[0].page", "stands"),
        ((VAN.replace('answer = "7EC"', 'answer = "7EC/1"'),), 11, "unit.bms.at[0].answer", "no address"),
        ((VAN.replace('title = "A van"\n', ""),), 0, "title", "is missing"),
        ((VAN.replace("17FE007B", "DAF1DB"),), 11, "unit.bms.at[1].answer", "(3 digits, or 8 for an id of"),
        ((VAN, CELLS, CELLS.replace("1D0", "1D1")), 24, "broadcast[1].cells", "cells.v001 comes from"),
        ((VAN, PAGES, CELLS), 25, "broadcast[0].cells", "cells.v are answered, too, and a pack tells all of"),
        ((VAN, LATER, CELLS), 25, "broadcast[0].cells", "cells.v are answered, too, and a pack tells all of"),
        (('title = "A van"\n',), 0, "", "has no [bus.NAME]"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_line_each(
    tmp_path: Path, tables: tuple[str, ...], line: int, key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, *tables)
    place = f"{tmp_path}/van.toml" + f":{line}" * bool(line) + f": {key}" * bool(key)
    assert [each for each in refused.value.lines() if each.startswith(f"{place}: ") and words in each] != []
    assert refused.value.exit_code == 78


def test_two_reads_that_are_one_are_told_once(tmp_path: Path) -> None:
    twice = ASKED.replace("length = [20]\n", "")
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, VAN, twice, twice)
    (line,) = refused.value.lines()
    assert "an answer may be bms_220101 and bms_220101 (see" in line


@pytest.mark.parametrize("extended", ["b.toml", "c.toml", "a.toml"])
def test_a_profile_that_extends_itself_is_refused(tmp_path: Path, extended: str) -> None:
    (tmp_path / "c.toml").write_text('extends = "a.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "c.toml"\n')
    with pytest.raises(ConfigError, match=r"toml:1: extends: goes in a circle: a\.toml -> .*a\.toml"):
        read(tmp_path, f'extends = "{extended}"\n', name="a.toml")


def test_what_extends_a_profile_adds_to_it_and_replaces_reads_and_frames(tmp_path: Path) -> None:
    read(tmp_path, VAN, ASKED, PAGES, SENT)
    own = read(
        tmp_path,
        'extends = "van.toml"\nnote = "mine"\n',
        ASKED.replace("byte = 15", "byte = 17"),
        SENT.replace("scale", "offset").replace("1DB", "1DC"),
        name="own.toml",
    )
    assert (own.name, own.title, own.note, own.cells) == ("own", "A van", "mine", 8)
    assert [(each.what.hex(), each.fields[0].byte if each.fields else None) for each in own.reads] == [
        ("2201fe", None),
        ("220101", 17),
    ]
    assert [each.id for each in own.broadcasts] == [0x1DB, 0x1DC]


def test_the_example_of_the_page_loses_nothing(tmp_path: Path) -> None:
    (example,) = EXAMPLE.findall(Path("docs/vehicles.md").read_text())
    own = read(tmp_path, example)
    base, made = (
        {(message.code, signal.name) for message in each.protocol().messages for signal in message.signals}
        for each in (named("hyundai-kona-64"), own)
    )
    assert base <= made
    assert made - base == {("bms_220106", "something_c")}


def test_an_id_that_is_two_things_on_two_buses_is_told_apart_by_the_bus(tmp_path: Path) -> None:
    profile = read(tmp_path, VAN, SENT, SENT.replace('"ev"', '"port"').replace('"1"', '"1"\nname = "Other"'))
    assert [profile.protocol(bus).messages[0].code for bus in ("ev", "port")] == ["1DB", "Other"]
    with pytest.raises(ConfigError, match=r"one id is two things .* \(name the bus: port or ev"):
        profile.protocol()


def test_an_unknown_name_gets_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no vehicle is called 'hyundai-kona' \(did you mean"):
        named("hyundai-kona")
    with pytest.raises(ConfigError, match=r"own.toml:1: extends: no vehicle is called 'leaf9'"):
        read(tmp_path, 'extends = "leaf9"\n', name="own.toml")
    with pytest.raises(ConfigError, match=r"none.toml: cannot be read: No such file"):
        named(str(tmp_path / "none.toml"))


def test_a_file_of_10_mb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"van\.toml: is larger than 1048576 bytes"):
        read(tmp_path, VAN, "# " + "x" * 10_000_000)


@pytest.mark.parametrize("name", names())
def test_every_profile_that_comes_along_goes_together(name: str) -> None:
    profile = named(name)
    assert profile.sources
    for bus in profile.buses:
        assert profile.protocol(bus).name == name
