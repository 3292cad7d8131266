"""A gateway with `[[health]]` through its pipeline, a spool and files on this disk, life after life."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from telemetry.config import load_config
from telemetry.service.remembering import Remembering
from telemetry.spool import Recovery, Spool
from telemetry.stages.prepare import compose
from tests.support.charge_lives import Lives
from tests.support.packs_charged import Frame, config, health, mapped

BUS = "can0"
CAN0 = f'[[can]]\nname = "{BUS}"\n'


class _Turns:
    """Commits in the thread that asks, as `Committer` does in its own. lasts_s: each commit."""

    def __init__(self, spool: Spool, lasts_s: int) -> None:
        self._spool, self._lasts_s, self._left_s = spool, lasts_s, 0
        self._then: Callable[[], None] | None = None
        self._running: Callable[[], None] | None = None

    def follow_with(self, act: Callable[[], None]) -> None:
        self._then = act
        if self._running is None:
            self._begin()

    def _begin(self) -> None:
        self._running, self._then, self._left_s = self._then, None, self._lasts_s
        self.pass_s(0)

    def pass_s(self, seconds: int) -> None:
        self._left_s -= seconds
        if self._running is not None and self._left_s <= 0:
            self._spool.commit()
            act, self._running = self._running, None
            act()
            if self._then is not None:
                self._begin()

    def finish(self) -> None:
        while self._running is not None:
            self.pass_s(self._lasts_s)


class HealthLives(Lives):
    """One gateway of one bus with packs, over all of its lives. said: tables after the bus.

    commit_s: what a commit lasts.
    """

    def __init__(
        self, folder: Path, said: str | None = None, *, wait_for_clock: bool = False, commit_s: int = 0
    ) -> None:
        self.commit_s = commit_s
        self.said = mapped(BUS) + health() if said is None else said
        super().__init__(folder, (BUS,), wait_for_clock=wait_for_clock)

    def configure(self, bays: Sequence[str], top: str = "") -> None:
        self.bays = bays
        self.config = load_config(config(self.folder, CAN0, self.said, top=top))
        self.composition = compose(self.config)

    def start(self) -> Recovery:
        recovery = super().start()
        self.committer = _Turns(self.spool, self.commit_s)
        committer: object = self.committer
        self.remembering = Remembering(self.folder, committer)  # type: ignore[arg-type]  # all that is called
        self.remembering.adopt(self.composition, self.stages.writing.health, ())
        return recovery

    def reload(self) -> None:
        self.configure(self.bays)
        self.remembering.save()
        super().reload()
        self.remembering.adopt(self.composition, self.stages.writing.health, ())

    def cut_power(self) -> None:
        self.disk.cut_at = None
        self.disk.cut_power(Random(1))
        for kept in self.memory.iterdir():
            kept.unlink()

    def stop(self) -> None:
        self.remembering.settle()
        self.pipeline.leave_sessions()
        self.pipeline.finish(self.bays)
        self.remembering.save()
        super().stop()

    def play(self, content: Iterable[Frame], *, bay: str = BUS, time_known: bool = True) -> None:
        """Let these be heard as they come, each second's at once."""
        for part in each_second(content):
            self.play_all({bay: part}, time_known=time_known)

    def play_all(self, parts: Mapping[str, Sequence[Frame]], *, time_known: bool = True) -> None:
        """Let a second of each bay be heard."""
        self.clock.advance(1.0)
        for bay, part in parts.items():
            self.deliver(bay, part, 0, time_known=time_known)
        self.pipeline.watch_silence(self.bays)
        self.pipeline.tick(self.bays)
        self.committer.pass_s(1)
        self.remembering.tick()

    def rows(self, measurement: str = "battery_health", **tags: str) -> list[tuple[int, dict[str, bytes]]]:
        """Store and send all; return what the database has."""
        self.remembering.settle()
        self.pipeline.watch_silence(self.bays)
        self.pipeline.finish(self.bays)
        self.spool.commit()
        self.send()
        return self.database.of(measurement, **tags)


def each_second(content: Iterable[Frame]) -> Iterator[list[Frame]]:
    part: list[Frame] = []
    for frame in content:
        if part and frame[0] // 10**9 != part[0][0] // 10**9:
            yield part
            part = []
        part.append(frame)
    yield part
