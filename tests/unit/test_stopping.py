"""Signals that end the service: at once, once, and whatever else hangs."""

import os
import signal
import subprocess
import sys
import threading

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
