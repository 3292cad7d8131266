"""Tables that are pickled: each value, unit and word comes back, in this process and in another."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from telemetry_core.columns.batches import batches_of
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec

import telemetry
from telemetry.tables.packages import require
from telemetry.tables.pickled import as_stream
from tests.support.recording import VEHICLE_DBC

np = pytest.importorskip("numpy")  # there are no wheels for 32 bits
pa = pytest.importorskip("pyarrow")

CHARGE = Path(__file__).parents[3] / "examples" / "charge.log"
KINDS = {
    ColumnKind.TIME: [0, -1, 2**63 - 1],
    ColumnKind.INT64: [-(2**63), 0, 2**63 - 1],
    ColumnKind.UINT64: [0, 2**64 - 1, 1],
    ColumnKind.FLOAT64: [0.1, -0.0, 1e308],
    ColumnKind.BOOL: [1, 0, 1],
    ColumnKind.WORDS: [1, 0, 1],
    ColumnKind.ID: [0, 2**32 - 1, 7],
}
TYPES = {ColumnKind.FLOAT64: "f8", ColumnKind.UINT64: "u8", ColumnKind.BOOL: "u1"}
TYPES |= {ColumnKind.WORDS: "i4", ColumnKind.ID: "u4"}
WORDS = ("", "Größe, \0", "no row has it")


def pickled(what: Any) -> Any:
    return pickle.loads(pickle.dumps(what))  # noqa: S301  what this test has made


def made(rows: int) -> telemetry.Table:
    """Make a table of each kind of column, twice: with all values, and with gaps."""
    columns = [
        ColumnSpec(f"{kind.name} {gaps}", kind, unit)
        for kind in KINDS
        for gaps, unit in (("", "°C"), ("gaps", ""))
    ]
    arrays = []
    for kind, values in KINDS.items():
        whole = np.resize(np.array(values, dtype=TYPES.get(kind, "i8")), rows).view("u1")
        texts = WORDS if kind is ColumnKind.WORDS else None
        arrays.append((texts, whole, np.zeros(rows, "u1")))
        arrays.append((texts, whole, np.resize(np.array([1, 0, 0, 1, 1], "u1"), rows)))
    return telemetry.Table(batches_of(TableSpec("All kinds", tuple(columns)), rows, arrays))


def assert_equal(one: telemetry.Table, other: telemetry.Table) -> None:
    """Compare what Arrow is handed, dictionaries and units too."""
    assert (one.name, one.columns, one.units, len(one)) == (
        other.name,
        other.columns,
        other.units,
        len(other),
    )
    first, second = pa.table(one), pa.table(other)
    assert first.schema.equals(second.schema, check_metadata=True)
    assert first.equals(second)
    for name in one.columns:
        if pa.types.is_dictionary(first.schema.field(name).type) and len(one):
            words = [each.column(name).chunk(0).dictionary.to_pylist() for each in (first, second)]
            assert words[0] == words[1]


@pytest.mark.parametrize("rows", [0, 1, 5, 65_536, 65_537])
def test_every_kind_of_column_comes_back(rows: int) -> None:
    table = made(rows)
    assert_equal(pickled(table), table)


def test_all_tables_of_a_recording_come_back_and_a_copy_is_the_table_itself() -> None:
    databases = telemetry.load_databases(VEHICLE_DBC, value_texts=True)
    tables = telemetry.read(CHARGE, databases=databases)
    for again in (pickled(tables), copy.deepcopy(tables), copy.copy(tables)):
        assert list(again) == list(tables)
        for name, table in tables.items():
            assert_equal(again[name], table)
            assert table["time"].tolist() == again[name]["time"].tolist()
    for table in tables.values():
        assert copy.deepcopy(table) is copy.copy(table) is table


def test_the_pickle_holds_a_stream_of_arrow_that_anything_reads() -> None:
    table = made(5)
    _, content = as_stream(table, TableSpec(table.name, ()))
    assert pa.ipc.open_stream(content).read_all().equals(pa.table(table))


def _read(path: str) -> telemetry.Tables:
    return telemetry.read(path, databases=VEHICLE_DBC, signals="BMS_Pack*.*")


def test_workers_of_a_process_pool_hand_their_tables_over() -> None:
    expected = _read(str(CHARGE))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        for tables in pool.map(_read, [str(CHARGE)] * 2, timeout=120.0):
            assert list(tables) == list(expected)
            for name in expected:
                assert_equal(tables[name], expected[name])


def test_without_pyarrow_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, what: str) -> object:
        return require(f"no_{name}", what)

    monkeypatch.setattr("telemetry.tables.pickled.require", missing)
    with pytest.raises(telemetry.TelemetryError, match=r"^a pickled table needs the package no_pyarrow"):
        pickle.dumps(made(1))
