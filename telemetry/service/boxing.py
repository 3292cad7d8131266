"""The black box of a service: what it is given, when it keeps it, and what a start makes of it after a kill.

Promises: with the state that the box was given last, its frames say all that the stages knew: what a
killed run had not sent yet goes out, once. Without `[black_box]` this does nothing. Relies on the pipeline's
thread, but for lines, which come from those of their ports.
"""

import hashlib
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry import __version__
from telemetry.clock import Clock
from telemetry.errors import TelemetryError
from telemetry.model.events import begins
from telemetry.service.own_points import OwnPoints
from telemetry.service.pipeline import Pipeline
from telemetry.service.stamping import AS_THEY_ARE, Stamping
from telemetry.sources.tap import LineTap
from telemetry.spool.batch import TimeBase
from telemetry.stages.memory import pack_memory, unpack_memory
from telemetry.stages.prepare import Composition
from telemetry.stages.stages import Stages

if TYPE_CHECKING:  # a service without a black box imports nothing of it
    from telemetry.blackbox.recorder import BlackBox
    from telemetry.blackbox.store import Part

LOG = logging.getLogger("telemetry.service")

MOST_PUT_OFF = 40  # deliveries, in which a transport session is always open


class Boxing:
    """Take `box`; None without a black box."""

    def __init__(
        self, composition: Composition, clock: Clock, tap: LineTap, pipeline: Pipeline, own: OwnPoints
    ) -> None:
        """Have the black box that is configured, not started yet. Raises StorageError."""
        self.box: BlackBox | None = None
        self._clock, self._tap, self._pipeline, self._own = clock, tap, pipeline, own
        self._replayed = 0
        self._open(composition)

    def _open(self, composition: Composition) -> None:
        config = composition.config
        if config.black_box.directory is not None:
            from telemetry.blackbox.recorder import BlackBox  # which few services need

            self.box = BlackBox(config.black_box, self._clock, self._own.report)
            self._tap.take = self.box.take_line
        self.follow(composition)

    @property
    def run(self) -> str:
        """Return what positions in the frames of this run begin with."""
        return self.box.run if self.box is not None else ""

    def start(self) -> None:
        """Begin. Raises UnavailableError when the system gives no thread."""
        if self.box is not None:
            self.box.start()

    def close(self) -> None:
        """Write what waits, and end captures."""
        self._tap.take = None
        self._pipeline.tap_by(None)
        if self.box is not None:
            self.tick()
            self.box.close()
            self._pipeline.retire(self.counted())
            self._replayed = 0
            self.box = None

    def follow(self, composition: Composition) -> None:
        """Take what goes through the stages of `composition`, which the pipeline has from now on."""
        self._composition = composition
        if self.box is not None:
            self._pipeline.tap_by(self)
            self.box.keeps = bool(self._pipeline.stages.writing.reducing)
            self._digest = _digest(composition) if self.box.keeps else ""
            self._buses = {source.name for source in composition.config.sources if source.is_can}
            self._channels = self._put_off = 0

    def take(self, source: str, frames: FrameBatch, stamping: Stamping, first: int) -> None:
        """Take what a live source has delivered, before the stages do."""
        if self.box is None or not (self.box.keeps or source in self._buses):
            return
        if self.box.keeps:
            self._take_state(self.box)
        offset_ns = None
        if stamping.base is TimeBase.BOOT:
            offset_ns = -stamping.shift_ns
        elif stamping.shift_ns:  # stamped before the clock was set
            offset_ns = self._clock.unix_ns() - self._clock.boot_ns() - stamping.shift_ns
        self.box.take(source, frames, offset_ns, first=first, is_can=source in self._buses)

    def _take_state(self, box: "BlackBox") -> None:
        stages = self._pipeline.stages
        is_new = len(stages.channels) != self._channels
        if not (is_new or box.wants_state or self._pipeline.is_disturbed):
            return
        self._put_off += 1  # a message that has begun would be lost
        if is_new or self._put_off > MOST_PUT_OFF or not stages.payloads.is_open:
            self._channels, self._put_off, self._pipeline.is_disturbed = len(stages.channels), 0, False
            box.take_state(box.run + self._digest, pack_memory(stages, with_rows=False))

    def replay(self, positions: Mapping[str, int]) -> int | None:
        """Store what a killed run had not sent yet. positions: as its last record has them.

        Return of how many frames it was made; None: nobody knows it.
        """
        if self.box is None or not (parts := self.box.box.since_state()):
            return None
        state = parts[0]
        runs = [found for name in positions if (found := re.match(r"box(\d+)/", name))]
        run = max(runs, key=lambda found: int(found[1]))[0] if runs else ""
        if state.source != run + self._digest:
            LOG.warning("the black box is of another run or configuration, and is not replayed")
            return None
        try:
            stages = self._stages_of(state.content)
        except ValueError as error:
            LOG.warning("the black box %s", error)
            return None
        stampings = dict.fromkeys(stages.sources, AS_THEY_ARE)
        done: dict[str, int] = {}
        discarded, stages.writing.output.replacing = LineBuffer(), LineBuffer()
        for part in parts:
            until = positions.get(run + part.source, 0)
            if part.batch is None or part.first >= until:
                continue
            if done.setdefault(part.source, part.first) != part.first:
                LOG.warning("%s: frames are missing in the black box", part.source)
                break
            count = min(part.count, until - part.first)
            stampings[part.source] = stamping = _stamping_of(part)
            stages.process(part.batch.part(0, count), discarded, shift_ns=stamping.shift_ns)
            done[part.source] += count
            self._replayed += count
            discarded.clear()
            stages.writing.output.replacing.clear()
        boots = {part.boot_id for part in parts if part.boot_id}
        for source, stamping in stampings.items() if boots <= {self._clock.boot_id()} else ():
            if run + source in positions:
                self._pipeline.store_pending(stages, source, stamping)
        return self._replayed

    def _stages_of(self, state: bytes) -> Stages:
        """Return stages that know this. Raises ValueError."""
        stages = self._composition.service_stages()
        bindings, memory = unpack_memory(state)
        try:
            for number, binding in zip(memory["channels"], bindings, strict=True):
                stages.bind(number, binding)
            stages.writing.remember(memory)
        except (LookupError, TypeError) as error:
            raise ValueError(f"has a memory of other stages: {error}") from error
        return stages

    def tick(self) -> None:
        """Keep what triggers have asked for since."""
        windows = self._pipeline.stages.writing.windows
        if self.box is not None:
            self.box.time_known = self._own.time_known
            while windows is not None and windows.frozen:
                self.box.freeze(*windows.frozen.popleft())

    def adopt(self, composition: Composition) -> None:
        """Have another black box, or none. One that cannot be had is an event: everything else goes on.

        Where the folder is the same, its captures go on, and `minutes` and `most_mb` hold from now on.
        """
        new, before = composition.config.black_box, self._composition.config.black_box
        if new == before:
            return
        if self.box is not None and new.directory == before.directory:
            self.box.settings = new
            return
        try:
            self.close()
            self._open(composition)
            self.start()
        except TelemetryError as error:
            self._own.report(begins("config_refused", f"{error}; there is no black box"))

    def counted(self) -> dict[str, int]:
        """Return what the box has lost, and what was made of it again, as counters."""
        return {**self.box.counted(), "black_box/replayed": self._replayed} if self.box is not None else {}


def _stamping_of(part: "Part") -> Stamping:
    return AS_THEY_ARE if part.offset_ns is None else Stamping(TimeBase.BOOT, -part.offset_ns)


def _digest(composition: Composition) -> str:
    """Return what all stages share that make the same of the same frames."""
    config = composition.config
    says = (
        *(__version__, composition.loaded.sha256, config.vehicle, config.sources, config.map, config.protect),
        *(
            config.limits,
            config.aggregates,
            config.triggers,
            config.reduce,
            config.send,
            config.charging,
            config.health,
        ),
    )
    return hashlib.sha256(repr(says).encode()).hexdigest()
