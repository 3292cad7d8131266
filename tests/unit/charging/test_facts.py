"""What single messages say of a session, and how its rows are written."""

import pytest
from telemetry_core.rows.spec import DecimalScale, FieldSpec, RecordSpec, SlotKind

from telemetry.charging.facts import facts, physical, station_in
from telemetry.charging.items import PhaseRow
from telemetry.charging.rows import point, rfc3339
from telemetry.charging.session import Phase, Session
from telemetry.model.point import line
from telemetry.protocols.known import CAN_PROTOCOLS

RECORDS = {record.message: record for record in CAN_PROTOCOLS["gbt27930"].records}


def test_the_stations_clock_is_local_time_in_china() -> None:
    raw = {"second": 36, "minute": 24, "hour": 8, "day": 16, "month": 5, "year": 2015}
    found = facts(RECORDS["CTS"], raw, 1_431_735_876_000_000_000 - 2_000_000_000)  # 00:24:36 UTC
    assert found == {"station_clock_offset_s": pytest.approx(2.0)}


@pytest.mark.parametrize(
    ("raw", "station"),
    [
        ({"charger_number": 16843009, "region": "123"}, "16843009"),
        ({"charger_number": 0, "region": "123"}, "123"),
        ({"charger_number": 0xFFFFFF01}, "1"),  # of 2011: one byte, the others filled
        ({}, None),
    ],
)
def test_a_station_is_called_by_its_number_or_else_its_region(
    raw: dict[str, float | str], station: str | None
) -> None:
    assert facts(RECORDS["CRM"], raw, 0)["station"] == station


@pytest.mark.parametrize(
    ("station", "edition", "called"),
    [
        ("1296651009", "2011", "1"),  # 01 "SIM": the number, and a region in the bytes after it
        ("1296651009", "2015", "1296651009"),
        ("2118197249", "2011", "1"),  # 20, 41, 7E: the first and the last letters that there are
        ("2134974465", "2011", "2134974465"),  # 7F is not a letter
        ("27930001", "2011", "27930001"),  # a charger of 2015 at a vehicle of 2011: 2D, AA, 01 are no text
        ("1296651263", "2011", "SIM"),  # FF "SIM": no number, and a region
        ("1296651008", "2011", "SIM"),  # 00 "SIM"
        ("SIM", "2011", "SIM"),
        (None, "2011", None),
    ],
)
def test_a_station_of_2011_has_a_number_of_one_byte_before_its_region(
    station: str | None, edition: str, called: str | None
) -> None:
    assert station_in(edition, station) == called


def test_a_limit_of_charging_current_is_a_positive_number() -> None:
    found = facts(RECORDS["CML"], {"max_current_a": 1500, "max_voltage_v": 9500}, 0)
    assert found == {"max_current_a": 250.0, "max_voltage_v": 950.0}


def test_stamps_are_text_with_all_their_digits() -> None:
    assert rfc3339(1_772_445_600_000_000_001) == "2026-03-02T10:00:00.000000001Z"


def test_an_open_session_says_that_it_has_no_outcome_yet() -> None:
    session = Session(7, None, "bus-7", "main", "bay-2", open=True, duration_s=1.5)
    row = point(session, "bus-7", 0, shift_ns=3)
    assert line(row.measurement, row.tags, row.fields, row.time_ns) == (
        b"charging_session,charger=bay-2,pack=main,vehicle=bus-7 "
        b'outcome="",stop_side="",stop_reason="",open=true,duration_s=1.5 10'
    )


def test_a_phase_names_its_session_by_the_stamp_that_is_written() -> None:
    session = Session(7, None, "bus-7", "main", "bay-2", open=True, duration_s=1.5)
    row = point(PhaseRow(session, Phase(1, "charging", 9, 0.5)), "bus-7", 0, shift_ns=3)
    assert (row.time_ns, row.fields["session_start"]) == (12, "1970-01-01T00:00:00.000000010Z")


def test_values_of_a_row_have_their_factor_and_their_offset_however_they_are_scaled() -> None:
    record = RecordSpec(
        "Plug",
        (
            FieldSpec("inlet_c", SlotKind.FLOAT, factor=0.5, offset=-40.0),
            FieldSpec("current_a", SlotKind.INT, 0.1, -400.0, DecimalScale(1, -4000, 1)),
        ),
    )
    assert physical(record, {"inlet_c": 110.0, "current_a": 3750}) == {"inlet_c": 15.0, "current_a": -25.0}
