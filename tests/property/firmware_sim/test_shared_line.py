"""A master hears a line in the order of time, however late devices answer and echoes come back."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.faults.kinds import LateAnswer, Window
from firmware_sim.faults.serial import SerialFaults
from firmware_sim.links.shared_line import Attached, Electrics, Said, SharedLine

MS = 1_000_000
BYTES = 8  # of each message
LATE = LateAnswer(Window(0.0, 1e6), "board", 0.5, 0.13)


class Board:
    """Answers each whole request by its number."""

    def feed(self, data: bytes) -> list[bytes]:
        asked = re.fullmatch(rb"please(\d\d)", data)
        return [b"answer" + asked[1]] if asked else []

    def due(self, until_ns: int) -> list[bytes]:  # noqa: ARG002
        return []

    def forget(self) -> None:
        pass


@given(
    baud_rate=st.sampled_from([None, 9600]),
    echo=st.booleans(),
    seed=st.integers(0, 99),
    pauses=st.lists(st.integers(0, 200 * MS), min_size=1, max_size=12),
    looks=st.integers(MS, 50 * MS),
)
def test_messages_that_nobody_talked_into_come_whole_and_in_the_order_of_their_beginnings(
    baud_rate: int | None, echo: bool, seed: int, pauses: list[int], looks: int
) -> None:
    answers: list[Said] = []
    electrics = Electrics(baud_rate, 0.03, echo)
    faults = SerialFaults("board", (LATE,), seed)
    line = SharedLine([Attached("board", Board(), faults)], electrics, said=answers.append)
    takes_ns = BYTES * electrics.byte_ns
    said: list[tuple[int, bytes]] = []
    heard = bytearray()
    now_ns = 0

    def listen(until_ns: int) -> None:
        nonlocal now_ns
        while now_ns < until_ns:
            now_ns = min(now_ns + looks, until_ns)
            for piece in line.arrived(now_ns):
                heard.extend(piece.data)

    for number, pause_ns in enumerate(pauses):
        listen(now_ns + takes_ns + pause_ns)  # the master does not talk into its own request
        request = b"please%02d" % number
        said.append((now_ns, request))
        line.hear(request, now_ns, now_ns)
    listen(now_ns + 1000 * MS)
    said += [(one.as_of_ns, one.message) for one in answers]
    said.sort(key=lambda one: one[0])
    edges = [-takes_ns, *(begin_ns for begin_ns, _ in said), now_ns + takes_ns]
    alone = [
        message
        for (before_ns, begin_ns), (_, after_ns), (_, message) in zip(
            pairwise(edges), pairwise(edges[1:]), said, strict=False
        )
        if begin_ns - before_ns >= takes_ns
        and after_ns - begin_ns >= takes_ns
        and (echo or not message.startswith(b"please"))
    ]
    places = [heard.find(message) for message in alone]
    assert -1 not in places
    assert places == sorted(places)
