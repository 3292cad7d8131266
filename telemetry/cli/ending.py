"""How a command that records, plays or delivers ends: by a signal, with its file completed."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ended_by_signals(stop: Callable[[], object], *, hangup: bool = True) -> Iterator[None]:
    """Let SIGTERM, SIGINT and SIGHUP call `stop`, however often they come: the file has to be completed.

    hangup: SIGHUP too, unless it is ignored, as `nohup` wants.
    By handlers: packages that python-can imports have threads of their own, which would take blocked signals.
    """
    numbers = [signal.SIGTERM, signal.SIGINT]
    if hangup and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Yield what SIGTERM and SIGINT set."""
    stop = threading.Event()
    with ended_by_signals(stop.set, hangup=False):
        yield stop


def say_recorded(files: Sequence[Path], what: str) -> None:
    """Write how much is in the files that were recorded; none: on stdout."""
    names = str(files[0]) if files else "stdout"
    if len(files) > 1:
        names += f" to {files[-1].name}"
    print(f"{names}: {what}", file=sys.stderr)
