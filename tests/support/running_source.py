"""A serial source of a configuration in its thread, and what comes of each of its devices."""

import threading
from pathlib import Path

from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.sources.inbox import Arrival, Inbox, SourceEvent
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.settings import Start
from telemetry.sources.stop import StopSignal

PATIENCE_S = 60.0


class Running:
    """The source of a configuration in its thread, and what has come of it."""

    def __init__(self, file: Path) -> None:
        (settings,) = load_config(file, {}).sources
        assert isinstance(settings, SerialSettings)
        names = [device.name for device in settings.devices]
        self.source = settings.make_source(Start(Clock(), names.index))
        self.frames: dict[str, list[bytes]] = {name: [] for name in names}
        self.codes: list[tuple[str, bool]] = []
        self._names = names
        self._inbox = Inbox()
        self._stop = StopSignal()
        self._thread = threading.Thread(target=self.source.run, args=(self._inbox, self._stop))

    def take(self) -> None:
        """Wait for what comes next."""
        item = self._inbox.get(PATIENCE_S)
        assert item is not None, f"nothing more comes: {self.codes}, {self.source.status}"
        match item:
            case Arrival():
                for frame in item.batch:
                    self.frames[self._names[frame.channel]].append(frame.data)
                self._inbox.give_back(item.batch)
            case SourceEvent():
                self.codes.append((item.event.code, item.event.active))

    def more_of_each(self) -> None:
        """Take what comes until each device has brought something more."""
        before = {name: len(frames) for name, frames in self.frames.items()}
        while any(len(self.frames[name]) <= count for name, count in before.items()):
            self.take()

    def until(self, code: str, active: bool = True) -> None:
        while (code, active) not in self.codes:
            self.take()

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self._stop.close()
