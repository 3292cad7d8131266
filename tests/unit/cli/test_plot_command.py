"""`plot`: what is in the picture, by its SVG, and what is said without any."""

import gzip
import re
import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.__main__ import main
from tests.support.command import failed, noted
from tests.support.zones import in_zone

pytest.importorskip("matplotlib")

DATA = Path(__file__).parents[2] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
CHARGE = str(Path(__file__).parents[3] / "examples" / "charge.log")
STAMPS = [float(line.split(")")[0].strip("(")) for line in Path(CHARGE).read_text().splitlines()]
CHARGE_S = STAMPS[-1] - STAMPS[0]

Texts = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def _caches(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    def draw(*arguments: str) -> list[str]:
        file = tmp_path / "picture.svg"
        assert main(["plot", *arguments, "-o", str(file)]) == 0
        found = ET.parse(file).getroot().iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own
        return ["".join(text.itertext()) for text in found]

    return draw


def test_a_png_has_its_size_and_is_the_same_each_time(tmp_path: Path) -> None:
    files = [tmp_path / "1.png", tmp_path / "2.png"]
    for file in files:
        assert main(["plot", LOG, "StateOfCharge", "--dbc", DBC, "-o", str(file), "--time", "utc"]) == 0
    content = files[0].read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert (width, 300 < height < 500) == (1200, True)
    assert files[1].read_bytes() == content


def test_a_capture_of_a_serial_port_is_drawn_by_its_protocol(
    texts: Texts, capfd: pytest.CaptureFixture[str]
) -> None:
    drawn = texts(str(DATA / "jbd.txt"), "soc", "voltage", "--protocol", "jbd")
    assert [text for text in drawn if text in ("soc", "voltage")] == ["soc", "voltage"]
    assert "2 curves of 6 values" in capfd.readouterr().err  # three answers with 0x03, as `decode` has them


def test_a_log_of_a_bus_is_drawn_by_a_protocol(texts: Texts, tmp_path: Path) -> None:
    log = tmp_path / "charge.log"
    log.write_text("(1.0) can0 182756F4#D007\n(2.0) can0 182756F4#D107\n")
    assert "BHM.max_voltage_v" in texts(str(log), "max_voltage_v", "--protocol", "gbt27930")


def test_signals_of_one_unit_and_size_share_a_panel_and_others_have_their_own(texts: Texts) -> None:
    drawn = texts(
        CHARGE, "PackVoltage", "LinkVoltage", "CellVoltageM*", "PackCurrent", "--dbc", str(VEHICLE_DBC)
    )
    labels = ["PackVoltage", "LinkVoltage", "CellVoltageMin", "CellVoltageMax", "PackCurrent"]
    assert [text for text in drawn if text in labels] == labels
    assert [text for text in drawn if text in ("V", "A")] == ["V", "V", "A"]


def test_the_time_axis_has_the_date_and_the_zone_or_counts(
    texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [CHARGE, "PackCurrent", "--dbc", str(VEHICLE_DBC)]
    assert "Monday, 2 March 2026  (UTC)" in texts(*words, "--time", "utc")
    assert "18:01:55" in texts(*words, "--time", "utc")
    assert "time since the first frame  (s)" in texts(*words, "--time", "relative")


def test_values_with_words_are_named(texts: Texts) -> None:
    assert "charge" in texts(CHARGE, "BMS_PackPower.State", "--dbc", str(VEHICLE_DBC))


def test_words_stand_at_the_values_of_the_raw_values_that_they_name(texts: Texts, tmp_path: Path) -> None:
    database, log = tmp_path / "gear.dbc", tmp_path / "gear.log"
    database.write_text(
        'VERSION ""\nBU_: X\nBO_ 1 Gearbox: 8 X\n SG_ Gear : 0|8@1+ (1,-1) [0|0] "" X\n'
        'VAL_ 1 Gear 0 "P" 1 "R" 2 "N" ;\n'
    )
    log.write_text("(1.0) can0 001#0000000000000000\n(2.0) can0 001#0100000000000000\n")
    drawn = texts(str(log), "Gear", "--dbc", str(database))
    assert [text for text in drawn if text in ("P", "R", "N", "-1", "0")][-2:] == ["P", "R"]


def test_a_counter_with_a_word_for_one_value_has_the_ticks_of_a_number(texts: Texts, tmp_path: Path) -> None:
    database, log = tmp_path / "counter.dbc", tmp_path / "counter.log"
    database.write_text(
        'VERSION ""\nBU_: X\nBO_ 1 Pulses: 8 X\n SG_ Count : 0|16@1+ (1,0) [0|0] "" X\n'
        'VAL_ 1 Count 65535 "SNA" ;\n'
    )
    log.write_text("".join(f"({n}.0) can0 001#{n % 256:02X}{n // 256:02X}000000000000\n" for n in range(300)))
    drawn = texts(str(log), "Count", "--dbc", str(database))
    assert len(drawn) < 40


def test_a_signal_of_several_channels_is_a_curve_for_each(texts: Texts) -> None:
    drawn = texts(LOG, "PackState.Voltage", "--dbc", DBC)
    assert [text for text in drawn if text.startswith("Voltage")] == ["Voltage  can0", "Voltage  can1"]


def test_a_part_of_a_log_is_what_is_drawn(tmp_path: Path) -> None:
    words = ["plot", CHARGE, "PackCurrent", "--dbc", str(VEHICLE_DBC), "-o", str(tmp_path / "part.png")]
    assert re.search(r"part.png: 1 curve of 30 values", noted(*words, "--from", "+2", "--to", "+5"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([LOG, "Voltage"], 64, "no database was given"),
        (
            [LOG, "Voltag", "--dbc", DBC],
            64,
            'SIGNAL: no signal is called "Voltag" (nearest: PackState.Voltage',
        ),
        ([LOG, DBC, "Voltage"], 64, f"{DBC}: is a database (--dbc {DBC})"),
        (
            [CHARGE, "PackCurrent", "--dbc", str(VEHICLE_DBC), "--from", "+5", "--to", "+3"],
            64,
            "--to: is before --from",
        ),
        (
            [CHARGE, "PackCurrent", "--dbc", str(VEHICLE_DBC), "--from", "+20"],
            65,
            f"{CHARGE}: no frame between the bounds of time; the log lasts {CHARGE_S:.1f} s",
        ),
        (
            [CHARGE, "PackCurrent", "--dbc", str(VEHICLE_DBC), "--to", "+0"],
            65,
            f"{CHARGE}: no frame between the bounds of time; the log lasts {CHARGE_S:.1f} s",
        ),
        (["gone.log", "Voltage", "--dbc", DBC], 66, "gone.log: "),
        ([LOG, "Voltage", "--dbc", DBC, "-o", "x.jpg"], 64, "x.jpg: is neither .png nor .svg"),
        ([LOG, "StateOfCharge", "--dbc", str(VEHICLE_DBC)], 65, "holds 15 frames, and no known message"),
        ([CHARGE, "StateOfHealth", "--dbc", str(VEHICLE_DBC)], 65, "no value of these signals"),
        ([LOG, "Voltage", "--dbc", DBC, "-o", "/nowhere/x.png"], 74, "/nowhere/x.png: cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(words: list[str], code: int, said: str) -> None:
    assert said in failed(code, "plot", *words).splitlines()[-1]


def test_a_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'nev-telemetry[plot]'" in failed(72, "plot", LOG, "Voltage", "--dbc", DBC)


@pytest.mark.parametrize("ending", [".log", ".log.gz"])
def test_a_picture_without_a_name_has_the_whole_name_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for day in ("2026.03.01", "2026.03.02"):
        content = Path(CHARGE).read_bytes()
        Path(day + ending).write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
        assert main(["plot", day + ending, "PackCurrent", "--dbc", str(VEHICLE_DBC)]) == 0
    assert {file.name for file in tmp_path.glob("*.png")} == {"2026.03.01.png", "2026.03.02.png"}


def test_a_picture_never_takes_the_place_of_its_log_or_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {Path("x.png"): Path(CHARGE).read_bytes(), Path("dbc.svg"): VEHICLE_DBC.read_bytes()}
    for file, content in files.items():
        file.write_bytes(content)
    words = ["plot", "x.png", "PackCurrent", "--dbc", "dbc.svg"]
    for output, named in (([], "x.png"), (["-o", "dbc.svg"], "dbc.svg")):
        assert f"{named}: is a file that is to be read (give another --output)" in failed(64, *words, *output)
    assert {file: file.read_bytes() for file in files} == files


@pytest.mark.parametrize(("count", "code"), [(64, 0), (65, 64)])
def test_a_picture_has_64_curves_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, code: int
) -> None:
    monkeypatch.setattr("telemetry.overview.plot.draw", lambda *_, **__: None)
    database, log = tmp_path / "bits.dbc", tmp_path / "bits.log"
    signals = "".join(f' SG_ B{bit} : {bit}|1@1+ (1,0) [0|0] "" X\n' for bit in range(count))
    database.write_text(f'VERSION ""\nBU_: X\nBO_ 1 Bits: 16 X\n{signals}VAL_ 2566844672 Gone 1 "on" ;\n')
    log.write_text(f"(1700000000.0) can0 001##0{'FF' * 16}\n")
    warning, said = failed(code, "plot", log, "B*", "--dbc", database, "-o", tmp_path / "x.png").splitlines()
    assert warning.startswith(f"warning: {database}:")
    if code:
        assert "B*: these are 65 curves (name fewer: a picture has at most 64)" in said
    else:
        assert said == f"{tmp_path / 'x.png'}: 64 curves of 64 values"


def test_times_are_those_of_this_machine_s_zone_unless_utc_is_asked_for(
    texts: Texts,
) -> None:
    words = [CHARGE, "PackCurrent", "--dbc", str(VEHICLE_DBC)]
    with in_zone("XYZ-9"):  # nine hours ahead
        drawn = texts(*words)
    assert "03:01:55" in drawn
