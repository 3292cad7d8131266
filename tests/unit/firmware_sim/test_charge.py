"""Both ends of a charge: which frames, in which order, and what plant and meter know."""

import struct
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest

from firmware_sim.charge import ChargeSpec, ChargeTruth, DcCharge
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.plant.pack import PackSpec
from firmware_sim.wire.broadcast import Frame
from firmware_sim.wire.gbt import CHARGER, CODES, MESSAGES
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, split_id


def short_charge(seed: int = 1) -> DcCharge:
    pack = PackSpec(start_soc_pct=30.0, start_temp_c=22.0)
    return DcCharge(ChargeSpec(pack=pack, vehicle=VehicleSpec(until_soc_pct=30.6)), seed)


@cache
def played() -> tuple[list[Frame], ChargeTruth]:
    charge = short_charge()
    return list(charge.frames()), charge.truth()


def codes(frames: list[Frame]) -> list[str]:
    """Message by message; a long one where it is announced."""
    found = []
    for _, id, data in frames:
        pgn, _, source = split_id(id)
        if pgn == CONTROL_PGN and data[0] == 16:
            found.append(CODES[int.from_bytes(data[5:8], "little"), False])
        elif pgn not in (CONTROL_PGN, DATA_PGN):
            found.append(CODES[pgn, source == CHARGER])
    return found


def test_a_charge_goes_through_its_messages_in_their_order() -> None:
    first_of_each = list(dict.fromkeys(codes(played()[0])))
    expected = "CHM BHM CRM BRM BCP CTS CML BRO CRO BCL BSM CCS BCS BMV BMT BSP BST CST BSD CSD"
    assert first_of_each == expected.split()


def test_frames_come_in_the_order_of_their_stamps_and_none_share_one() -> None:
    stamps = [at_ns for at_ns, _, _ in played()[0]]
    assert all(after > before for before, after in pairwise(stamps))


def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    assert list(short_charge().frames()) == played()[0]
    assert list(short_charge(2).frames()) != played()[0]


def test_the_vehicle_stops_at_its_target_and_the_charger_follows() -> None:
    truth = played()[1]
    assert (truth.outcome, truth.side, truth.reason) == ("complete", "vehicle", "soc_reached")
    assert 30.6 <= truth.soc_end_pct < 30.7
    assert (truth.attempts, truth.errors) == (1, ())


def test_the_charger_gives_a_little_more_than_the_pack_takes() -> None:
    truth = played()[1]
    assert 1.0 < truth.energy_charger_wh / truth.energy_vehicle_wh < 1.005


def test_repeated_messages_keep_their_periods() -> None:
    frames = played()[0]
    counts = Counter(codes(frames))
    first, last = (
        [at_ns for at_ns, id, _ in frames if split_id(id)[0] == 0x1200][place] / 1e9 for place in (0, -1)
    )
    assert abs(counts["CCS"] - 1 - (last - first) / 0.050) < 1
    assert abs(counts["BCS"] - (last - first) / 0.250) <= 2


@dataclass(frozen=True)
class Late:
    """A charge as a recorder sees it whose clock goes on while the machine sends."""

    truth: ChargeTruth
    passed_s: float
    latest_s: float  # by which a frame was late
    charger_wh: float  # by CCS
    vehicle_wh: float  # by BCS


def played_late(frame_ns: int, *, late_ns: int = 0, stall_ns: int = 0, until_soc_pct: float = 24.0) -> Late:
    """On a machine that takes so long for a frame, and stands still once."""
    pack = PackSpec(start_soc_pct=20.0)
    charge = DcCharge(ChargeSpec(pack=pack, vehicle=VehicleSpec(until_soc_pct=until_soc_pct)), 1)
    passed_ns, latest_ns, announced = [0], 0, b""
    powers: dict[str, list[tuple[int, float]]] = {"CCS": [], "BCS": []}
    for at_ns, id, data in charge.frames(lambda: passed_ns[0], late_ns):
        latest_ns = max(latest_ns, passed_ns[0] - at_ns)
        passed_ns[0] = max(passed_ns[0] + frame_ns, at_ns)
        pgn, _, source = split_id(id)
        if pgn == CONTROL_PGN and data[0] == 16:
            announced = data[5:8]
        if CODES.get((pgn, source == CHARGER)) == "CCS":
            powers["CCS"].append((passed_ns[0], power_w(data)))
            if len(powers["CCS"]) == 100:
                passed_ns[0] += stall_ns
        elif pgn == DATA_PGN and data[0] == 1 and CODES[int.from_bytes(announced, "little"), False] == "BCS":
            powers["BCS"].append((passed_ns[0], power_w(data[1:])))
    truth, passed_s = charge.truth(), passed_ns[0] / 1e9
    return Late(truth, passed_s, latest_ns / 1e9, energy_wh(powers["CCS"]), energy_wh(powers["BCS"]))


def power_w(data: bytes) -> float:
    """Return the power of a message that begins with voltage and current."""
    voltage, current = struct.unpack_from("<HH", data)
    return float(voltage / 10 * (4000 - current) / 10)


def energy_wh(powers: list[tuple[int, float]]) -> float:
    """Return the energy by the trapezoid rule."""
    return sum((p + q) / 2 * (b - a) / 3.6e12 for (a, p), (b, q) in pairwise(powers))


def is_good(truth: ChargeTruth) -> bool:
    return (truth.outcome, truth.attempts, truth.errors) == ("complete", 1, ())


@pytest.mark.parametrize("frame_ns", [20_000_000, 35_000_000, 60_000_000, 113_000_000, 250_000_000])
def test_the_energies_of_a_charge_are_the_plant_s_however_slow_the_machine_is(frame_ns: int) -> None:
    """At 60x, 113 ms of a charge are 530 frames a second, and 250 ms are 240; a charge has 4000."""
    late = played_late(frame_ns, late_ns=2_000_000_000, until_soc_pct=36.0)
    assert is_good(late.truth)
    assert late.latest_s < 10.0
    assert late.passed_s == pytest.approx(late.truth.duration_s, abs=1.0)
    assert late.charger_wh == pytest.approx(late.truth.energy_charger_wh, rel=0.005)
    assert late.vehicle_wh == pytest.approx(late.truth.energy_vehicle_wh, rel=0.005)


def test_a_charge_that_was_late_catches_up_wholly_so_that_its_energy_is_that_of_the_plant() -> None:
    """Ten seconds are recorded twice as long as they were, and the next ones are shorter by as much."""
    late = played_late(5_000_000, late_ns=6_000_000_000, stall_ns=10_000_000_000)
    assert is_good(late.truth)
    assert late.passed_s == pytest.approx(late.truth.duration_s, abs=0.5)
    assert late.charger_wh == pytest.approx(late.truth.energy_charger_wh, rel=0.005)


def test_a_machine_that_was_late_once_sends_everything_again_ten_seconds_later() -> None:
    spec = ChargeSpec(pack=PackSpec(start_soc_pct=20.0), vehicle=VehicleSpec(until_soc_pct=21.5))
    stamps = []
    passed_ns = [0]
    for at_ns, id, _ in DcCharge(spec, 1).frames(lambda: passed_ns[0], 2_000_000_000):
        passed_ns[0] = max(passed_ns[0], at_ns)
        if split_id(id)[0] == MESSAGES["CCS"].pgn:
            stamps.append(at_ns)
            if len(stamps) == 100:
                passed_ns[0] += 3_000_000_000
    gaps_s = [(after - before) / 1e9 for before, after in pairwise(stamps[101:])]
    assert max(gaps_s) < 1.0
    seldom_s = sum(gap_s for gap_s in gaps_s if gap_s > 0.1)
    assert seldom_s == pytest.approx(10.0, abs=1.5)
