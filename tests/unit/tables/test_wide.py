"""`Tables.wide`: a value an instant, as a model that looks at every row has it, and as asammdf's raster."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import telemetry
from tests.support.wide import load, read, values

np = pytest.importorskip("numpy")  # there are no wheels for 32 bits
pd = pytest.importorskip("pandas")

MS = 1_000_000
MOST_VALUES = 536_870_912


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> telemetry.Databases:
    return load(tmp_path_factory.mktemp("wide"))


def test_by_hand(tmp_path: Path, databases: telemetry.Databases) -> None:
    lines = [
        "(1.000) can0 100#00A00F01",  # page 0: 400.0 V, on
        "(1.100) can0 100#01FFFF00",  # page 1: -0.1 A, off
        "(1.150) can0 101#0700",
        "(1.301) can0 101#0801",
    ]
    tables = read(tmp_path, lines, databases)
    held = tables.wide("100ms")
    assert values(held) == {
        "time": [1000 * MS, 1100 * MS, 1200 * MS, 1300 * MS, 1400 * MS],
        "Page": [0, 1, 1, 1, 1],
        "Volts": [400.0] * 5,
        "Amps": [None, -0.1, -0.1, -0.1, -0.1],
        "Pack.State": [1, 0, 0, 0, 0],
        "Pack.State_text": ["on", "off", "off", "off", "off"],
        "Rpm": [None, None, 7, 7, 8],
        "Motor.State": [None, None, 0, 0, 1],
        "Motor.State_text": [None, None, "off", "off", "on"],
    }
    assert held.units == {"Volts": "V", "Amps": "A", "Rpm": "rpm"}
    assert {name: str(kind) for name, kind in held.to_pandas().dtypes.items()}["Rpm"] == "Int64"
    alone = values(tables.wide(timedelta(milliseconds=100), fill=None))
    assert (alone["Volts"], alone["Rpm"]) == ([400.0, None, None, None, None], [None, None, 7, None, 8])
    stamps = values(tables.wide())
    assert stamps["time"] == [1000 * MS, 1100 * MS, 1150 * MS, 1301 * MS]
    assert stamps["Rpm"] == [None, None, 7, 8]


def test_ids_and_channels_are_named_where_they_tell_series_apart(tmp_path: Path) -> None:
    file = tmp_path / "two.dbc"
    message = 'BO_ {} Pack: 1 A\n SG_ V : 0|8@1+ (1,0) [0|0] "V" A\n'
    file.write_text('VERSION ""\nBU_: A\n' + message.format(256))
    masked = telemetry.load_databases(file, id_masks=["7F0"])
    tables = read(tmp_path, ["(1.0) a 100#01", "(1.0) a 101#02", "(1.0) b 101#03"], masked)
    assert values(tables.wide()) == {"time": [10**9], "V (a 100)": [1], "V (a 101)": [2], "V (b 101)": [3]}


def test_logs_are_series_where_they_have_a_column_and_a_signal_called_log_is_a_signal(
    tmp_path: Path,
) -> None:
    file = tmp_path / "ev.dbc"
    signals = ("V", "log")
    file.write_text(
        'VERSION ""\nBU_: A\nBO_ 256 Pack: 2 A\n'
        + "".join(f' SG_ {name} : {8 * at}|8@1+ (1,0) [0|0] "" A\n' for at, name in enumerate(signals))
    )
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    for at, log in enumerate(logs):
        log.write_text("".join(f"({row + 1}.0) a 100#{16 * at + row:02X}0{row}\n" for row in range(2)))
    wide = telemetry.read(*logs, databases=file, log_column=True, jobs=1).wide()
    times = {"time": [10**9, 2 * 10**9]}
    one, two = (f"({log})" for log in logs)
    assert values(wide) == times | {
        f"V {one}": [0, 1],
        f"V {two}": [16, 17],
        f"log_signal {one}": [0, 1],
        f"log_signal {two}": [0, 1],
    }
    alone = telemetry.read(logs[1], databases=file, jobs=1).wide()
    assert values(alone) == times | {"V": [16, 17], "log": [0, 1]}


def test_packs_and_chargers_are_series_and_events_have_no_column(tmp_path: Path) -> None:
    log = tmp_path / "elcon.log"
    log.write_text("".join(f"({at}.0) can{at % 2} 18FF50E5#0FB5006400000000\n" for at in (1, 2, 3)))
    tables = telemetry.read(log, protocol="elcon", jobs=1)
    wide = tables.wide("1s")
    assert wide.columns[1:3] == ("ElconStatus.voltage_v (can0)", "ElconStatus.voltage_v (can1)")
    assert wide["charger.voltage_v (can1)"].tolist() == [402.1, 402.1, 402.1]
    assert "code" not in wide


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every": 0.1}, 'every: 0.1 is no time with its unit (as "100ms"; units are ns, us, ms, s, min, h)'),
        ({"every": "fast"}, "every: 'fast' is no time with its unit"),
        ({"every": "0s"}, "every: '0s' is no step"),
        ({"every": timedelta(seconds=-1)}, "every: datetime.timedelta"),
        ({"every": "1s", "fill": "linear"}, "fill: 'linear' is neither \"last\" nor None"),
        (
            {"every": "1ms"},
            "wide: from 1970-01-01T00:00:01.000000000 to 2026-03-02T18:01:50.000000000 is 1,77",
        ),
    ],
)
def test_what_makes_no_table_is_one_line(
    tmp_path: Path, databases: telemetry.Databases, arguments: Mapping[str, Any], words: str
) -> None:
    tables = read(tmp_path, ["(1.0) a 101#0000", "(1772474510.0) a 101#0000"], databases)
    with pytest.raises(telemetry.TelemetryError) as raised:
        tables.wide(**arguments)
    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)


def test_the_largest_raster_is_one_of_that_many_values(
    tmp_path: Path, databases: telemetry.Databases
) -> None:
    """Of `time` and three signals, a quarter as many rows; nothing is made before it is known to be small."""
    rows, start = MOST_VALUES // 4, 1_700_000_000
    lines = [f"({start}.0) a 101#0000", f"({start + rows}.0) a 101#0000"]
    tables = read(tmp_path, lines, databases)
    with pytest.raises(telemetry.TelemetryError, match=f"is {rows + 1:,} rows of 4 columns"):
        tables.wide("1s")
    assert len(tables.wide("1000s")) == rows // 1000 + 2


def test_no_tables_are_a_table_without_rows() -> None:
    assert len(telemetry.Tables([]).wide("1s")) == 0


def test_as_the_raster_of_asammdf(tmp_path: Path, databases: telemetry.Databases) -> None:
    """It can hold the last value too. Before a signal's first value it has that one, and we have none.

    No stamp but the first lies at an instant: its seconds are floats, which miss some of those.
    """
    asammdf = pytest.importorskip("asammdf")
    lines = [
        f"({10 + at * 0.007 + (at > 0) / 3000:.6f}) a 101#{at % 100:02X}{at % 2:02X}" for at in range(500)
    ]
    lines += [f"({10.0503 + at * 0.031:.6f}) a 100#00{at % 256:02X}0F{at % 2:02X}" for at in range(100)]
    tables = read(tmp_path, lines, databases)
    mdf = asammdf.MDF()
    mdf.configure(integer_interpolation=0, float_interpolation=0)
    for table in tables.values():
        times = table["time"].astype("int64") / 1e9
        signals = [
            name for name in table if name not in ("time", "channel", "id", "Amps") and "text" not in name
        ]
        mdf.append([asammdf.Signal(table[name], times, name=f"{table.name}.{name}") for name in signals])
    theirs = mdf.to_dataframe(raster=0.02, time_from_zero=False)
    ours = tables.wide("20ms").to_pandas()
    both, compared = min(len(ours), len(theirs)), 0
    np.testing.assert_allclose(ours.index[:both].astype("int64") / 1e9, theirs.index[:both], atol=1e-6)
    for name in theirs.columns:
        mine = ours[name if name in ours else name.partition(".")[2]][:both]
        there = mine.notna().to_numpy()
        np.testing.assert_array_equal(mine[there].to_numpy(float), theirs[name].to_numpy(float)[:both][there])
        compared += int(there.sum())
    assert (both, compared) == (175, 866)
