"""Both ends of a charge: which frames, in which order, and what plant and meter know."""

import struct
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest

from firmware_sim.charge import ChargeSpec, ChargeTruth, DcCharge
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.plant.pack import PackSpec
from firmware_sim.wire.broadcast import Frame
from firmware_sim.wire.gbt import CHARGER, CODES
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


def played_late(frame_ns: int, *, late_ns: int = 0, stall_ns: int = 0) -> tuple[ChargeTruth, float, float]:
    """On a machine that takes so long for a frame, and stands still once: truth, seconds, Wh by CCS."""
    spec = ChargeSpec(pack=PackSpec(start_soc_pct=20.0), vehicle=VehicleSpec(until_soc_pct=24.0))
    charge = DcCharge(spec, 1)
    passed_ns = [0]
    powers: list[tuple[int, float]] = []
    for at_ns, id, data in charge.frames(lambda: passed_ns[0], late_ns):
        passed_ns[0] = max(passed_ns[0] + frame_ns, at_ns)
        if CODES.get((split_id(id)[0], True)) == "CCS":
            voltage, current = struct.unpack_from("<HH", data)
            powers.append((passed_ns[0], voltage / 10 * (4000 - current) / 10))
            if len(powers) == 100:
                passed_ns[0] += stall_ns
    energy_wh = sum((p + q) / 2 * (b - a) / 3.6e12 for (a, p), (b, q) in pairwise(powers))
    return charge.truth(), passed_ns[0] / 1e9, energy_wh


@pytest.mark.parametrize("frame_ns", [5_000_000, 20_000_000, 35_000_000])
def test_on_a_machine_that_is_too_slow_a_charge_leaves_frames_out_and_lasts_as_long(frame_ns: int) -> None:
    """A second of a charge has 60 frames; this machine takes so long for each of them."""
    truth, passed_s, energy_wh = played_late(frame_ns)
    assert (truth.outcome, truth.attempts, truth.errors) == ("complete", 1, ())
    assert passed_s == pytest.approx(truth.duration_s, abs=0.5)
    assert energy_wh == pytest.approx(truth.energy_charger_wh, rel=0.005)


def test_a_charge_that_was_late_catches_up_wholly_so_that_its_energy_is_that_of_the_plant() -> None:
    """Ten seconds are recorded twice as long as they were, and the next ones are shorter by as much."""
    truth, passed_s, energy_wh = played_late(5_000_000, late_ns=6_000_000_000, stall_ns=10_000_000_000)
    assert (truth.outcome, truth.attempts, truth.errors) == ("complete", 1, ())
    assert passed_s == pytest.approx(truth.duration_s, abs=0.5)
    assert energy_wh == pytest.approx(truth.energy_charger_wh, rel=0.005)
