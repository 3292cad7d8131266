"""The record of a session has the fields of the data model."""

from dataclasses import fields

from telemetry.charging.session import SESSION_FIELDS, CurvePoint, Phase, Session
from telemetry.model.measurements import CHARGING_CURVE, CHARGING_PHASE, CHARGING_SESSION


def test_a_session_has_every_field_of_its_measurement() -> None:
    assert tuple(field.name for field in CHARGING_SESSION.fields) == SESSION_FIELDS


def test_a_phase_and_a_point_of_the_curve_have_theirs() -> None:
    apart = {"session_start"}
    assert {one.name for one in fields(Phase)} - {"start_ns"} == {
        one.name for one in CHARGING_PHASE.fields
    } - apart
    assert {one.name for one in fields(CurvePoint)} - {"at_ns"} == {
        one.name for one in CHARGING_CURVE.fields
    } - apart


def test_what_is_not_known_is_no_value() -> None:
    session = Session(1, None, "bus-7", "main", "bay-2", open=True, duration_s=2.5, attempts=2)
    assert dict(session.values()) == {"open": True, "duration_s": 2.5, "attempts": 2.0}
