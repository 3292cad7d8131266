"""The 40 faults of a charge, by the standard's time-outs.

That each ends as its scenario says is tested with what a listener makes of it, of the same frames:
tests/integration/test_charge_faults.py.
"""

from collections import Counter

import pytest

from firmware_sim.charge import ChargeSpec, DcCharge
from firmware_sim.charge_scenario import GOOD
from firmware_sim.ecus.gbt.charger import GbtChargerSpec
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.faults.charge_kinds import VARIANTS, Planned, Since
from firmware_sim.faults.kinds import Silence, Window
from firmware_sim.plant.pack import PackSpec
from firmware_sim.wire.gbt import Edition
from tests.support.charges import FAULTS, PlayedCharge, played_charge

CODES_2015 = {"CHM", "BHM"}
ON_THE_BUS_S = 0.001  # by which a frame may be late that waits for another


def first_s(charge: PlayedCharge, code: str, *, begins: str = "", after_s: float = 0.0) -> float:
    """Return when this message first came with a payload that begins so."""
    return next(
        at_s
        for at_s, seen, data in charge.messages()
        if seen == code and at_s >= after_s and data.hex().startswith(begins)
    )


def last_s(charge: PlayedCharge, code: str, *, before_s: float) -> float:
    return max(at_s for at_s, seen, _ in charge.messages() if seen == code and at_s < before_s)


def test_there_are_forty() -> None:
    assert [int(name[:2]) for name in FAULTS] == list(range(1, 41))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_changes_the_frames(variant: str) -> None:
    assert played_charge("21", variant).frames != played_charge("21").frames


@pytest.mark.parametrize(
    ("name", "waited_for", "error", "limit_s"),
    [
        ("02", ("CHM", ""), "BEM", 30.0),
        ("03", ("CRM", "00"), "CEM", 5.0),
        ("04", ("BRM", ""), "BEM", 5.0),
        ("05", ("CRM", "aa"), "CEM", 5.0),
        ("06", ("BCP", ""), "BEM", 5.0),
        ("07", ("CML", ""), "CEM", 5.0),
        ("08", ("BRO", "aa"), "BEM", 5.0),
        ("09", ("BRO", "00"), "CEM", 60.0),
        ("10", ("CRO", "00"), "BEM", 60.0),
        ("15", ("CST", ""), "CEM", 5.0),
        ("16", ("BST", ""), "BEM", 5.0),
        ("18", ("BSD", ""), "BEM", 10.0),
    ],
)
def test_an_end_waits_as_long_as_the_standard_says(
    name: str, waited_for: tuple[str, str], error: str, limit_s: float
) -> None:
    charge = played_charge(name)
    code, begins = waited_for
    waited_s = first_s(charge, error) - first_s(charge, code, begins=begins)
    assert limit_s - ON_THE_BUS_S <= waited_s < limit_s + 0.3


@pytest.mark.parametrize(
    ("name", "silent", "error", "limit_s"),
    [
        ("11", "BCL", "CEM", 1.0),
        ("12", "BCS", "CEM", 5.0),
        ("13", "CCS", "BEM", 1.0),
        ("14", "BSM", "CEM", 5.0),
    ],
)
def test_an_end_misses_a_message_of_charging_in_time(
    name: str, silent: str, error: str, limit_s: float
) -> None:
    charge = played_charge(name)
    error_s = first_s(charge, error)
    waited_s = error_s - last_s(charge, silent, before_s=error_s)
    assert limit_s - ON_THE_BUS_S <= waited_s < limit_s + 0.1


def test_an_end_of_2011_misses_a_message_of_charging_after_100_ms() -> None:
    spec = ChargeSpec(
        pack=PackSpec(start_soc_pct=30.0, start_temp_c=22.0),
        charger=GbtChargerSpec(edition=Edition.Y2011),
        vehicle=VehicleSpec(edition=Edition.Y2011),
        faults=(Planned(Silence(Window(3.0, 60.0), "CCS"), Since.CHARGING),),
        at_most_s=20.0,
    )
    charge = DcCharge(spec, 1)
    ccs_s = [at_ns / 1e9 for at_ns, id, _ in charge.frames() if id & 0xFFFFFFF == 0x812F456]
    first = charge.truth().errors[0]
    last_s = max(at_s for at_s in ccs_s if at_s < first.at_ns / 1e9)
    assert first.what == "ccs_timeout"
    assert first.at_ns / 1e9 - last_s == pytest.approx(0.1, abs=0.005)


def test_by_the_edition_of_2011_there_is_no_handshake() -> None:
    assert {seen for _, seen, _ in played_charge("40").messages()} >= CODES_2015
    assert not CODES_2015 & {seen for _, seen, _ in played_charge("25").messages()}


def test_a_reconnect_begins_with_recognition_and_not_with_a_handshake() -> None:
    charge = played_charge("19")
    error_s = first_s(charge, "BEM")
    after = [seen for at_s, seen, _ in charge.messages() if at_s > error_s]
    assert "CHM" not in after
    assert list(dict.fromkeys(after))[:4] == ["BEM", "CRM", "BRM", "BCP"]
    assert first_s(charge, "CRM", begins="00", after_s=error_s) - error_s < 30.0


def test_a_reconnect_is_tried_three_times() -> None:
    for name in ("03", "13", "20"):
        assert played_charge(name).truth.attempts == 4


def test_every_error_is_one_of_the_attempt_that_it_ends() -> None:
    assert [error.attempt for error in played_charge("13").truth.errors] == [1, 2, 3, 4]


def test_by_the_edition_of_2023_a_missing_state_ends_the_charge() -> None:
    charge = played_charge("14")
    assert {data.hex() for _, code, data in charge.messages() if code == "CEM"} == {"fcf0c0f4"}


def test_announcements_are_made_anew_refused_or_asked_for_again() -> None:
    def controls(name: str) -> Counter[tuple[int, int]]:
        """Control frames by their control byte and the message's PGN."""
        frames = played_charge(name).frames
        return Counter((data[0], data[6]) for _, id, data in frames if id >> 8 & 0x3FF00 == 0xEC00)

    assert controls("21")[16, 0x02] == controls("27")[16, 0x02] + 1
    assert controls("22")[255, 0x11] == 3
    assert controls("23")[17, 0x02] == 2
    assert controls("24")[255, 0x02] > 4


def test_each_edition_sends_its_own_lengths() -> None:
    def lengths(name: str) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for _, code, data in played_charge(name).messages():
            found.setdefault(code, set()).add(
                int.from_bytes(data[1:3], "little") if data[0] == 16 else len(data)
            )
        return {code: found[code] for code in ("BRM", "CML", "CCS", "CSD")}

    assert lengths("25") == lengths("26") == {"BRM": {41}, "CML": {6}, "CCS": {6}, "CSD": {5}}
    assert lengths("21") == {"BRM": {49}, "CML": {8}, "CCS": {8}, "CSD": {8}}


def test_cells_and_temperatures_come_every_ten_seconds_and_in_2011_every_second() -> None:
    def every_s(name: str) -> float:
        times = [at_s for at_s, code, _ in played_charge(name).messages() if code == "BMV"]
        return (times[-1] - times[0]) / (len(times) - 1)

    assert every_s("38") == pytest.approx(10.0, abs=0.3)
    assert every_s("25") == pytest.approx(1.0, abs=0.3)


def test_a_pause_stops_the_current_and_ends_by_itself() -> None:
    charge = played_charge("21", "pause")
    states = [(at_s, data) for at_s, code, data in charge.messages() if code == "CCS"]
    paused = [at_s for at_s, data in states if data[6] & 3 == 0]
    assert paused[-1] - paused[0] == pytest.approx(180.0, abs=0.6)
    in_pause = {data[2:4].hex() for at_s, data in states if paused[0] + 0.5 < at_s < paused[-1]}
    assert in_pause == {"a00f"}  # 0.0 A
    assert charge.truth.outcome == "complete"


def test_a_derated_charger_gives_less_than_it_is_asked_for() -> None:
    charge = played_charge("38")
    asked_a, given_a = (
        next(
            400.0 - int.from_bytes(data[2:4], "little") / 10.0
            for at_s, seen, data in charge.messages()
            if seen == code and at_s > 40.0
        )
        for code in ("BCL", "CCS")
    )
    assert asked_a == pytest.approx(200.0, abs=0.1)
    assert given_a == pytest.approx(100.0, abs=0.1)


@pytest.mark.long
def test_the_good_charge_goes_from_10_to_80_percent() -> None:
    truth = played_charge(GOOD).truth
    assert truth.soc_start_pct == pytest.approx(10.0, abs=0.5)
    assert truth.soc_end_pct == pytest.approx(80.0, abs=0.1)
