"""The black box of a service: what it is given, and when it keeps it. Without `[black_box]` it does nothing.

Relies on the pipeline's thread, but for lines, which come from those of their ports.
"""

from typing import TYPE_CHECKING

from telemetry_core.frames.batch import FrameBatch

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.errors import TelemetryError
from telemetry.model.events import begins
from telemetry.service.own_points import OwnPoints
from telemetry.service.pipeline import Pipeline
from telemetry.service.stamping import Stamping
from telemetry.sources.tap import LineTap
from telemetry.spool.batch import TimeBase

if TYPE_CHECKING:  # a service without a black box imports nothing of it
    from telemetry.blackbox.recorder import BlackBox


class Boxing:
    """Has `box`; None without a black box."""

    def __init__(
        self, config: Config, clock: Clock, tap: LineTap, pipeline: Pipeline, own: OwnPoints
    ) -> None:
        """Have the black box that is configured, not started yet. Raises StorageError."""
        self.box: BlackBox | None = None
        self._clock, self._tap, self._pipeline, self._own = clock, tap, pipeline, own
        self._open(config)

    def _open(self, config: Config) -> None:
        self._settings = config.black_box
        self._buses = {source.name for source in config.sources if source.is_can}
        if self._settings.directory is not None:
            from telemetry.blackbox.recorder import BlackBox  # which few services need

            self.box = BlackBox(self._settings, self._clock, self._own.report)
            self._tap.take, self._pipeline.tap = self.box.take_line, self._take

    def start(self) -> None:
        """Begin. Raises UnavailableError when the system gives no thread."""
        if self.box is not None:
            self.box.start()

    def close(self) -> None:
        """Write what waits, and end captures."""
        self._tap.take = self._pipeline.tap = None
        if self.box is not None:
            self.tick()
            self.box.close()
            self._pipeline.retire(self.counted())
            self.box = None

    def _take(self, source: str, frames: FrameBatch, stamping: Stamping) -> None:
        """Take what a live source has delivered, before the stages do."""
        if self.box is None or source not in self._buses:
            return
        offset_ns = None
        if stamping.base is TimeBase.BOOT:
            offset_ns = -stamping.shift_ns
        elif stamping.shift_ns:  # stamped before the clock was set
            offset_ns = self._clock.unix_ns() - self._clock.boot_ns() - stamping.shift_ns
        self.box.take(source, frames, offset_ns)

    def tick(self) -> None:
        """Keep what triggers have asked for since."""
        windows = self._pipeline.stages.writing.windows
        if self.box is not None:
            self.box.time_known = self._own.time_known
            while windows is not None and windows.frozen:
                self.box.freeze(*windows.frozen.popleft())

    def adopt(self, config: Config) -> None:
        """Have another black box, or none. One that cannot be had is an event: everything else goes on.

        Where the folder is the same, its captures go on, and `minutes` and `most_mb` hold from now on.
        """
        if self.box is not None and config.black_box.directory == self._settings.directory:
            self.box.settings = config.black_box
        elif config.black_box != self._settings:
            try:
                self.close()
                self._open(config)
                self.start()
            except TelemetryError as error:
                self._own.report(begins("config_refused", f"{error}; there is no black box"))
        self._settings = config.black_box
        self._buses = {source.name for source in config.sources if source.is_can}

    def counted(self) -> dict[str, int]:
        """Return what the box has lost, and which captures it dropped, as counters."""
        return self.box.counted() if self.box is not None else {}
