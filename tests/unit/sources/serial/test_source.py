"""telemetry/sources/serial/source.py step by step, on a port whose every read is written down here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import accumulate

import pytest
from telemetry_core.frames.stamps import TimeMap

from telemetry.model.source_states import WELL
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.serial.vedirect import CHARGER, MONITOR
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded, SourceEvent
from telemetry.sources.serial.conversation import Asking, Listening, Poll
from telemetry.sources.serial.member import Member, SilenceWatch
from telemetry.sources.serial.source import SerialSource, in_one_clause
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.framing import vedirect_block
from tests.support.serial_line import BASIC, MODEL, Battery, block, reply, request

BYTE_NS = 1000

TIMEOUT_S = 0.5
POLL = Poll(request(BASIC), BASIC, 1.0, TIMEOUT_S)


class Script:
    """A port that gives one piece a read, then sets `stop`. An empty piece is a wait to its end."""

    description = "/dev/script"

    def __init__(
        self,
        clock: FakeClock,
        stop: StopSignal,
        pieces: Sequence[bytes],
        at_once: Sequence[bytes],
        look: Callable[[], None],
    ) -> None:
        """at_once: for reads that do not wait. look: is called with each read that waits."""
        self.sent: list[bytes] = []
        self.waits_s: list[float] = []
        self.reads_at_once = 0
        self._clock = clock
        self._stop = stop
        self._pieces = list(pieces)
        self._at_once = list(at_once)
        self._look = look

    @contextmanager
    def open(self, stop: StopSignal) -> Iterator["Script"]:  # noqa: ARG002 - as the protocol has it
        yield self

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def receive(self, timeout_s: float) -> bytes:
        if not timeout_s:
            self.reads_at_once += 1
            return self._at_once.pop(0) if self._at_once else b""
        self._look()
        self.waits_s.append(timeout_s)
        if not self._pieces:
            self._stop.set()
            return b""
        data = self._pieces.pop(0)
        if not data:
            self._clock.advance(timeout_s)
        return data


class Lines:
    """A capture in memory."""

    def __init__(self) -> None:
        self.lost_lines = 3
        self.written: list[bytes] = []
        self.closed = 0

    def write(self, line: bytes) -> None:
        self.written.append(line.split(b" ", 2)[2].strip())

    def close(self) -> None:
        self.closed += 1


class Bench:
    """A source on a script, and what came out of it."""

    def __init__(
        self,
        *pieces: bytes,
        look: Callable[[SerialSource], None] = lambda _: None,
        inbox: Inbox | None = None,
        at_once: Sequence[bytes] = (),
        talk: Callable[[FakeClock], Asking | Listening] = lambda clock: Asking([POLL], 0.0, clock),
        protocol: str = "jbd",
        names: tuple[str, ...] = ("bms",),
        **more: object,
    ) -> None:
        self.clock = FakeClock()
        self.inbox = inbox or Inbox()
        self.members = [
            Member(
                name,
                PROTOCOLS[protocol].make_framer(number, byte_ns=BYTE_NS),
                talk(self.clock),
                SilenceWatch(name, self.clock),
                self.clock,
            )
            for number, name in enumerate(names)
        ]
        self.frames: list[tuple[int, int, int]] = []  # stamp, id, channel
        self.codes: list[tuple[str, bool]] = []
        self.counts: Mapping[str, int] = {}
        with StopSignal() as stop:
            self.port = Script(self.clock, stop, pieces, at_once, lambda: look(self.source))
            self.source = SerialSource("bms", self.port, self.members, self.clock, **more)  # type: ignore[arg-type]  # mixed
            self.before = self.source.status
            self.source.run(self.inbox, stop)
        while (item := self.inbox.get(0)) is not None:
            match item:
                case Arrival():
                    self.frames += [(frame.time_ns, frame.id, frame.channel) for frame in item.batch]
                case SourceEvent():
                    self.codes.append((item.event.code, item.event.active))
                case SourceEnded():
                    self.counts = item.counts


def basic() -> bytes:
    return reply(BASIC, Battery().data(BASIC))


def listening(clock: FakeClock) -> Listening:
    return Listening(clock)


def test_a_device_is_asked_and_its_answer_is_a_frame_of_that_time() -> None:
    began_ns = FakeClock().unix_ns()
    bench = Bench(basic(), b"", basic())
    assert bench.port.sent[:2] == [POLL.request] * 2
    assert [(time_ns - began_ns, id) for time_ns, id, _ in bench.frames] == [
        (0, BASIC),
        (1_000_000_000, BASIC),
    ]
    assert bench.counts["read"] == 2
    assert bench.counts["read_bytes"] == 2 * len(basic())
    assert (bench.counts["timeouts"], bench.counts["reopened"], bench.counts["silences"]) == (0, 0, 0)
    assert bench.before == bench.source.status == "stopped"


def test_a_wait_ends_with_what_is_due_and_after_a_second_at_the_latest() -> None:
    rare = Poll(request(BASIC), BASIC, 60.0, TIMEOUT_S)
    bench = Bench(b"", b"", basic(), b"", b"", talk=lambda clock: Asking([rare], 0.0, clock))
    # Due at once: the first turn does not wait. A late answer is asked for again after 5 s.
    assert bench.port.waits_s[0] == TIMEOUT_S
    assert max(bench.port.waits_s) == 1.0


def test_an_answer_that_does_not_come_is_a_time_out_and_the_device_is_asked_again() -> None:
    bench = Bench(b"", b"", basic())
    assert bench.counts["timeouts"] == 1
    assert bench.port.sent == [POLL.request] * 2
    assert bench.counts["read"] == 1


def test_what_came_of_an_answer_that_is_late_is_garbage_and_nothing_of_the_next_one() -> None:
    bench = Bench(basic()[:-1], b"", b"", basic())
    assert bench.counts["read"] == 1
    assert bench.counts["garbage_bytes"] == len(basic()) - 1


def test_lost_messages_count_as_read() -> None:
    spoiled = basic()[:-2] + b"\x00\x77"
    bench = Bench(spoiled, b"", b"", basic())
    assert bench.counts["lost/bad_checksum"] == 1
    assert bench.counts["read"] == 2
    assert "messages" not in bench.counts


def test_a_port_that_reads_nothing_for_ten_rounds_is_opened_again() -> None:
    bench = Bench(*[b""] * 25)
    assert bench.counts["reopened"] == 1
    assert bench.counts["timeouts"] >= 10


def test_silence_is_an_event_and_so_is_its_end() -> None:
    bench = Bench(b"", *[b""] * 20, basic())
    assert bench.codes == [("values_unknown", True), ("values_unknown", False)]
    assert bench.counts["silences"] == 1


def test_a_capture_has_what_was_sent_and_what_came_in_its_order_and_is_closed_once() -> None:
    lines = Lines()
    bench = Bench(basic(), capture=lines)
    assert lines.written[:2] == [
        b"TX " + POLL.request.hex().upper().encode(),
        b"RX " + basic().hex().upper().encode(),
    ]
    assert lines.closed == 1
    assert bench.counts["capture_lost"] == 3


def test_without_a_capture_none_of_it_is_lost() -> None:
    assert Bench(basic()).counts["capture_lost"] == 0


def test_bytes_that_nobody_hears_are_counted_with_those_of_the_link() -> None:
    bench = Bench(basic(), b"\xff" * 5, late_bytes=lambda: 7)
    assert bench.counts["discarded_bytes"] == 12
    assert bench.counts["garbage_bytes"] == 0


def test_a_simulators_time_is_mapped() -> None:
    wall_ns = FakeClock().unix_ns()
    bench = Bench(basic(), b"", basic(), time_map=TimeMap(60.0, 1_000, wall_ns))
    assert [time_ns for time_ns, _, _ in bench.frames] == [1_000, 60_000_001_000]


def test_two_blocks_of_one_read_have_stamps_of_their_own() -> None:
    blocks = [block(number) for number in (1, 22, 333, 4444)]
    bench = Bench(b"".join(blocks), talk=listening, protocol="vedirect")
    came = sum(map(len, blocks))
    ends = [-(-end // 7) * 7 for end in accumulate(map(len, blocks))]  # fed 7 bytes at a time
    now_ns = FakeClock().unix_ns()
    assert [now_ns - time_ns for time_ns, _, _ in bench.frames] == [1000 * max(came - end, 0) for end in ends]


def test_two_messages_of_one_read_have_the_stamps_of_their_last_bytes() -> None:
    came = basic() * 10  # more than is fed at a time
    bench = Bench(came, talk=listening)
    now_ns, each = FakeClock().unix_ns(), len(basic())
    assert len(came) > 256
    assert [now_ns - time_ns for time_ns, _, _ in bench.frames] == [1000 * each * n for n in range(9, -1, -1)]


def test_two_listeners_hear_everything_each_on_its_channel() -> None:
    bench = Bench(basic(), talk=listening, names=("one", "two"))
    assert sorted(channel for _, _, channel in bench.frames) == [0, 1]
    assert bench.counts["read"] == 2


@pytest.mark.parametrize("names", [("bms",), ("one", "two")])
def test_the_status_is_that_of_the_devices(names: tuple[str, ...]) -> None:
    said: list[tuple[str, dict[str, str]]] = []
    Bench(
        basic(),
        *[b""] * 12,
        talk=lambda clock: Listening(clock, 60.0),
        names=names,
        look=lambda source: said.append((source.status, dict(source.devices))),
    )
    expected = ["waiting for the first message"] + ["receiving"] * 10 + ["no good message for 10 s"]
    assert [status for status, _ in said[:12]] == expected
    assert [devices for _, devices in said[:12]] == [
        dict.fromkeys(names, status) if len(names) > 1 else {} for status in expected
    ]


def test_a_stopped_source_says_so_of_each_device() -> None:
    bench = Bench(basic(), talk=listening, names=("one", "two"))
    assert bench.source.devices == {"one": "stopped", "two": "stopped"}


def test_a_device_says_who_it_is_while_its_port_is_open() -> None:
    said: list[str] = []
    names = reply(MODEL, b"JBD-SP17S020")
    bench = Bench(names, b"", talk=listening, look=lambda source: said.append(source.device))
    assert said[0] == ""
    assert "JBD-SP17" in said[-1]
    assert ";" not in said[-1]
    assert bench.source.device == ""
    both: list[str] = []
    bench = Bench(
        names, b"", talk=listening, names=("one", "two"), look=lambda source: both.append(source.device)
    )
    assert both[-1] == f"one: {said[-1]}; two: {said[-1]}"
    assert bench.source.device == ""


def test_frames_that_find_no_room_are_lost_counted_and_an_event() -> None:
    inbox = Inbox(capacity_frames=2, batch_frames=2)
    bench = Bench(*[basic()] * 6, talk=listening, inbox=inbox)
    assert bench.counts["read"] == 6
    assert len(bench.frames) == 2
    assert bench.counts["lost/queue_overflow"] == 4
    assert bench.codes == [("frames_dropped", True)]


def test_more_messages_of_one_slice_than_a_batch_holds_are_handed_on_in_parts() -> None:
    inbox = Inbox(capacity_frames=30, batch_frames=3)
    bench = Bench(basic() * 7, talk=listening, inbox=inbox)
    assert bench.counts["read"] == len(bench.frames) == 7
    assert bench.counts["lost/queue_overflow"] == 0


def test_the_rest_of_an_answer_is_taken_before_the_next_request() -> None:
    """What came in the meantime belongs to the time before the request."""
    bench = Bench(basic(), b"", basic(), at_once=[b"", b"\xff" * 5, b""])
    assert bench.counts["discarded_bytes"] == 5
    assert bench.counts["read"] == 2


def test_one_empty_read_ends_what_is_taken_before_a_request() -> None:
    bench = Bench(basic())
    assert bench.port.sent == [POLL.request]
    assert bench.port.reads_at_once == 2, "the first turn does not wait, since the device is due"


def test_an_answer_in_two_reads_is_asked_for_once() -> None:
    bench = Bench(basic()[:10], basic()[10:])
    assert bench.port.sent == [POLL.request]
    assert bench.counts["read"] == 1


def test_an_answer_that_has_come_by_the_time_that_it_is_late_is_taken() -> None:
    bench = Bench(b"", at_once=[b"", b"", basic()[:10], basic()[10:]])
    assert (bench.counts["read"], bench.counts["timeouts"]) == (1, 0)
    assert bench.port.sent == [POLL.request]


def test_a_good_answer_within_what_a_torn_one_claims_is_taken_when_it_is_late() -> None:
    torn = bytes((0xDD, BASIC, 0, 0x60))  # it claims 96 bytes of data
    bench = Bench(torn + basic(), b"")
    assert (bench.counts["read"], bench.counts["garbage_bytes"]) == (1, len(torn))
    assert bench.counts["timeouts"] == 0


def test_frames_are_handed_over_with_each_read() -> None:
    inbox = Inbox()
    waiting: list[int] = []
    Bench(basic(), b"", b"", inbox=inbox, look=lambda _: waiting.append(inbox.frames_waiting))
    assert waiting[:3] == [0, 1, 1]


def test_the_beginning_of_another_answer_is_forgotten_with_the_next_request() -> None:
    inbox = Inbox()
    waiting: list[int] = []
    torn = bytes((0xDD, BASIC, 0, 0x60))
    Bench(basic() + torn, b"", basic(), inbox=inbox, look=lambda _: waiting.append(inbox.frames_waiting))
    assert waiting == [0, 1, 1, 2]


def test_a_device_names_itself_again_when_its_port_was_opened_again() -> None:
    said: list[str] = []
    bench = Bench(reply(MODEL, b"JBD-SP17S020"), *[b""] * 25, look=lambda source: said.append(source.device))
    assert bench.counts["reopened"] == 1
    assert "JBD-SP17" in said[1]
    assert said[-1] == ""


def test_a_block_that_names_no_kind_is_not_of_the_kind_that_came_before_its_port_was_opened_again() -> None:
    charger, unnamed = vedirect_block({"CS": "0"}), vedirect_block({"V": "1"})
    bench = Bench(charger, unnamed, *[b""] * 15, unnamed, talk=listening, protocol="vedirect")
    assert bench.counts["reopened"] == 1
    assert [id for _, id, _ in bench.frames] == [CHARGER, CHARGER, MONITOR]


class Withholding:
    """Holds everything back until nothing follows."""

    def __init__(self) -> None:
        self._held = b""

    def mask(self, data: bytes) -> bytes:
        self._held += data
        return b""

    def rest(self) -> bytes:
        held, self._held = self._held, b""
        return held


def test_what_a_masker_holds_back_is_in_the_capture_at_the_end() -> None:
    lines = Lines()
    Bench(basic(), capture=lines, maskers=[Withholding()])
    assert lines.written[-1] == b"RX " + basic().hex().upper().encode()


class NoPort:
    """A port that does not open."""

    description = "/dev/none"

    def open(self, stop: StopSignal) -> AbstractContextManager[Script]:  # noqa: ARG002 - as the protocol has it
        raise OSError("no such port")


def test_neither_silence_nor_frames_wait_for_a_port_that_does_not_open() -> None:
    bench = Bench()
    bench.clock.advance(10.0)
    bench.source._link = NoPort()
    assert bench.source._outbox is not None
    bench.source._outbox.batch.append(1, BASIC, b"")
    with StopSignal() as stop, pytest.raises(OSError, match="no such port"):
        bench.source.session(bench.inbox, stop)
    items = [bench.inbox.get(0), bench.inbox.get(0)]
    assert [type(item) for item in items] == [Arrival, SourceEvent]


def test_what_all_devices_do_is_said_once() -> None:
    assert in_one_clause({"one": "receiving"}) == "receiving"
    assert in_one_clause({"one": "receiving", "two": "receiving"}) in WELL


def test_of_devices_that_do_something_else_those_that_receive_are_counted() -> None:
    said = in_one_clause({"one": "receiving", "two": "no good message for 12 s", "three": "receiving"})
    assert said == "2 of 3 receiving"
    said = in_one_clause({"one": "waiting for the first message", "two": "another device answers"})
    assert said == "0 of 2 receiving"
    assert said not in WELL
