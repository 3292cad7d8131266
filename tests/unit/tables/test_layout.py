"""Which tables and columns there are."""

import pytest
from telemetry_core.columns.spec import ColumnKind, TableSpec
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind

from telemetry.tables.layout import ROW_TABLES, lay_out

WHOLE = FieldSpec("a", SlotKind.INT, scale=DecimalScale(1, 0, 0))
SESSIONS = ["charging_session", "charging_phase", "charging_curve"]
HEALTH = ["battery_health", "cell_resistance", "cell_charge", "cell_drift", "battery_use"]
ROWS = [*SESSIONS, "event"]
TENTHS = FieldSpec("a", SlotKind.INT, 0.1, 0.0, DecimalScale(1, 0, 1), unit="V")


def kinds(table: TableSpec) -> dict[str, ColumnKind]:
    return {column.name: column.kind for column in table.columns if not column.head}


def test_a_message_has_a_table_and_hidden_ones_have_none() -> None:
    hidden = RecordSpec("Hidden", (WHOLE,), hidden=True)
    table, *others = lay_out([RecordSpec("Pack", (TENTHS,)), hidden])
    assert (table.name, [other.columns for other in others]) == ("Pack", [row.columns for row in ROW_TABLES])
    assert [column.name for column in table.columns] == ["time", "channel", "id", "a"]
    assert table.columns[3].unit == "V"


def test_messages_of_one_name_share_a_table_whose_columns_hold_the_values_of_both() -> None:
    other = FieldSpec("b", SlotKind.UINT)
    table, *_ = lay_out([RecordSpec("Pack", (WHOLE, other)), RecordSpec("Pack", (TENTHS,))])
    assert table.records == ((0, (3, 4)), (1, (3,)))
    assert kinds(table) == {
        "time": ColumnKind.TIME,
        "id": ColumnKind.ID,
        "a": ColumnKind.FLOAT64,
        "b": ColumnKind.UINT64,
    }


def test_tables_and_columns_have_the_names_of_the_database() -> None:
    renamed = FieldSpec("time_signal", SlotKind.UINT, signal="voltage, cell")
    table, *_ = lay_out([RecordSpec("Pack_100", (renamed,), message="Pack")])
    assert table.name == "Pack"
    assert "voltage, cell" in kinds(table)


def test_a_signal_called_like_a_column_of_the_head_gets_another_name() -> None:
    table, *_ = lay_out([RecordSpec("Pack", (FieldSpec("time_signal", SlotKind.UINT, signal="time"),))])
    assert [column.name for column in table.columns] == ["time", "channel", "id", "time_signal"]


@pytest.mark.parametrize("names", [("time", "time_signal"), ("time_signal", "time"), ("id", "id_signal")])
def test_a_signal_called_like_the_column_of_another_has_its_own(names: tuple[str, str]) -> None:
    fields = tuple(FieldSpec(f"f{number}", SlotKind.UINT, signal=name) for number, name in enumerate(names))
    table, *_ = lay_out([RecordSpec("Pack", fields)])
    assert table.records == ((0, (3, 4)),)
    assert len({column.name for column in table.columns}) == 5


def test_a_field_that_is_never_written_has_no_column() -> None:
    """As `--signal` leaves a selector, whose values other signals need."""
    table, *_ = lay_out([RecordSpec("Pack", (FieldSpec("page", SlotKind.WORD), WHOLE))])
    assert table.records == ((0, (-1, 3)),)
    assert [column.name for column in table.columns] == ["time", "channel", "id", "a"]


def test_a_message_called_like_a_measurement_of_the_data_model_stays_apart() -> None:
    message = RecordSpec("can_battery", (WHOLE,), message="battery")
    battery = RecordSpec("battery", (FieldSpec("voltage_v", SlotKind.FLOAT),), modelled=True)
    assert [table.name for table in lay_out([message, battery])] == [
        "can_battery",
        "battery",
        "charger",
        *SESSIONS,
        *HEALTH,
        "event",
    ]
    assert [table.name for table in lay_out([message])] == ["battery", *ROWS]


def test_rows_of_the_data_model_are_kept_apart_by_their_tags() -> None:
    names = ("battery", "cells", "charger", "meter")
    records = [RecordSpec(name, (FieldSpec("x", SlotKind.FLOAT),), modelled=True) for name in names]
    heads = {
        table.name: [column.name for column in table.columns if column.head] for table in lay_out(records)
    }
    assert heads["battery"] == heads["cells"] == ["channel", "pack"]
    assert heads["charger"] == heads["meter"] == ["channel", "charger"]


def test_health_of_packs_has_a_column_for_each_cell_and_for_each_range_of_a_day() -> None:
    fields = tuple(FieldSpec(name, SlotKind.FLOAT) for name in ("v001", "v002", "v003", "t001"))
    records = [RecordSpec(name, fields, modelled=True) for name in ("cells", "battery")]
    tables = {table.name: table for table in lay_out(records)}
    assert [*kinds(tables["cell_drift"])] == ["time", "d001", "d002", "d003", "soc_pct"]
    ranges = [name for name in kinds(tables["battery_use"]) if name.startswith("temp_")]
    assert (len(ranges), ranges[0], ranges[-1]) == (160, "temp_m40_soc_0_s", "temp_110_soc_90_s")
    assert "temp_0_soc_10_s" in ranges


def test_words_and_numbers_of_one_name_have_a_column_each() -> None:
    words = FieldSpec("b", SlotKind.WORD, signal="a", texts=((0, "off"),))
    table, *_ = lay_out([RecordSpec("Pack", (WHOLE, words))])
    assert {"a": ColumnKind.INT64, "a_text": ColumnKind.WORDS}.items() <= kinds(table).items()


def test_words_of_one_signal_and_those_of_another_called_like_their_column_have_a_column_each() -> None:
    fields = [FieldSpec(name, SlotKind.UINT) for name in ("a", "a_text")]
    fields += [
        FieldSpec(f"{name}_w", SlotKind.WORD, signal=name, texts=((0, "off"),)) for name in ("a", "a_text")
    ]
    table, *_ = lay_out([RecordSpec("Pack", tuple(fields))])
    assert table.records == ((0, (3, 4, 5, 6)),)
    assert len({column.name for column in table.columns}) == 7
