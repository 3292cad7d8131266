"""Signals that end the service: at once, once, and whatever else hangs.

Each test is a process of its own: what is blocked is inherited, so the watch comes before other threads.
"""

import fcntl
import os
import pty
import signal
import subprocess
import sys

import pytest

from telemetry.stopping import EXIT_STUCK

F_SETPIPE_SZ = 1031
TIMEOUT_S = 60.0
HEADER = """
import logging, os, signal, subprocess, sys, threading
from telemetry.stopping import SignalWatch, unblock
def kill(number=signal.SIGTERM): os.kill(os.getpid(), number)
def say(*words): print(*words, flush=True)
"""


def command(script: str) -> list[str]:
    return [sys.executable, "-c", HEADER + script]


def reported(script: str) -> list[str]:
    """Return the lines that the script prints, and check that it ends well."""
    done = subprocess.run(command(script), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_signals_are_one_call_from_another_thread() -> None:
    assert reported("""
called = threading.Event()
def on_signal():
    say(threading.current_thread().name)
    called.set()
with SignalWatch(on_signal, limit_s=60.0):
    for _ in range(3): kill()
    called.wait()
    kill()
say("over", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
""") == ["signals", "over True set()"]


def test_without_a_signal_nothing_is_called() -> None:
    assert reported("with SignalWatch(lambda: say('called')): pass") == []


def test_a_signal_is_taken_by_its_thread_alone_whatever_sleeps_in_the_others() -> None:
    """The kernel hands one to a thread that does not block it: the main thread first, asleep or not.

    The watch's own thread is left out: once it waits, sigwait has taken them out of what it blocks.
    """
    assert (
        reported("""
def blocked(thread):
    status = open(f"/proc/self/task/{thread.native_id}/status").read()
    return int(status.split("SigBlk:")[1].split()[0], 16)
ended = threading.Event()
with SignalWatch(ended.set, limit_s=60.0, on_hangup=print):
    threading.Thread(target=ended.wait, name="other").start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        others = [each for each in threading.enumerate() if each.name != "signals"]
        say(*sorted(each.name for each in others if blocked(each) >> number - 1 & 1))
    kill()
    ended.wait()
""")
        == ["MainThread other"] * 3
    )


def test_a_process_that_hangs_is_ended() -> None:
    ended = subprocess.run(
        command("""
lock = threading.Lock()
with lock, SignalWatch(lambda: None, limit_s=0.05):
    kill()
    lock.acquire()
"""),
        stderr=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == EXIT_STUCK
    assert b"still busy" in ended.stderr


def test_a_process_that_hangs_is_ended_though_nobody_reads_what_it_says() -> None:
    """And though the thread that hangs has the lock of the log."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    with subprocess.Popen(
        command("""
logging.basicConfig()
with SignalWatch(lambda: None, limit_s=0.05):
    kill()
    while True: logging.error("x" * 1000)
"""),
        stderr=writer,
    ) as process:
        try:
            assert process.wait(TIMEOUT_S) == EXIT_STUCK
        finally:
            process.kill()
    os.close(reader)
    os.close(writer)


def test_each_hangup_is_a_call_and_the_end_still_is_one() -> None:
    assert reported("""
hangups, ended = threading.Semaphore(0), threading.Event()
with SignalWatch(ended.set, limit_s=60.0, on_hangup=hangups.release):
    for _ in range(2):
        kill(signal.SIGHUP)
        hangups.acquire()
    say(ended.is_set())
    kill()
    ended.wait()
""") == ["False"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_waits_is_interrupted_and_what_comes_after_it_is_not(number: signal.Signals) -> None:
    assert reported(f"""
ended = threading.Event()
with SignalWatch(ended.set, limit_s=60.0) as signals:
    try:
        with signals.interrupting():
            kill({number:d})
            threading.Event().wait()
    except KeyboardInterrupt:
        say("interrupted")
    ended.wait()
    kill({number:d})
    say("goes on")
""") == ["interrupted", "goes on"]


def test_a_start_is_interrupted_by_a_signal_that_came_before_it() -> None:
    assert reported("""
ended = threading.Event()
with SignalWatch(ended.set, limit_s=60.0) as signals:
    kill()
    ended.wait()
    try:
        with signals.interrupting(): say("starts")
    except KeyboardInterrupt:
        say("interrupted")
""") == ["interrupted"]


def test_a_child_that_unblocks_is_ended_by_a_signal_as_any_program_is() -> None:
    child = HEADER + "unblock(); say('up'); threading.Event().wait()"
    assert reported(f"""
with SignalWatch(lambda: None):
    with subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.terminate()
        say(process.wait())
""") == [str(-signal.SIGTERM)]


IN_A_TERMINAL = """
import fcntl, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
ended = threading.Event()
with SignalWatch(ended.set, limit_s=60.0, on_hangup=lambda: os.write(1, b"reload\\n")):
    os.write(1, b"up\\n")
    ended.wait()
os.write(1, b"ended\\n")
"""


def test_a_hangup_before_the_watch_is_taken_by_it() -> None:
    assert reported("""
from telemetry.stopping import hangups_wait
hung_up = threading.Semaphore(0)
with hangups_wait():
    kill(signal.SIGHUP)
    with SignalWatch(kill, limit_s=60.0, on_hangup=hung_up.release):
        hung_up.acquire()
    kill(signal.SIGHUP)
say(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
""") == ["set()"]


def test_a_terminal_that_goes_away_ends_what_was_started_from_it() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        command(IN_A_TERMINAL),
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
