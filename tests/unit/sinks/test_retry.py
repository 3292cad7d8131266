"""The waits between tries."""

from telemetry.sinks.sender import Backoff


def test_the_wait_doubles_up_to_a_minute() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_delay_s() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_wait_is_a_random_share_of_its_ceiling() -> None:
    shares = iter([0.0, 0.5, 0.25])
    backoff = Backoff(lambda: next(shares))
    assert [backoff.next_delay_s() for _ in range(3)] == [0.0, 1.0, 1.0]


def test_a_server_that_is_well_again_starts_from_the_beginning() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() == 1.0
