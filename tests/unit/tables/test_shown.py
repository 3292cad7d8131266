"""What a notebook and a terminal show of tables, and how a column is asked for."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from telemetry_core.columns.columns import Columns
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec
from telemetry_core.rows.schema import Schema

import telemetry

HEAD = (ColumnSpec("time", ColumnKind.TIME), ColumnSpec("channel", ColumnKind.WORDS, head="channel"))
START_NS = 1_772_474_510_001_000_000
ROWS = 200_000


def table(name: str, columns: tuple[ColumnSpec, ...], rows: Sequence[Sequence[Any]]) -> telemetry.Table:
    made = Columns(Schema([]), [TableSpec(name, (*HEAD, *columns))])
    for row in rows:
        made.append_row(0, row)
    return telemetry.Table(made.take(0))


@pytest.fixture(scope="module")
def pack() -> telemetry.Table:
    """Rows that take more than one chunk: `Volts` counts them, `Word` is there in each second."""
    columns = (ColumnSpec("Volts", ColumnKind.FLOAT64, "V"), ColumnSpec("Word", ColumnKind.WORDS))
    words = ("<b>on</b>", None)
    rows = [(START_NS + row * 10**9, "can0", row / 10, words[row % 2]) for row in range(ROWS)]
    return table("Pack", columns, rows)


class Cells(HTMLParser):
    """The cells of each row, as texts; a page with other elements than a table's fails."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # its name there
        assert tag in ("div", "table", "thead", "tbody", "tr", "th", "td", "br", "small", "p")
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1][-1] += data


def test_a_page_has_the_first_and_the_last_rows_with_units_and_no_markup_of_the_bus(
    pack: telemetry.Table,
) -> None:
    head, *rows = Cells(pack._repr_html_()).rows
    assert head == ["timeUTC", "channel\xa0", "VoltsV", "Word\xa0"]
    assert rows[0] == ["2026-03-02 18:01:50.001", "can0", "0", "<b>on</b>"]
    assert rows[1] == ["2026-03-02 18:01:51.001", "can0", "0.1", ""]
    assert rows[5] == ["…"] * 4
    assert [row[2] for row in rows[6:]][:-1] == [
        str((ROWS - number) / 10).removesuffix(".0") for number in (5, 4, 3, 2)
    ]
    assert len(rows) == 11
    assert "200,000 rows, 4 columns" in rows[-1][-1]


def test_a_page_of_many_columns_has_the_first_and_the_last() -> None:
    columns = tuple(ColumnSpec(f"c{number}", ColumnKind.INT64) for number in range(498))
    head, row = Cells(table("Wide", columns, [(START_NS, "can0", *range(498))])._repr_html_()).rows
    assert [head[index].strip("\xa0") for index in (2, 9, 10, 11, 20)] == ["c0", "c7", "…", "c488", "c497"]
    assert [row[index] for index in (2, 9, 10, 11)] == ["0", "7", "…", "488"]


def test_a_list_of_tables_says_what_is_in_them_and_when(pack: telemetry.Table) -> None:
    other = table(
        "<i>",
        tuple(ColumnSpec(f"s{n}", ColumnKind.BOOL, "&") for n in range(9)),
        [(5_000_000_001, None, *[None] * 9)],
    )
    tables = telemetry.Tables([pack, other])
    head, first, second = Cells(tables._repr_html_()).rows
    assert head == ["table", "rows", "signals", "from (UTC)", "to (UTC)", "s"]
    assert first == [
        "Pack",
        "200,000",
        "Volts V, Word",
        "2026-03-02 18:01:50.001",
        "2026-03-05 01:35:09.001",
        "199,999.000",
    ]
    assert second[:4] == [
        "<i>",
        "1",
        "s0 &, s1 &, s2 &, s3 &, s4 &, s5 &, … (9)",
        "1970-01-01 00:00:05.000000001",
    ]
    assert repr(tables).splitlines()[:2] == [
        "<Tables: 2",
        "  Pack: 200,000 rows of Volts V, Word, 199,999.000 s from 2026-03-02 18:01:50.001 UTC",
    ]
    assert repr(pack) == f"<Table {repr(tables).splitlines()[1].strip()}>"
    assert "0 tables" in telemetry.Tables([])._repr_html_()


def test_a_table_is_over_its_columns_as_a_dataframe_is(pack: telemetry.Table) -> None:
    pytest.importorskip("numpy")
    assert list(pack) == ["time", "channel", "Volts", "Word"]
    assert ("Volts" in pack, "volts" in pack, len(pack)) == (True, False, ROWS)
    assert pack["Volts"].tolist()[-1] == (ROWS - 1) / 10


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SOC", "StateOfCharge"),
        ("soc", "StateOfCharge"),
        ("ofcharge", "StateOfCharge"),
        ("StateOffCharge", "StateOfCharge"),
        ("pv", "pack_voltage"),
        ("xyz", "time, channel, StateOfCharge, pack_voltage"),
    ],
)
def test_the_nearest_name_is_that_of_the_same_letters_or_initials(name: str, nearest: str) -> None:
    columns = (
        ColumnSpec("StateOfCharge", ColumnKind.FLOAT64),
        ColumnSpec("pack_voltage", ColumnKind.FLOAT64),
    )
    made = table("Pack", columns, [(0, None, 1.0, 2.0)])
    for ask in (made.column, made.__getitem__):
        with pytest.raises(KeyError, match=re.escape(f"no column is called {name!r} (there are {nearest})")):
            ask(name)


@pytest.mark.parametrize("name", [0, ["Volts"], slice(3)])
def test_what_is_no_name_is_answered_with_what_takes_it(pack: telemetry.Table, name: Any) -> None:
    with pytest.raises(
        KeyError, match=r"a column has a name; to_pandas\(\) has rows, and takes several columns"
    ):
        pack[name]
    with pytest.raises(telemetry.TelemetryError, match=r"no rows of .* \(there are Pack\)"):
        telemetry.Tables([pack])[name]


def test_what_is_shown_needs_no_numpy(monkeypatch: pytest.MonkeyPatch, pack: telemetry.Table) -> None:
    monkeypatch.setitem(__import__("sys").modules, "numpy", None)
    assert pack._repr_html_()
    with pytest.raises(telemetry.TelemetryError, match=r"a wide table needs the package numpy \(pip install"):
        telemetry.Tables([pack]).wide()
