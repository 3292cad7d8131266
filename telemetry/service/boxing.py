"""The black box of a service: what it is given, and when it keeps it. Does nothing without `[black_box]`.

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
from telemetry.sources.assemble import Assembled
from telemetry.sources.tap import LineTap

if TYPE_CHECKING:  # a service without a black box imports nothing of it
    from telemetry.blackbox.recorder import BlackBox


class Boxing:
    """`box`: None where there is none."""

    def __init__(
        self, config: Config, clock: Clock, tap: LineTap, pipeline: Pipeline, own: OwnPoints
    ) -> None:
        """Have the black box that `config` asks for, not started yet. Raises StorageError."""
        self.box: BlackBox | None = None
        self._clock, self._tap, self._pipeline, self._own = clock, tap, pipeline, own
        self._open(config)

    def _open(self, config: Config) -> None:
        if config.black_box.directory is not None:
            from telemetry.blackbox.recorder import BlackBox  # which few services need

            self.box = BlackBox(config.black_box, self._clock, self._own.report)
            self._tap.take = self.box.take_line
        self.take_ids()

    def start(self) -> None:
        """Begin. Raises UnavailableError when the system gives no thread."""
        if self.box is not None:
            self.box.start()

    def close(self) -> None:
        """Write what waits, and end captures."""
        self._tap.take = None
        if self.box is not None:
            self.tick()
            self.box.close()
            self._pipeline.retire(self.box.counted())
            self.box = None

    def take_ids(self) -> None:
        """Let no capture have the id of one that the black box has of an earlier run."""
        if self.box is not None and (windows := self._pipeline.stages.writing.windows) is not None:
            windows.taken = self.box.ids_before

    def take(self, source: Assembled, frames: FrameBatch) -> None:
        """Take what a source has delivered; of logs nothing, since they are there anyway."""
        if self.box is not None and source.settings.is_can and not source.resume_as:
            self.box.take(source.name, frames, time_known=self._own.time_known or source.settings.own_time)

    def tick(self) -> None:
        """Keep what triggers have asked for since."""
        windows = self._pipeline.stages.writing.windows
        if self.box is not None:
            self.box.time_known = self._own.time_known
            while windows is not None and windows.frozen:
                self.box.freeze(*windows.frozen.popleft())

    def adopt(self, config: Config, before: Config) -> None:
        """Have another black box, or none. One that cannot be had is an event: everything else goes on.

        Where the folder is the same, its captures go on, and `minutes` and `most_mb` hold from now on.
        """
        if config.black_box == before.black_box:
            return
        if self.box is not None and config.black_box.directory == before.black_box.directory:
            self.box.settings = config.black_box
            return
        try:
            self.close()
            self._open(config)
            self.start()
        except TelemetryError as error:
            self._own.report(begins("config_refused", f"{error}; there is no black box"))

    def counted(self) -> dict[str, int]:
        """Return what the box has lost, as counters."""
        return self.box.counted() if self.box is not None else {}
