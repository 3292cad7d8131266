"""`--vehicle-profile`: answers of control units and broadcast frames as rows of the data model."""

import csv
import io
from pathlib import Path

import pytest

import telemetry
from telemetry.vehicles.known import names
from tests.support.command import command, printed
from tests.support.vehicle_logs import CELLS_MV, kona, leaf_current, lines

LEAF = [f"(1700000000.{number:02}0000) can1 1DB#{leaf_current(40.5, 380.5)}\n" for number in range(5)]

OWN = 'VERSION ""\nBU_:\nBO_ 256 Own: 8 X\n SG_ Speed : 0|8@1+ (1,0) [0|0] "" X\n'


def written(folder: Path, *log: str) -> Path:
    file = folder / "drive.log"
    file.write_text("".join(log))
    return file


def values(text: str) -> dict[tuple[str, str], float]:
    """Return the last value of each field, by channel and `measurement.field`, of csv."""
    rows = csv.DictReader(io.StringIO(text))
    return {(row["channel"], f"{row['message']}.{row['signal']}"): float(row["value"]) for row in rows}


def test_what_a_kona_answers_is_its_battery_and_98_cells(tmp_path: Path) -> None:
    log = written(tmp_path, *lines(kona()))
    done = command("decode", log, "--vehicle-profile", "hyundai-kona-64")
    assert (done.returncode, done.stderr) == (0, "")
    found = values(done.stdout)
    cells = {name: value for (_, name), value in found.items() if name.startswith("cells.v")}
    assert cells == {f"cells.v{n:03}": mv / 1000 for n, mv in enumerate(CELLS_MV, 1)}
    battery = {name.removeprefix("battery."): value for (_, name), value in found.items()}
    assert battery["soc_pct"] == 61.5


def test_signals_and_plot_show_what_a_kona_answers(tmp_path: Path) -> None:
    log, profile = written(tmp_path, *lines(kona())), ("--vehicle-profile", "can0=hyundai-kona-64")
    found = list(csv.DictReader(io.StringIO(printed("signals", log, *profile, "--format", "csv"))))
    last = {row["signal"]: row["last"] for row in found}
    assert [last[f"v{n}"] for n in range(1, 99)] == [f"{mv / 1000:g}" for mv in CELLS_MV]
    assert (last["soc_pct"], last["voltage_v"]) == ("61.5", "356.7")
    names = {
        row["signal"] for row in csv.DictReader(io.StringIO(printed("signals", *profile, "--format", "csv")))
    }
    assert last.keys() < names
    command("plot", log, "voltage_v", "bms_220102.v*", *profile, "-o", tmp_path / "v.svg")
    assert "voltage_v" in (tmp_path / "v.svg").read_text()


def test_two_vehicles_on_two_channels_are_two_batteries(tmp_path: Path) -> None:
    log = written(tmp_path, *sorted([*lines(kona()), *LEAF]))
    profiles = ("--vehicle-profile", "can0=hyundai-kona-64", "--vehicle-profile", "can1=nissan-leaf-ze1:ev")
    found = values(command("decode", log, *profiles).stdout)
    assert {channel: found[channel, "battery.voltage_v"] for channel in ("can0", "can1")} == {
        "can0": 356.7,
        "can1": 380.5,
    }
    assert (found["can0", "battery.current_a"], found["can1", "battery.current_a"]) == (-12.3, 40.5)


@pytest.mark.parametrize("form", ["csv", "ndjson", "lp", "parquet"])
def test_each_format_has_the_rows_and_messages_where_they_are_wanted(tmp_path: Path, form: str) -> None:
    log, output = written(tmp_path, *lines(kona())), tmp_path / "out"
    wanted = ("--messages",) if form != "lp" else ()
    done = command(
        "decode", log, "--vehicle-profile", "hyundai-kona-64", "--format", form, "-o", output, *wanted
    )
    assert done.returncode == 0, done.stderr
    names = {each.stem for each in output.iterdir()} if form == "parquet" else output.read_text()
    assert ("bms_220105" in str(names)) == bool(wanted)
    assert "cells" in names


def test_a_profile_beside_a_database_and_one_of_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "my-van.toml"
    own.write_text('extends = "hyundai-kona-64"\ntitle = "Mine"\n')
    database = tmp_path / "own.dbc"
    database.write_text(OWN)
    log = written(tmp_path, "(1700000000.000000) can0 100#2A\n", *lines(kona()))
    found = values(command("decode", log, "--dbc", database, "--vehicle-profile", own).stdout)
    assert (found["can0", "Own.Speed"], found["can0", "battery.voltage_v"]) == (42, 356.7)


def test_two_profiles_share_a_unit_whose_answers_differ_in_what_they_begin_with(tmp_path: Path) -> None:
    log = written(tmp_path, *lines([*kona(), ("7EC", b"\x41\x42\x38\x00")]))
    both = ("--vehicle-profile", "obd-ii", "--vehicle-profile", "can0=hyundai-kona-64", "--messages")
    done = command("decode", log, *both)
    found = values(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (found["can0", "OBD.module_v"], found["can0", "battery.soc_pct"]) == (14.336, 61.5)
    assert len([name for _, name in found if name.startswith("cells.v")]) == 98
    two = ("--vehicle-profile", "kia-ev6", "--vehicle-profile", "hyundai-kona-64")
    done = command("decode", log, *two)
    assert (done.returncode, "are the same frames (bus " in done.stderr) == (78, True)  # both ask 220101


@pytest.mark.parametrize("car", ["mg4", "mg5", "mg-zs-ev", "porsche-taycan"])
@pytest.mark.parametrize("is_first", [True, False])
def test_obd_ii_adds_what_the_named_vehicle_lacks_and_overrules_nothing(
    tmp_path: Path, car: str, *, is_first: bool
) -> None:
    """Both ask unit 7ED for 015B or 22F45B, which mean the display to MG's; of another unit obd-ii alone."""
    soc, of_car = ("22B046", b"\x62\xb0\x46\x02\x58"), 60.0
    if car == "porsche-taycan":
        soc, of_car = ("22F45B", b"\x62\xf4\x5b\x99"), 60.0
    answers = [b"\x41\x0d\x32", b"\x41\x42\x38\x00", b"\x41\x5b\xcc", soc[1]]
    log = written(tmp_path, *lines([("7ED", each) for each in answers] + [("7E8", b"\x41\x5b\x33")]))
    profiles = [("--vehicle-profile", "obd-ii"), ("--vehicle-profile", f"{car}:port")]
    words = [word for pair in (profiles if is_first else profiles[::-1]) for word in pair]
    done = command("decode", log, *words, "--messages")
    found = values(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (found["can0", "OBD.speed_kmh"], found["can0", "OBD.module_v"]) == (50, 14.336)
    rows = csv.DictReader(io.StringIO(done.stdout))
    told = [row["value"] for row in rows if (row["message"], row["signal"]) == ("battery", "soc_pct")]
    assert told[-1] == f"{of_car:g}"  # and not the 20 % that another unit answers after it
    assert ("bms_015B.soc_display_pct" in {name for _, name in found}) == (car != "porsche-taycan")


def test_an_id_with_an_address_in_one_profile_alone_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'title = "x"\nbus.pt = { title = "x", bit_rate = 500_000 }\n'
        'unit.x = { bus = "pt", at = [{ request = "6F1", answer = "607" }] }\n'
        'read = [{ unit = "x", what = "2101", mark = "1", fields = [{ name = "x", byte = 2 }] }]\n'
    )
    both = ("--vehicle-profile", "bmw-i3", "--vehicle-profile", own)
    done = command("decode", written(tmp_path, *LEAF), *both)
    assert (done.returncode, "answers on 607 begin with an address in one" in done.stderr) == (78, True)


def test_obd_ii_stands_beside_every_profile(tmp_path: Path) -> None:
    log = written(tmp_path, *lines([("7EA", b"\x41\x0d\x32")]))
    for name in names():
        profiles = ("--vehicle-profile", name, "--vehicle-profile", "obd-ii")
        done = command("decode", log, *profiles[2 * (name == "obd-ii") :], "--messages")
        assert (done.returncode, values(done.stdout)) == (0, {("can0", "OBD.speed_kmh"): 50}), done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_profile_that_hears_nothing_beside_a_database_that_does_is_told(tmp_path: Path, jobs: str) -> None:
    database = tmp_path / "own.dbc"
    database.write_text(OWN)
    log = written(tmp_path, "(1700000000.000000) can0 100#2A\n", *lines(kona()))
    of = (log, "--dbc", database, "--jobs", jobs)
    done = command(
        "decode", *of, "--vehicle-profile", "nissan-leaf-ze1", "--vehicle-profile", "hyundai-kona-64"
    )
    ids = "7BB, 79A, 1DB, 1DC, 55B, 5BC"
    nothing = f"nissan-leaf-ze1: nothing of this vehicle profile was heard, which listens for {ids}\n"
    assert (done.returncode, done.stderr) == (0, f"warning: {nothing}")
    assert command("decode", *of, "--vehicle-profile", "nissan-leaf-ze1", "--signal", "Speed").stderr == ""


def test_a_log_of_which_the_profile_knows_nothing_ends_with_65(tmp_path: Path) -> None:
    log = written(tmp_path, *LEAF)
    done = command("decode", log, "--vehicle-profile", "hyundai-kona-64")
    assert (done.returncode, done.stdout.count("\n")) == (65, 0)
    assert "no known message" in done.stderr


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("hyundai-kona-65", "no vehicle is called 'hyundai-kona-65' (did you mean hyundai-kona-64?)"),
        ("nissan-leaf-ze1:evv", "nissan-leaf-ze1 has no bus 'evv' (did you mean \"ev\"?)"),
        ("./none.toml", "none.toml: cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_profile_is_one_line(tmp_path: Path, profile: str, words: str) -> None:
    done = command("decode", written(tmp_path, *LEAF), "--vehicle-profile", profile)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert words in done.stderr


def test_a_channel_without_a_vehicle_is_told_how_it_gets_one(tmp_path: Path) -> None:
    log = written(tmp_path, *sorted([*lines(kona()), *LEAF]))
    done = command("decode", log, "--vehicle-profile", "can0=hyundai-kona-64")
    assert "can1: no database (--dbc can1=FILE, --vehicle-profile can1=NAME)" in done.stderr


def test_ids_that_a_profile_puts_together_otherwise_are_refused(tmp_path: Path) -> None:
    log, words = written(tmp_path, *lines(kona())), ("--vehicle-profile", "hyundai-kona-64", "--isotp", "7EC")
    done = command("decode", log, *words, "--isotp-length")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "--isotp: 7EC is of the vehicle's units, with other addressing or length" in done.stderr
    assert values(command("decode", log, *words).stdout)["can0", "battery.voltage_v"] == 356.7


def test_tables_have_what_decode_writes(tmp_path: Path) -> None:
    log = written(tmp_path, *sorted([*lines(kona()), *LEAF]))
    tables = telemetry.read(log, vehicle_profile={"can0": "hyundai-kona-64", "can1": "nissan-leaf-ze1:ev"})
    assert {"battery", "cells", "bms_220101", "1DB"} <= set(tables)
    both = telemetry.read(log, vehicle_profile=["hyundai-kona-64", "nissan-leaf-ze1:ev"])
    assert set(both) == set(tables)


def test_monitor_shows_the_battery_of_a_log(tmp_path: Path) -> None:
    log = written(tmp_path, *lines(kona()))
    done = command("monitor", "--log", log, "--vehicle-profile", "hyundai-kona-64", "--once")
    assert (done.returncode, "356.7" in done.stdout) == (0, True)
    done = command("monitor", "--log", log, "--vehicle-profile", "nissan-leaf-ze1", "--once")
    assert (done.returncode, "(nissan-leaf-ze1:ev or nissan-leaf-ze1:port)" in done.stderr) == (78, True)
