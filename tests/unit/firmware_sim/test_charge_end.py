"""One end alone: it charges with the other one over a bus that is slow, at any pace."""

import heapq

import pytest

from firmware_sim.charge import ChargeEnd, ChargeSpec
from firmware_sim.charge_scenario import load_charge_scenario
from firmware_sim.links.can import DuplexLink
from firmware_sim.links.player import SimulatedClock, floor_ns, play_node
from firmware_sim.wire.gbt import CHARGER, CODES
from firmware_sim.wire.j1939 import split_id
from telemetry.settings.table import TomlTable

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
