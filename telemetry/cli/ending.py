"""How a command that records ends: by a signal, with its file completed."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Let SIGTERM, SIGINT and SIGHUP call `stop`, however often they come: the file has to be completed.

    A SIGHUP that is ignored stays so, as `nohup` wants.
    By handlers: packages that python-can imports have threads of their own, which would take blocked signals.
    """
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
