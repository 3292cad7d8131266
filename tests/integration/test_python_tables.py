"""`telemetry.read`: what `decode --format csv` writes and cantools decodes, value for value."""

import math
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cantools.database
import duckdb
import polars as pl
import pyarrow as pa
import pytest
from cantools.database.can import Database

import telemetry
from tests.support.can_protocols import transfer
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.tables import Value, csv_values, table_values

DENSE_DBC = """VERSION ""
BU_: A
BO_ 256 Pack: 8 A
 SG_ Page M : 0|2@1+ (1,0) [0|0] "" A
 SG_ Volts m0 : 8|16@1+ (0.1,-40) [0|0] "V" A
 SG_ Amps m1 : 8|16@1- (0.0625,0) [0|0] "A" A
 SG_ Kelvin m2 : 8|16@1+ (0.3333333333333333,1) [0|0] "K" A
 SG_ Flag : 24|1@1+ (1,0) [0|1] "" A
 SG_ Motorola : 39|16@0- (2,-5) [0|0] "" A
BO_ 257 Wide: 8 A
 SG_ Counter : 0|64@1+ (1,0) [0|0] "" A
BO_ 258 Fine: 8 A
 SG_ Energy : 0|64@1- (0.001,0) [0|0] "kWh" A
BO_ 259 Real: 8 A
 SG_ Single : 0|32@1- (1,0) [0|0] "" A
 SG_ Scaled : 32|32@1- (0.1,2) [0|0] "" A
SIG_VALTYPE_ 259 Single : 1;
SIG_VALTYPE_ 259 Scaled : 1;
VAL_ 256 Flag 0 "off" 1 "on, really" ;
"""
BRM = (
    "01010003F005400E010000000100 0000630B0895000001FF4C314E53504748393 84E41303030303030000104E707FFFF00"
).replace(" ", "")
CELLS_DBC = """VERSION ""
BU_: A
BO_ 2566848756 Cells: 21 A
 SG_ Cell1 : 0|16@1+ (0.001,0) [0|0] "V" A
 SG_ Cell10 : 144|16@1+ (0.001,0) [0|0] "V" A
BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
BA_ "VFrameFormat" BO_ 2566848756 3;
"""
CONFIG = """vehicle = "van"
[influx]
url = "http://127.0.0.1:1"
database = "d"
[spool]
directory = "spool"
[[can]]
name = "traction"
interface = "can0"
databases = ["dense.dbc"]
[[can]]
name = "body"
interface = "can1"
databases = ["dense.dbc"]
[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
bus = "traction"
[[map]]
signal = "Pack.Amps"
to = "battery.current_a"
bus = "traction"
[[map]]
signal = "Pack.Flag"
to = "event.bms_fault"
bus = "traction"
[reduce]
measurements = { Wide = 1.0 }
"""
DATA = Path(__file__).parents[1] / "data"
IDS = (0x100, 0x101, 0x102, 0x103)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("dense.dbc").write_text(DENSE_DBC)
    return tmp_path


@pytest.fixture
def dense_log() -> Path:
    """12,000 frames of any payload and length on two channels."""
    rng = random.Random(3)
    lines = []
    for number in range(12_000):
        data = rng.randbytes(rng.choice((8, 8, 8, 8, 5, 1, 0)))
        if rng.random() < 0.3:
            data = bytes(len(data))
        stamp = f"{1_700_000_000 + number // 100}.{number % 100:02d}{rng.randrange(10**4):04d}"
        lines.append(f"({stamp}) can{rng.randrange(2)} {rng.choice(IDS):03X}#{data.hex().upper()}\n")
    path = Path("dense.log")
    path.write_text("".join(lines))
    return path


@contextmanager
def warned() -> Iterator[None]:
    """Expect the warning about values left out: the recordings are odd on purpose."""
    with pytest.warns(UserWarning, match="values left out"):
        yield


def differences(one: Counter[Value], other: Counter[Value]) -> list[tuple[Value, int]]:
    return [*(one - other).items(), *(other - one).items()][:5]


def test_tables_of_dense_frames_are_what_csv_has(dense_log: Path) -> None:
    expected = csv_values(Path("out.csv"), str(dense_log), "--dbc", "dense.dbc", "--value-texts")
    databases = telemetry.load_databases("dense.dbc", value_texts=True)
    with warned():
        found = table_values(telemetry.read(dense_log, databases=databases))
    assert len(expected) > 15_000
    assert differences(found, expected) == []


def test_tables_of_dense_frames_are_what_cantools_decodes(dense_log: Path) -> None:
    database = cantools.database.load_string(DENSE_DBC, strict=False)
    assert isinstance(database, Database)
    expected: dict[tuple[int, str, str, str], float] = {}
    for line in dense_log.read_text().splitlines():
        stamp, channel, frame = line.split()
        id, _, data = frame.partition("#")
        if len(data) < 16:
            continue
        message = database.get_message_by_frame_id(int(id, 16))
        try:
            values = message.decode(bytes.fromhex(data), decode_choices=False)
        except cantools.database.DecodeError:  # a page that the database does not have
            continue
        assert isinstance(values, dict)
        seconds, _, fraction = stamp[1:-1].partition(".")
        time_ns = int(seconds) * 10**9 + int(fraction) * 1000
        for name, value in values.items():
            number = float(value)  # type: ignore[arg-type]  # without choices all are numbers
            if math.isfinite(number):
                expected[time_ns, channel, message.name, name] = number
    with warned():
        tables = telemetry.read(dense_log, databases="dense.dbc")
    found = {key[:4]: key[4] for key in table_values(tables)}
    assert len(expected) > 10_000
    # cantools multiplies in binary, so its last digits differ.
    assert [key for key, value in expected.items() if found[key] != pytest.approx(value, rel=1e-13)] == []


def test_a_message_of_several_frames_is_a_row(tmp_path: Path) -> None:
    Path("cells.dbc").write_text(CELLS_DBC)
    payload = b"".join((3000 + number).to_bytes(2, "little") for number in range(1, 11)) + b"\0"
    lines = ["(1.0) can0 1CECFFF4#20150003FF00FF00\n"]
    for part in range(3):
        block = payload[7 * part : 7 * part + 7].ljust(7, b"\xff")
        lines.append(f"({1.1 + part / 10:.1f}) can0 1CEBFFF4#{part + 1:02X}{block.hex().upper()}\n")
    Path("cells.log").write_text("".join(lines))
    expected = csv_values(Path("out.csv"), "cells.log", "--dbc", "cells.dbc")
    tables = telemetry.read("cells.log", databases="cells.dbc")
    assert differences(table_values(tables), expected) == []
    assert tables["Cells"].column("Cell10").tolist() == [3.01]
    assert tables["Cells"].column("id").tolist() == [0x18FF00F4]


def test_tables_of_a_configuration_are_what_csv_has(dense_log: Path) -> None:
    Path("gateway.toml").write_text(CONFIG)
    expected = csv_values(Path("out.csv"), str(dense_log), "--config", "gateway.toml")
    with warned():
        tables = telemetry.read(dense_log, config="gateway.toml")
    assert {"battery", "event", "Pack"} <= set(tables)
    assert differences(table_values(tables), expected) == []
    assert set(tables["battery"].column("pack")) == {"main"}
    assert set(tables["Pack"].column("channel")) == {"traction", "body"}


@pytest.mark.parametrize("protocol", ["jbd", "vedirect"])
def test_tables_of_a_serial_capture_are_what_csv_has(protocol: str) -> None:
    capture = DATA / f"{protocol}.txt"
    expected = csv_values(Path("out.csv"), str(capture), "--protocol", protocol)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = telemetry.read(capture, protocol=protocol)
    assert len(expected) > 20
    assert differences(table_values(tables), expected) == []
    ((rows, level),) = {(len(events), min(events.column("level"))) for events in [tables["event"]]}
    assert rows == sum(1 for value in expected if value[2:4] == ("event", "code"))
    assert level >= 0


def test_tables_of_a_charger_s_bus_are_what_csv_has_texts_too() -> None:
    log = Path("plug.log")
    frames = [*transfer(0x0200, BRM), "1812F456#050F580E0000FD", "1801F456#AA01010101434E31"]
    log.write_text(
        "".join(f"({1 + number / 1000:.3f}) can0 {frame}\n" for number, frame in enumerate(frames))
    )
    expected = csv_values(Path("out.csv"), str(log), "--protocol", "gbt27930", "--messages")
    tables = telemetry.read(log, protocol="gbt27930")
    found = table_values(tables)
    messages = ("CRM", "BRM", "CCS")
    assert (
        differences(
            Counter({value: count for value, count in found.items() if value[2] in messages}),
            Counter({value: count for value, count in expected.items() if value[2] in messages}),
        )
        == []
    )
    assert tables["BRM"].column("vin").tolist() == ["L1NSPGH98NA000000"]
    assert tables["CRM"].column("region").tolist() == ["CN1"]
    assert 32.8 in tables["charger"].column("current_a").tolist()


def test_the_same_tables_come_from_one_thread_and_from_several() -> None:
    log = record_drive(Path("drive.log"), 20.0)
    one, many = (telemetry.read(log, databases=VEHICLE_DBC, jobs=jobs) for jobs in (1, 3))
    assert {name: pa.table(table) for name, table in one.items()} == {
        name: pa.table(table) for name, table in many.items()
    }


def test_pyarrow_polars_duckdb_and_pandas_take_a_table(dense_log: Path) -> None:
    with warned():
        pack = telemetry.read(dense_log, databases="dense.dbc")["Pack"]
    arrow = pa.table(pack)
    arrow.validate(full=True)
    assert arrow.schema.names == list(pack.columns)
    assert arrow.schema.field("time").type == pa.timestamp("ns", "UTC")
    assert arrow.schema.field("Volts").metadata == {b"unit": b"V", b"factor": b"0.1", b"offset": b"-40"}
    assert pa.schema(pack) == arrow.schema
    volts = [value for value in arrow["Volts"].to_pylist() if value is not None]
    frame = pack.to_pandas()
    assert frame["Volts"].dropna().tolist() == volts
    assert frame["Motorola"].dropna().tolist() == arrow["Motorola"].drop_null().to_pylist()
    assert frame.index.equals(arrow.to_pandas().set_index("time").index)
    polars = pl.DataFrame(pack)
    assert polars["Volts"].drop_nulls().to_list() == volts
    assert polars["channel"].cast(pl.String).to_list() == arrow["channel"].to_pylist()
    relation = duckdb.sql("select count(*), sum(Volts), min(channel) from pack")
    assert relation is not None
    (total,) = relation.fetchall()
    assert total[0] == len(pack)
    assert total[1] == pytest.approx(sum(volts))
    assert total[2] == "can0"
