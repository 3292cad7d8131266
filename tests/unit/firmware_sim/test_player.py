"""firmware_sim/links/player.py: deadlines, the arithmetic of simulated time, stopping and falling behind."""

import io
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.links.can import CandumpLog, Link
from firmware_sim.links.player import Player, SimulatedClock, record
from firmware_sim.wire.broadcast import Frame

_S = 1_000_000_000
WALL_NS = 1_800_000_000 * _S
ORIGIN_NS = 1_700_000_000 * _S


class World(Link):
    """Wall time that only sleeping and sending move, and a link that notes when it was given what."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = WALL_NS
        self.sent: list[tuple[int, int]] = []  # wall time, id
        self.attended = 0
        self.send_takes_ns = 0
        self.heard_after_s = 0.0
        self.said: list[float] = []
        self.stop_at_ns = 1 << 62

    @property
    def heard(self) -> bool:
        return self.now_ns >= WALL_NS + self.heard_after_s * _S

    def unix_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * _S)

    def stopped(self) -> bool:
        return self.now_ns >= self.stop_at_ns

    def send(self, id: int, data: bytes) -> None:  # noqa: ARG002  # the link's signature
        self.sent.append((self.now_ns, id))
        self.now_ns += self.send_takes_ns

    def attend(self) -> None:
        self.attended += 1

    def close(self) -> None:
        raise AssertionError("a player does not own its link")

    def player(self, clock: SimulatedClock) -> Player:
        return Player(
            self,
            clock,
            unix_ns=self.unix_ns,
            sleep=self.sleep,
            stopped=self.stopped,
            on_behind=self.said.append,
        )


def frames(count: int, period_s: float) -> Iterator[Frame]:
    return ((round(number * period_s * _S), number, b"") for number in range(count))


def clock(scale: float = 1.0, origin_ns: int = ORIGIN_NS, wall_ns: int = WALL_NS) -> SimulatedClock:
    return SimulatedClock(scale, origin_ns, wall_ns)


@pytest.mark.parametrize("scale", [0.5, 1.0, 60.0])
def test_the_stamps_of_frames_give_their_simulated_time(scale: float) -> None:
    world = World()
    start_ns = world.player(clock(scale)).play(frames(100, period_s=1.0))
    assert start_ns == ORIGIN_NS
    for wall_ns, number in world.sent:
        stamp_ns = ORIGIN_NS + scale * (wall_ns - WALL_NS)
        assert stamp_ns == pytest.approx(ORIGIN_NS + number * _S, abs=scale * 310_000 + 300)


def test_deadlines_are_absolute_so_that_slow_sends_do_not_add_up() -> None:
    world = World()
    world.send_takes_ns = 4_000_000
    world.player(clock()).play(frames(1000, period_s=0.01))
    assert world.sent[-1][0] - WALL_NS == pytest.approx(9.99 * _S, abs=310_000)
    assert world.said == []


def test_lateness_is_reported_now_and_then_and_caught_up() -> None:
    world = World()
    world.send_takes_ns = 20_000_000

    def slow_then_fast() -> Iterator[Frame]:
        for frame in frames(2000, period_s=0.01):
            if frame[1] == 1000:
                world.send_takes_ns = 0
            yield frame

    player = world.player(clock())
    player.play(slow_then_fast())
    assert player.late_max_s == pytest.approx(10.0, abs=0.1)
    assert 2 <= len(world.said) <= 5
    assert world.sent[-1][0] - WALL_NS == pytest.approx(20.0 * _S, abs=20_000_000)


def test_it_waits_for_a_wall_time_that_is_still_to_come() -> None:
    world = World()
    world.player(clock(wall_ns=WALL_NS + 3 * _S)).play(frames(2, period_s=1.0))
    assert world.sent[0][0] == pytest.approx(WALL_NS + 3 * _S, abs=310_000)


def test_a_late_start_begins_at_the_simulated_time_of_then() -> None:
    world = World()
    started = world.player(clock(scale=10.0, wall_ns=WALL_NS - 2 * _S)).play(frames(3, period_s=1.0))
    assert started == ORIGIN_NS + 20 * _S
    assert [wall_ns - WALL_NS for wall_ns, _ in world.sent] == pytest.approx(
        [0, 0.1 * _S, 0.2 * _S], abs=310_000
    )


def test_nothing_is_sent_before_somebody_listens() -> None:
    world = World()
    world.heard_after_s = 2.0
    started = world.player(clock(scale=10.0)).play(frames(3, period_s=1.0))
    assert world.sent[0][0] >= WALL_NS + 2 * _S
    assert started == pytest.approx(ORIGIN_NS + 20 * _S, abs=_S)


def test_a_stop_ends_a_long_wait() -> None:
    world = World()
    world.stop_at_ns = WALL_NS + 5 * _S
    world.player(clock()).play(frames(2, period_s=3600.0))
    assert [number for _, number in world.sent] == [0]
    assert world.now_ns < WALL_NS + 6 * _S


def test_a_stop_ends_the_wait_for_a_listener() -> None:
    world = World()
    world.heard_after_s = 1e6
    world.stop_at_ns = WALL_NS + 5 * _S
    world.player(clock()).play(frames(2, period_s=1.0))
    assert world.sent == []


def test_clients_are_attended_to_even_without_a_moment_to_sleep() -> None:
    world = World()
    world.send_takes_ns = 1_000_000
    world.player(clock(scale=1e6)).play(frames(2000, period_s=0.01))
    assert world.attended >= 2000 // 256


@given(
    st.floats(0.01, 10_000.0),
    st.integers(0, 1 << 61),
    st.integers(0, 1 << 61),
    st.integers(-(10**15), 10**15),
)
def test_wall_and_simulated_time_are_each_others_inverse(
    scale: float, origin_ns: int, wall_ns: int, elapsed_ns: int
) -> None:
    reported = SimulatedClock(scale, origin_ns, wall_ns)
    there = reported.simulated_at(wall_ns + elapsed_ns)
    assert abs(reported.wall_at(there) - (wall_ns + elapsed_ns)) <= 1 + 0.6 / scale + abs(elapsed_ns) * 1e-15


def never() -> bool:
    return False


@pytest.mark.parametrize(("stopped", "lines"), [(never, 3), (lambda: True, 0)])
def test_a_log_is_written_without_waiting_until_stopped(stopped: Callable[[], bool], lines: int) -> None:
    stream = io.StringIO()
    record(frames(3, period_s=3600.0), CandumpLog(stream), ORIGIN_NS, stopped)
    assert len(stream.getvalue().splitlines()) == lines
