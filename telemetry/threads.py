"""Starting a thread where the system may have none left to give.

Promises: one kind of error reports that there is no thread (TasksMax, pid_max, RLIMIT_NPROC, memory), so that
the caller may go on without.
"""

import threading

from telemetry.errors import UnavailableError


def start(thread: threading.Thread) -> None:
    """Start `thread`. Raises UnavailableError when the system gives none."""
    try:
        thread.start()
    except RuntimeError as error:
        raise UnavailableError(
            "no thread can be started",
            where=thread.name,
            hint="too many processes or threads: TasksMax= of the unit, ulimit -u, kernel.pid_max; or memory",
        ) from error
