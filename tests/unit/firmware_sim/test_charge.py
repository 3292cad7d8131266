"""Both ends of a charge: which frames, in which order, and what plant and meter know.

One end alone charges with the other one over a bus that is slow, at any pace.
"""

import heapq
import struct
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest

from firmware_sim.charge import ChargeEnd, ChargeSpec, ChargeTruth, DcCharge
from firmware_sim.charge_scenario import load_charge_scenario
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.links.can import DuplexLink
from firmware_sim.links.player import SimulatedClock, floor_ns, play_node
from firmware_sim.plant.pack import PackSpec
from firmware_sim.wire.broadcast import Frame
from firmware_sim.wire.gbt import CHARGER, CODES, MESSAGES
from firmware_sim.wire.j1939 import CONTROL_PGN, DATA_PGN, split_id
from telemetry.settings.table import TomlTable


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


@pytest.mark.parametrize("frame_ns", [20_000_000, 113_000_000, 250_000_000])
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


MS = 1_000_000
START_WALL_NS = 1_700_000_000_000_000_000


def play_pair(
    name: str, *, delay_ns: int, floor_ns: int = 0
) -> tuple[dict[str, object], dict[str, object], list[str]]:
    """Both ends as in two processes: a frame reaches the other one `delay_ns` of simulated time later."""
    scenario = load_charge_scenario(name, TomlTable.load)
    spec = ChargeSpec(scenario.pack, scenario.charger, scenario.vehicle, scenario.faults)
    ends = [ChargeEnd(spec, side, 1, floor_ns=floor_ns) for side in ("charger", "vehicle")]
    on_the_way: list[tuple[int, int, int, int, bytes]] = []
    codes: list[str] = []
    now_ns = number = 0
    while not all(end.finished for end in ends) and now_ns < 900_000 * MS:
        for place, end in enumerate(ends):
            for id, data in end.run(now_ns):
                pgn, _, source = split_id(id)
                codes.append(CODES.get((pgn, source == CHARGER), ""))
                number += 1
                heapq.heappush(on_the_way, (now_ns + delay_ns, number, 1 - place, id, data))
        wake_ns = min(end.wake_ns for end in ends)
        now_ns = max(min(wake_ns, on_the_way[0][0]) if on_the_way else wake_ns, now_ns)
        while on_the_way and on_the_way[0][0] <= now_ns:
            at_ns, _, to, id, data = heapq.heappop(on_the_way)
            ends[to].hear(at_ns, id, data)
    return ends[0].truth(), ends[1].truth(), codes


def test_two_ends_charge_and_end_like_the_pair() -> None:
    charger, vehicle, codes = play_pair("27", delay_ns=2 * MS)
    assert (charger["stop_reasons"], vehicle["stop_reasons"]) == (("vehicle_stopped",), ("soc_reached",))
    assert (charger["errors"], vehicle["errors"]) == ([], [])
    seen = list(dict.fromkeys(code for code in codes if code))
    assert seen == [
        "CHM",
        "BHM",
        "CRM",
        "CTS",
        "CML",
        "BRO",
        "CRO",
        "BCL",
        "BSM",
        "CCS",
        "BST",
        "CST",
        "BSD",
        "CSD",
    ]


def test_both_meters_agree_within_two_percent() -> None:
    charger, vehicle, _ = play_pair("27", delay_ns=2 * MS)
    assert charger["energy_charger_wh"] == pytest.approx(vehicle["energy_vehicle_wh"], rel=0.02)


def test_a_fault_of_one_end_is_seen_by_the_other() -> None:
    charger, vehicle, _ = play_pair("13", delay_ns=2 * MS)
    assert vehicle["errors"] == ["ccs_timeout"] * 4
    assert charger["attempts"] == 4


def test_a_machine_that_delays_every_frame_by_a_second_of_simulated_time_disturbs_no_scaled_charge() -> None:
    """At 60x a frame of 17 ms is a second late: without a floor the transfers of J1939 time out."""
    charger, vehicle, _ = play_pair("27", delay_ns=1000 * MS, floor_ns=floor_ns(60.0))
    assert vehicle["stop_reasons"] == ("soc_reached",)
    assert (charger["errors"], vehicle["errors"]) == ([], [])
    charger, _, _ = play_pair("27", delay_ns=1000 * MS)
    assert charger["errors"] != []


def test_no_deadline_of_a_scaled_clock_is_shorter_than_half_a_second_of_wall_time() -> None:
    assert (floor_ns(1.0), floor_ns(60.0)) == (0, 30_000_000_000)


class Echo:
    """A node that answers each frame once, 10 ms later, and ends with the third."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, bytes]] = []
        self.due_ns = 0

    @property
    def finished(self) -> bool:
        return len(self.heard) == 3

    @property
    def wake_ns(self) -> int:
        return self.due_ns

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        self.heard.append((now_ns, id, data))
        self.due_ns = now_ns + 10 * MS

    def run(self, now_ns: int) -> list[tuple[int, bytes]]:
        if now_ns < self.due_ns:
            return []
        self.due_ns = 1 << 62
        return [(0x7FF, b"answer")]


class Bus(DuplexLink):
    """Gives one frame each time somebody waits; waiting is what makes time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.wall_ns = START_WALL_NS
        self.sent: list[tuple[int, int, bytes]] = []

    def send(self, id: int, data: bytes) -> None:
        self.sent.append((self.wall_ns - START_WALL_NS, id, data))

    def receive(self, wait_s: float) -> list[tuple[int, bytes]]:
        self.wall_ns += round(wait_s * 1e9)
        return [(0x100, b"frame")] if wait_s == 0.02 else []

    def close(self) -> None:
        pass


def test_a_node_hears_and_sends_on_the_time_line_of_its_clock() -> None:
    bus, node = Bus(), Echo()
    clock = SimulatedClock(2.0, 5_000, START_WALL_NS)
    count = play_node(node, bus, clock, unix_ns=lambda: bus.wall_ns, stopped=lambda: False)
    # It sends at once, hears after naps of 20 ms of wall time (40 ms of its own), and answers 5 ms later.
    assert [at_ns // MS for at_ns, _, _ in bus.sent] == [0, 25, 50]
    assert [at_ns // MS for at_ns, _, _ in node.heard] == [40, 90, 140]
    assert count == 3


def test_a_node_that_is_stopped_or_over_its_time_sends_no_more() -> None:
    bus, node = Bus(), Echo()
    clock = SimulatedClock(1.0, 0, START_WALL_NS)
    assert play_node(node, bus, clock, unix_ns=lambda: bus.wall_ns, stopped=lambda: True) == 0
    assert play_node(node, bus, clock, unix_ns=lambda: bus.wall_ns, stopped=lambda: False, until_ns=0) == 0
