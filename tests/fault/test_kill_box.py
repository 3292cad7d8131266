"""kill -9 of a gateway with bounds and a black box: what is stored draws every value that it has accounted
for. NEV_TELEMETRY_KILLS says how many kills a campaign has; the release check takes 200."""

import math
import os
import random
import re
import struct
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from telemetry.spool.write_through import keeping_in_memory
from tests.support.gateway import Gateway, bus_at, influx_at
from tests.support.scripted_server import ScriptedServer
from tests.support.seqpacket import FrameListener

LONG = int(os.environ.get("NEV_TELEMETRY_KILLS", "12"))
KILLS = (
    4,
    *(pytest.param(min(50, LONG - at), id=f"from {at}", marks=pytest.mark.long) for at in range(0, LONG, 50)),
)
BUSES = ("one", "two")
BOUND = 0.5
FRAMES_PER_S = {"one": 800, "two": 50}
DATABASE = """VERSION ""
NS_ :
BS_:
BU_: A
BO_ 768 Counted: 8 A
 SG_ number : 0|32@1+ (1,0) [0|0] "" A
 SG_ value : 32|32@1- (0.001,0) [0|0] "" A
"""
TOP = f"""gateway_every_s = 3600.0
[reduce]
shape = "line"
longest_s = 60
[reduce.bounds]
"Counted.value" = {BOUND}
[black_box]
directory = "box"
"""
LINE = re.compile(r"Counted,source=(\w+),vehicle=van (.*) (\d+)")


def value_of(number: int) -> float:
    """Ramps of seconds with noise within the bound, and a jump now and then."""
    ramp = abs(number % 3000 - 1500) / 50.0
    return round(ramp + 20.0 * (number // 1100 % 2) + random.Random(number).uniform(-0.2, 0.2), 3)


class Sender(threading.Thread):
    """Numbered frames at an even pace, from `first` on, until the gateway is gone."""

    def __init__(self, listener: FrameListener, first: int, per_s: int) -> None:
        super().__init__(daemon=True)
        self.listener, self.next, self.per_s = listener, first, per_s
        self.ends = threading.Event()

    def run(self) -> None:
        begun_s, first = time.monotonic(), self.next
        while not self.ends.wait(0.004):
            due = first + int((time.monotonic() - begun_s) * self.per_s)
            try:
                for number in range(self.next, due):
                    scaled = round(value_of(number) * 1000)
                    self.listener.send([(768, struct.pack("<Ii", number, scaled))])
                    self.next = number + 1
            except OSError:
                return


@pytest.mark.parametrize("kills", KILLS)
def test_what_a_killed_service_has_stored_is_within_the_bound_of_all_that_it_had_accounted_for(
    kills: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if keeping_in_memory("0" * 32)(tmp_path) is None:
        pytest.skip("no file system in memory")
    database = tmp_path / "counted.dbc"
    database.write_text(DATABASE)
    chance = random.Random(request.node.name)
    lives: dict[str, list[tuple[int, int]]] = {bus: [] for bus in BUSES}
    sources = "".join(bus_at(tmp_path, bus, [database]) for bus in BUSES)
    with (
        ScriptedServer() as server,
        FrameListener(tmp_path / "one.sock") as one,
        FrameListener(tmp_path / "two.sock") as two,
        Gateway(tmp_path, influx_at(server.url), sources, TOP) as gateway,
    ):
        for _ in range(kills):
            process = gateway.start()
            senders = {}
            for bus, listener in zip(BUSES, (one, two), strict=True):
                listener.accept()
                first = lives[bus][-1][1] if lives[bus] else 0
                senders[bus] = Sender(listener, first, FRAMES_PER_S[bus])
            for sender in senders.values():
                sender.start()
            time.sleep(chance.uniform(0.3, 2.5))
            process.kill()
            process.wait()
            for bus, sender in senders.items():
                sender.ends.set()
                sender.join()
                sender.listener.hang_up()
                begun = lives[bus][-1][1] if lives[bus] else 0
                lives[bus].append((begun, sender.next))
        gateway.start()
        one.accept()
        two.accept()
        gateway.wait_until_sent()
        counters = gateway.end().counters
        lines = [match for line in server.stored if (match := LINE.match(line.decode()))]

    rows: dict[tuple[str, int], dict[str, float]] = {}
    for match in lines:
        fields = (field.split("=") for field in match[2].split(","))
        row = rows.setdefault((match[1], int(match[3])), {"value": math.nan})
        row |= {name: float(word.rstrip("i")) for name, word in fields}
    assert counters["points/made/Counted"] == len(lines)
    for bus in BUSES:
        found = sorted(
            (round(row["number"]), stamp, row["value"]) for (name, stamp), row in rows.items() if name == bus
        )
        assert counters[f"bus/{bus}/read"] == counters[f"frames/{bus}/decoded"] == len(found)
        for begin, end in lives[bus]:
            life = [each for each in found if begin <= each[0] < end]
            kept = [each for each in life if not math.isnan(each[2])]
            assert {*life[:1], *life[-1:]} <= {*kept}
            for (_, start_ns, before), (_, end_ns, after) in pairwise(kept):
                for number, stamp, _ in life:
                    if start_ns <= stamp <= end_ns:
                        drawn = before + (after - before) * (stamp - start_ns) / (end_ns - start_ns)
                        assert abs(drawn - value_of(number)) <= BOUND + 1e-6
    assert sum(not math.isnan(row["value"]) for row in rows.values()) < 0.5 * len(rows)
