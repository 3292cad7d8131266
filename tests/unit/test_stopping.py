"""Signals that end the service: at once, once, and whatever else hangs."""

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from telemetry.stopping import EXIT_STUCK, SignalWatch

STUCK = """
import os, signal, threading
from telemetry.stopping import SignalWatch
with SignalWatch(lambda: None, limit_s=0.05):
    lock = threading.Lock()
    lock.acquire()
    os.kill(os.getpid(), signal.SIGTERM)
    lock.acquire()
"""


def test_signals_are_one_call_from_another_thread() -> None:
    called = threading.Event()
    calls = []

    def on_signal() -> None:
        calls.append(threading.current_thread().name)
        called.set()

    before = signal.getsignal(signal.SIGTERM)
    with SignalWatch(on_signal, limit_s=60.0):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert called.wait(10.0)
    assert calls == ["signals"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_without_a_signal_nothing_is_called() -> None:
    calls: list[None] = []
    with SignalWatch(lambda: calls.append(None)):
        pass
    assert calls == []


def test_a_process_that_hangs_is_ended() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], env=environment, stderr=subprocess.PIPE, timeout=30, check=False
    )
    assert ended.returncode == EXIT_STUCK
    assert b"still busy" in ended.stderr


def test_each_hangup_is_a_call_and_the_end_still_is_one() -> None:
    hangups, ended = threading.Semaphore(0), threading.Event()
    with SignalWatch(ended.set, limit_s=60.0, on_hangup=hangups.release):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            assert hangups.acquire(timeout=10.0)
        assert not ended.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert ended.wait(10.0)


def signal_and_wait(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    threading.Event().wait(60.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_waits_is_interrupted_and_what_comes_behind_it_is_not(number: signal.Signals) -> None:
    ended = threading.Event()
    with SignalWatch(ended.set, limit_s=60.0) as signals:
        with pytest.raises(KeyboardInterrupt), signals.interrupting():
            signal_and_wait(number)
        assert ended.wait(10.0)
        os.kill(os.getpid(), number)
        assert signal.getsignal(number) is not signal.default_int_handler


IN_A_TERMINAL = """
import fcntl, os, termios, threading
from telemetry.stopping import SignalWatch
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
ended = threading.Event()
with SignalWatch(ended.set, limit_s=60.0, on_hangup=lambda: os.write(1, b"reload\\n")):
    os.write(1, b"up\\n")
    ended.wait()
os.write(1, b"ended\\n")
"""


def test_a_terminal_that_goes_away_ends_what_was_started_from_it() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL],
        env=environment,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        os.close(master)
        assert process.stdout.read() == b"ended\n"
