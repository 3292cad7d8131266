"""The state of a session has little room, however long the session is."""

import random
from collections.abc import Sequence

import pytest

from telemetry.charging.plan import ProtocolPlug
from telemetry.charging.saved import MOST_STATE
from telemetry.charging.settings import ChargingSettings
from tests.support.plug import READY, PlugBench

LISTED = 400  # phases, errors and points of the curve that a session keeps
ATTEMPTS = 300
ERROR_S = 1.5  # further apart than those that count as one
PLAIN_VIN = ChargingSettings(vin="plain")


class LongSession:
    """A session of many attempts that says all that the messages of the protocol can say."""

    def __init__(self) -> None:
        self.bench = PlugBench(PLAIN_VIN, (ProtocolPlug("plug", "gbt27930"),))
        self.most_bytes = 0
        self._chance = random.Random(27930)
        self._at_s = 0.0

    def state(self) -> bytes:
        return self.bench.tracker.state(0)

    def put(self, code: str, after_s: float = 0.01, **raw: float | str) -> None:
        self._at_s += after_s
        self.bench.put(code, self._at_s, **raw)
        self.most_bytes = max(self.most_bytes, len(self.state()))

    def error(self, code: str) -> None:
        self.put(code, ERROR_S, **dict.fromkeys(self._reasons(code), 1))

    def _reasons(self, code: str) -> Sequence[str]:
        """Return the names of all that the message can give as a reason."""
        return next(sign.reasons for sign in self.bench.spec.signs if sign.name == code)

    def recognise(self) -> None:
        self.put(
            "BRM",
            version_minor=1,
            version_major=1,
            battery_type=6,
            rated_capacity_ah=1537,
            manufacturer="WXYZ",
            pack_serial=4_123_456_789,
            vin="LRWYGCEK1PC123457",
        )
        self.put("CRM", recognition=READY, charger_number=4_012_345_678)

    def charge(self) -> None:
        """Put the configuration, and some seconds of values with all the digits that a double has."""
        self.put("BCP", soc_pct=537)
        self.put("CTS", year=2026, month=3, day=2, hour=9, minute=41, second=37)
        self.put("CML", max_voltage_v=7501, min_voltage_v=2003, max_current_a=1507, min_current_a=3999)
        self.put("BRO", ready=READY)
        self.put("CRO", ready=READY)
        for _ in range(24):
            self.put("BCL", 0.4)
            self.put("BCS")
            self.put("BSM", permitted=1)
            self.put("CCS", permitted=1, charged_min=int(self._at_s // 60))
            for measurement in ("battery", "charger", "meter"):
                voltage_v, current_a = self._chance.uniform(300, 800), self._chance.uniform(10, 250)
                self.bench.measure(measurement, self._at_s, voltage_v=voltage_v, current_a=current_a)
            soc_pct = self._chance.uniform(50, 60)
            self.bench.measure("battery", self._at_s, soc_pct=soc_pct)

    def end(self) -> None:
        for code in ("BST", "CST"):
            self.put(code, **dict.fromkeys(self._reasons(code), 1))
        self.put("BSD", soc_pct=83)
        self.put("CSD", energy_kwh=377)
        for code in ("BEM", "CEM", "BEM", "CEM"):
            self.error(code)


def test_the_state_of_a_session_with_all_that_can_be_said_fits_its_room() -> None:
    session = LongSession()
    session.put("CHM", version_minor=1, version_major=1)
    for _ in range(8):
        session.put("CRM", ERROR_S, recognition=0, charger_number=4_012_345_678)
        session.recognise()
        session.charge()
        session.end()
    assert session.bench.sessions == []
    assert 1000 < session.most_bytes <= MOST_STATE


def test_neither_attempts_nor_errors_make_the_state_grow() -> None:
    session = LongSession()
    session.put("CHM", version_minor=1, version_major=1)
    sizes = []
    for _ in range(ATTEMPTS):
        session.put("CRM", ERROR_S, recognition=0)
        session.recognise()
        session.put("BCP", soc_pct=537)
        for code in ("CEM", "BEM"):
            session.error(code)
        sizes.append(len(session.state()))
    assert max(sizes[len(sizes) // 2 :]) <= max(sizes[2:10]) + 64  # counts have more digits
    found = session.bench.finish()
    assert found.attempts == ATTEMPTS
    assert (len(found.phases), len(found.errors)) == (LISTED, LISTED)


@pytest.mark.parametrize("code", ["BEM", "CEM"])
def test_errors_of_an_attempt_that_never_ends_do_not_make_the_state_grow(code: str) -> None:
    session = LongSession()
    session.put("CRM", recognition=READY)
    session.error(code)
    first = len(session.state())
    for _ in range(2 * LISTED):
        session.error(code)
    assert len(session.state()) <= first + 64
    assert len(session.bench.finish().errors) == LISTED


def test_phases_of_a_vehicle_that_never_names_itself_do_not_make_the_state_grow() -> None:
    """No row of such a session is written yet, so they wait in its state."""
    session = LongSession()
    session.put("CHM", version_minor=1, version_major=1)
    for _ in range(ATTEMPTS):
        session.put("CRM", ERROR_S, recognition=0)
        session.error("CEM")
    assert session.bench.tracker.unfinished(0) == []
    assert session.most_bytes <= MOST_STATE
