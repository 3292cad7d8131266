"""`telemetry.open`: record batches that are the tables of `read`, in bounded memory, and what closes them."""

import os
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.__main__ import main
from tests.support.recording import VEHICLE_DBC, record_drive

pa: Any = pytest.importorskip("pyarrow")  # there are no wheels for 32 bits
pq: Any = pytest.importorskip("pyarrow.parquet")
polars: Any = pytest.importorskip("polars")
duckdb: Any = pytest.importorskip("duckdb")

DBC = """VERSION ""
BU_: A
BO_ 256 Pack: 4 A
 SG_ Volts : 0|16@1+ (0.1,-40) [0|0] "V" A
 SG_ State : 16|8@1+ (1,0) [0|0] "" A
BO_ 257 Other: 2 A
 SG_ Count : 0|16@1+ (1,0) [0|0] "" A
CM_ SG_ 256 Volts "of all cells, \xe4 sum";
VAL_ 256 State 0 "off" 1 "on" ;
"""
PEAK = """
import sys, telemetry
batches = telemetry.open(sys.argv[1], databases="ev.dbc", batch_rows=1000, jobs=1)
rows = sum(len(batch) for _, batch in batches)
print(rows, *(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("ev.dbc").write_text(DBC, "cp1252")
    return tmp_path


def long_log(name: str, frames: int, first: int = 0) -> Path:
    """Write frames 1 ms apart; of three two are of Pack, whose voltage counts up."""
    ids = ("100", "100", "101")
    numbers = range(first, first + frames)
    lines = (
        f"({1_700_000_000 + n / 1000:.3f}) can0 {ids[n % 3]}#{n & 0xFFFF:04X}{n & 3:02X}00\n" for n in numbers
    )
    Path(name).write_text("".join(lines))
    return Path(name)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("batch_rows", [1, 7, 1000, 65_536])
def test_batches_of_any_size_one_after_the_other_are_the_tables_of_read(batch_rows: int, jobs: int) -> None:
    logs = [record_drive(Path(f"{seed}.log"), 3.0, seed=seed) for seed in (1, 2)]
    databases = telemetry.load_databases(VEHICLE_DBC, value_texts=True)
    whole = telemetry.read(*logs, databases=databases, log_column=True)
    parts: dict[str, list[Any]] = {}
    batches = telemetry.open(*logs, databases=databases, log_column=True, batch_rows=batch_rows, jobs=jobs)
    for name, batch in batches:
        assert (batch.name, 0 < len(batch) <= batch_rows) == (name, True)
        parts.setdefault(name, []).append(pa.record_batch(batch))
    assert parts.keys() == whole.keys()
    for name, table in whole.items():
        gathered, expected = pa.Table.from_batches(parts[name]), pa.table(table)
        assert gathered.schema.equals(expected.schema, check_metadata=True)
        assert gathered.to_pydict() == expected.to_pydict()
    assert batches.accounts == whole.accounts
    assert batches.problems == whole.problems


def test_a_batch_is_a_record_batch_to_whatever_takes_arrow_and_a_table_without_it() -> None:
    long_log("bus.log", 3000)
    batches = [
        batch for name, batch in telemetry.open("bus.log", databases="ev.dbc", jobs=1) if name == "Pack"
    ]
    assert [len(batch) for batch in batches] == [1024, 976]
    first = batches[0]
    pa.record_batch(first).validate(full=True)
    assert polars.DataFrame(first)["Volts"].to_list() == first.column("Volts").tolist()
    assert duckdb.sql("select count(Volts), max(State) from first").fetchall() == [(1024, 3)]
    assert first.units == {"Volts": "V"}


def test_the_schema_says_unit_factor_comment_databases_and_version_on_every_way() -> None:
    long_log("bus.log", 30)
    tables = telemetry.read("bus.log", databases="ev.dbc")
    batches = dict(telemetry.open("bus.log", databases="ev.dbc"))
    assert main(["decode", "--dbc", "ev.dbc", "--format", "parquet", "-o", "out", "bus.log"]) == 0
    schemas = [pa.schema(tables["Pack"]), pa.schema(batches["Pack"]), pq.read_schema("out/Pack.parquet")]
    databases = tables.accounts.databases_sha256.encode()
    of_all = {b"version": telemetry.__version__.encode(), b"databases_sha256": databases}
    comment = "of all cells, \xe4 sum".encode()
    volts = {b"unit": b"V", b"factor": b"0.1", b"offset": b"-40", b"comment": comment}
    for schema in schemas:
        assert schema.metadata == of_all
        assert schema.field("Volts").metadata == volts
        assert not schema.field("State").metadata
        assert not schema.field("time").metadata


def test_memory_does_not_grow_with_the_length_of_a_log() -> None:
    """As tables the rows of the longer log take 19 MB more than those of the shorter."""
    peaks_kib = []
    for frames in (60_000, 600_000):
        long_log("long.log", frames)
        words = [sys.executable, "-c", PEAK, "long.log"]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        rows, peak_kib = map(int, done.stdout.split())
        assert rows == frames
        peaks_kib.append(peak_kib)
    assert peaks_kib[1] - peaks_kib[0] < 4096


def test_tables_that_fill_slowly_are_handed_on_where_all_together_take_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("telemetry.tables.sink.HELD_BYTES", 100_000)
    long_log("bus.log", 30_000)
    batches = [(name, len(batch)) for name, batch in telemetry.open("bus.log", databases="ev.dbc", jobs=1)]
    for name, rows in (("Pack", 20_000), ("Other", 10_000)):
        sizes = [count for each, count in batches if each == name]
        assert sum(sizes) == rows
        assert len(sizes) > 4
        assert max(sizes) < 6000


def open_logs() -> list[str]:
    """Return the logs of this test that this process has open: what pytest writes to may be named so, too."""
    names = (os.path.realpath(each) for each in Path("/proc/self/fd").iterdir())
    return [name for name in names if Path(name).parent == Path.cwd() and name.endswith(".log")]


@pytest.mark.parametrize("way", ["close", "leave", "drop", "fail"])
def test_who_ends_early_closes_the_logs_and_ends_the_threads(way: str) -> None:
    logs = [long_log(f"{n}.log", 40_000, first=n * 40_000) for n in (0, 1)]
    batches = telemetry.open(*logs, databases="ev.dbc", batch_rows=500, jobs=2)
    first = [*islice(batches, 3)]
    assert len(first) == 3
    assert len(open_logs()) == 1
    match way:
        case "close":
            batches.close()
            assert [*batches] == []
        case "leave":
            with batches:
                pass
        case "fail":
            with pytest.raises(ZeroDivisionError), batches:
                _ = 1 / 0
        case "drop":
            del batches
    assert open_logs() == []
    assert [thread for thread in threading.enumerate() if thread.name == "decode"] == []
    assert len(first[0][1].column("time")) == len(first[0][1])


def test_accounts_are_there_at_the_end_and_problems_as_they_come() -> None:
    long_log("a.log", 5000)
    Path("b.log").write_text("(1700000009.0) can0 nonsense\n(1700000009.1) can0 100#00\n")
    batches = telemetry.open("a.log", "missing.log", "b.log", databases="ev.dbc", batch_rows=100, jobs=1)
    next(batches)
    with pytest.raises(telemetry.TelemetryError, match=r"^accounts: are there when all is read"):
        _ = batches.accounts
    assert [*batches.problems] == []
    with pytest.warns(UserWarning, match=r"No such file|no frame, skipped|values left out"):
        assert sum(len(batch) for _, batch in batches) == 4900
    assert batches.accounts.counters["bus/logs/read"] == 5002
    assert [each.kind for each in batches.problems] == ["unread", "log", "loss"]


@pytest.mark.parametrize("rows", [0, -1, 1.5, "many", 2**24 + 1])
def test_a_size_that_is_none_is_refused_at_once_and_so_is_a_log_that_is_not_there(rows: Any) -> None:
    with pytest.raises(telemetry.TelemetryError, match=r"^batch_rows: .* from 1 to 16,777,216"):
        telemetry.open("bus.log", databases="ev.dbc", batch_rows=rows)
    with pytest.raises(telemetry.TelemetryError, match=r"^bus.log: No such file"):
        telemetry.open("bus.log", databases="ev.dbc")
