"""A gateway with `[[health]]` through its pipeline, a spool and files on this disk, life after life."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from telemetry.config import load_config
from telemetry.service.remembering import Remembering
from telemetry.spool import Recovery, Spool
from telemetry.stages.prepare import compose
from tests.support.charge_lives import Lives
from tests.support.packs_charged import Frame, config, health, mapped

BUS = "can0"
CAN0 = f'[[can]]\nname = "{BUS}"\n'


class _AtOnce:
    """Commits in the thread that asks."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def follow_with(self, act: Callable[[], None]) -> None:
        self._spool.commit()
        act()

    def finish(self) -> None:
        """Have nothing to wait for."""


class HealthLives(Lives):
    """One gateway of one bus with packs, over all of its lives. said: tables after the bus."""

    def __init__(self, folder: Path, said: str | None = None, *, wait_for_clock: bool = False) -> None:
        self.said = mapped(BUS) + health() if said is None else said
        super().__init__(folder, (BUS,), wait_for_clock=wait_for_clock)

    def configure(self, bays: Sequence[str], top: str = "") -> None:
        self.bays = bays
        self.config = load_config(config(self.folder, CAN0, self.said, top=top))
        self.composition = compose(self.config)

    def start(self) -> Recovery:
        recovery = super().start()
        committer: object = _AtOnce(self.spool)
        self.remembering = Remembering(self.folder, committer)  # type: ignore[arg-type]  # all that is called
        self.remembering.adopt(self.composition, self.stages.writing.health, ())
        return recovery

    def reload(self) -> None:
        self.configure(self.bays)
        self.remembering.save()
        super().reload()
        self.remembering.adopt(self.composition, self.stages.writing.health, ())

    def stop(self) -> None:
        self.remembering.settle()
        self.pipeline.leave_sessions()
        self.pipeline.finish(self.bays)
        self.remembering.save()
        super().stop()

    def play(self, content: Iterable[Frame], *, bay: str = BUS, time_known: bool = True) -> None:
        """Let these be heard as they come, each second's at once."""
        for part in each_second(content):
            self.clock.advance(1.0)
            self.deliver(bay, part, 0, time_known=time_known)
            self.pipeline.watch_silence(self.bays)
            self.pipeline.tick(self.bays)
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
