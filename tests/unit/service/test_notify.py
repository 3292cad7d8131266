"""What is sent to the service manager, and when; never at the cost of the service."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.service.supervisor import Notifier, Supervisor
from tests.support.clock import FakeClock
from tests.support.notify_socket import NotifySocket


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    address = f"{tmp_path}/notify" if request.param == "path" else f"@nev-telemetry-test{tmp_path}"
    with NotifySocket(address) as opened:
        yield opened


def supervisor(listener: NotifySocket, clock: FakeClock, watchdog_us: str = "") -> Supervisor:
    environment = {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": watchdog_us, "WATCHDOG_PID": "7"}
    made = Supervisor.from_environment(clock, environment, 7)
    assert environment == {}, "children must not inherit it"
    return made


def test_the_life_of_a_service_is_reported_on_path_and_abstract_sockets(listener: NotifySocket) -> None:
    clock = FakeClock()
    clock.advance(12.5)
    reported = supervisor(listener, clock)
    reported.ready("can0 receiving")
    reported.reloading()
    reported.ready()
    reported.stopping()
    reported.close()
    listener.poll()
    assert listener.received == [
        ["READY=1", "STATUS=can0 receiving"],
        ["RELOADING=1", "MONOTONIC_USEC=12500000"],
        ["READY=1"],
        ["STOPPING=1", "STATUS=stopping"],
    ]


def test_a_status_is_reported_when_it_changes_but_not_all_the_time(listener: NotifySocket) -> None:
    clock = FakeClock()
    reported = supervisor(listener, clock)
    for text in ("a", "a", "b"):
        reported.status(text)
    clock.advance(5.0)
    reported.status("two\nREADY=1")
    reported.close()
    listener.poll()
    assert listener.received == [["STATUS=a"], ["STATUS=two READY=1"]]


def test_the_watchdog_is_reported_through_the_socket(listener: NotifySocket) -> None:
    clock = FakeClock()
    reported = supervisor(listener, clock, watchdog_us="2000000")
    for _ in range(4):
        reported.went_round(took=False, waiting=False)
        clock.advance(0.5)
    reported.close()
    listener.poll()
    assert listener.received == [["WATCHDOG=1"]] * 2


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "8"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": ""},
    ],
)
def test_without_a_supervisor_of_this_process_nothing_is_reported(environment: dict[str, str]) -> None:
    reported = Supervisor.from_environment(FakeClock(), environment, 7)
    reported.ready("up")
    reported.went_round(took=True, waiting=False)
    reported.status("up")
    reported.stopping()
    reported.close()
    assert environment == {}


def test_a_supervisor_that_is_gone_costs_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reported = Notifier(f"{tmp_path}/nobody")
    reported.send("READY=1", "STATUS=up")
    reported.close()
    assert caplog.messages == ["READY=1: not sent to the service manager: No such file or directory"]


def test_a_supervisor_that_does_not_read_does_not_hold_the_service_up(
    listener: NotifySocket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemetry.service.supervisor.SEND_TIMEOUT_S", 0.001)
    reported = Notifier(listener.address)
    with caplog.at_level(logging.WARNING):
        for _ in range(10_000):
            reported.send("STATUS=" + "x" * 1000)
            if caplog.messages:
                break
    reported.close()
    assert "not sent to the service manager" in caplog.messages[0]


def test_an_address_of_another_family_is_named(caplog: pytest.LogCaptureFixture) -> None:
    Notifier("vsock:2:1234").send("READY=1")
    assert "NOTIFY_SOCKET=vsock:2:1234" in caplog.text


def test_closing_twice_is_as_good_as_once(listener: NotifySocket) -> None:
    reported = Notifier(listener.address)
    reported.close()
    reported.close()
    reported.send("READY=1")
    listener.poll()
    assert listener.received == []


def test_an_idle_service_gets_on_and_one_that_takes_nothing_of_what_waits_does_not() -> None:
    clock = FakeClock()
    idle = Supervisor(clock)
    for took, waiting, gets_on in ((True, True, True), (False, True, False), (False, False, True)):
        before_s = idle.got_on_s
        clock.advance(20.0)
        idle.went_round(took=took, waiting=waiting)
        assert idle.got_on_s == (clock.monotonic_s() if gets_on else before_s)


class Sent(Notifier):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def send(self, *assignments: str) -> None:
        self.words += assignments


@given(
    st.lists(st.tuples(st.floats(0.0, 5.0), st.booleans(), st.booleans()), max_size=60),
    st.floats(0.1, 60.0),
)
def test_the_watchdog_is_fed_after_progress_alone_and_never_more_often_than_half_its_period(
    rounds: list[tuple[float, bool, bool]], period_s: float
) -> None:
    clock, sent = FakeClock(), Sent()
    watched = Supervisor(clock, sent, period_s)
    last_s, got_on = float("-inf"), False
    for passed_s, took, waiting in rounds:
        clock.advance(passed_s)
        now_s = clock.monotonic_s()
        got_on |= took or not waiting
        watched.went_round(took=took, waiting=waiting)
        fed = sent.words == ["WATCHDOG=1"]
        sent.words.clear()
        assert fed == (got_on and now_s >= last_s + period_s / 2.0)
        if fed:
            last_s, got_on = now_s, False
