"""Reading the configuration again while the service runs.

Promises:
- A new configuration is read, checked and compiled in a thread of its own, while the service goes on.
- It is taken as a whole or refused as a whole, with one line that says why. No thread or process to read it
  with is such a reason too.
- What cannot change under a running service (the spool, the server, the clock) is refused by name rather than
  ignored: every key counts as such until it stands in TAKES_EFFECT.

Relies on `telemetry.stages.prepare` touching nothing.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import fields, is_dataclass

from telemetry.config import Config, load_config
from telemetry.errors import ConfigError, TelemetryError
from telemetry.settings.declared import name_of
from telemetry.settings.document import read_document
from telemetry.sinks.settings import SinkSettings
from telemetry.stages.prepare import Prepared, prepare
from telemetry.threads import start

LOG = logging.getLogger("telemetry.service")

TAKES_EFFECT = {
    "file",
    "files",
    "vehicle",
    "gateway_every_s",
    "cache_directory",
    "reduce",
    "send",
    "uplink",
    "sources",
    "map",
    "protect",
    "limits",
    "aggregates",
    "triggers",
    "black_box",
    "charging",
    "health",
    "notes",
}
_KEYS = {"wait_for_clock": "clock", "spool_directory": "spool.directory"}  # called otherwise in the file


def prepare_again(running: Config) -> Prepared:
    """Return the file of `running`, as it is now. Raises TelemetryError."""
    config = load_config(running.file)
    key = needs_restart(running, config)
    if key:
        raise ConfigError(
            "a change takes effect after a restart only",
            where=read_document(config.file).place(key),
            hint="systemctl restart",
        )
    return prepare(config)


def needs_restart(old: Config, new: Config) -> str:
    """Return the path of the first key that differs and cannot change now; empty: none does."""
    for field in fields(Config):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name in TAKES_EFFECT or before == after:
            continue
        if not is_dataclass(before) or type(before) is not type(after):
            return _KEYS.get(field.name, field.name)
        differing = (
            part for part in fields(before) if getattr(before, part.name) != getattr(after, part.name)
        )
        table = before.name if isinstance(before, SinkSettings) else field.name
        return f"{table}.{name_of(next(differing))}"
    return ""


class Reload:
    """Requests to read the configuration again, one at a time. For the pipeline's thread, but for `asked`."""

    def __init__(self, asked: threading.Event, again: Callable[[Config], Prepared] = prepare_again) -> None:
        """Read again when `asked` is set, from any thread."""
        self._asked = asked
        self._again = again
        self._thread: threading.Thread | None = None
        self._result: Prepared | TelemetryError | None = None

    def begin(self, running: Config) -> bool:
        """Begin to read if that was asked for and is not under way; whether it has begun."""
        if self._thread is not None or not self._asked.is_set():
            return False
        self._asked.clear()
        thread = threading.Thread(target=self._prepare, args=(running,), name="reload", daemon=True)
        try:
            start(thread)
        except TelemetryError as error:
            self._result = error
        else:
            self._thread = thread
        return True

    def take(self) -> Prepared | TelemetryError | None:
        """Return what came of it, once; None: nothing yet."""
        if self._thread is not None and self._thread.is_alive():
            return None
        self._thread = None
        result, self._result = self._result, None
        return result

    def _prepare(self, running: Config) -> None:
        try:
            self._result = self._again(running)
        except TelemetryError as error:
            self._result = error
        except Exception as error:
            LOG.exception("the configuration cannot be read again")
            self._result = TelemetryError(f"a fault in the program: {type(error).__name__}")
