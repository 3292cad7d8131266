"""Keeps what battery health remembers: over restarts in files beside the spool, over reloads in memory.

Promises:
- It is written each minute of rows, and when a charge begins or ends: a kill costs no more.
- It is written in the thread that commits. Rows of a charge, a drive or a rest wait in it until then, and
  stay in it until they are committed themselves. So after a kill at any moment they come as they were, or
  as if they had not been made.
- A pack whose `[[health]]` is taken away keeps its file, and goes on when it is back.
- Packs of logs are not remembered: another run reads their logs again, from the first frame on.
- Of identities that have left there is nothing in memory once it is on disk.

Relies on rows of health that close their batch: what follows them is written once they are committed.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.service.committing import Committer
from telemetry.sources.assemble import Assembled
from telemetry.stages.prepare import Composition

if TYPE_CHECKING:  # a service without battery health imports none of it
    from telemetry.health.state import PackState, StateFiles
    from telemetry.stages.health import HealthFollowing

FOLDER = "health"
EVERY_NS = 60_000_000_000


class Remembering:
    """Of one service, over all its configurations. For the pipeline's thread."""

    def __init__(self, spool_directory: Path, committer: Committer) -> None:
        """Remember nothing yet: see `adopt`."""
        self._folder = spool_directory / FOLDER
        self._committer = committer
        self._files: StateFiles | None = None
        self._written: list[tuple[Sequence[PackState], bool]] = []  # by the thread that commits; on disk
        self._health: HealthFollowing | None = None
        self._saved_ns = 0  # the newest row of which anything is written

    def adopt(
        self, composition: Composition, health: "HealthFollowing | None", sources: Iterable[Assembled]
    ) -> None:
        """Remember for `health` from now on, and let it go on with what it does not know itself."""
        self._health = health
        if health is None:
            return
        if self._files is None:
            from telemetry.health.state import StateFiles

            self._files = StateFiles(self._folder)
        of_logs = (source for source in sources if source.resume_as)
        bindings = (binding for source in of_logs for binding in composition.bindings(source))
        recorded = {pack for binding in bindings for pack in health.packs_of(binding)}
        vehicle, packs = composition.config.vehicle, {one.pack for one in composition.config.health}
        health.saved = packs - recorded
        health.recall = partial(self._files.find, vehicle)
        if wanted := health.saved & health.strangers:
            self._committer.finish()
            health.remember(self._files.newest(vehicle, wanted))

    def tick(self) -> None:
        """Let out what is written, and write what is known if that is due."""
        health = self._health
        if health is None:
            return
        while self._written:
            states, is_kept = self._written.pop(0)
            health.written(states, is_kept=is_kept)
        if health.has_news or abs(health.newest_ns - self._saved_ns) >= EVERY_NS:
            self.save()

    def settle(self) -> None:
        """Write what is known, and let out what waits for that."""
        self.save()
        self._committer.finish()
        self.tick()

    def save(self) -> None:
        """Write what is known now, once it is committed what came before."""
        if self._health is None or self._files is None:
            return
        self._health.has_news = False
        self._saved_ns = self._health.newest_ns
        states = [state for state in self._health.memory() if state.pack in self._health.saved]
        self._committer.follow_with(partial(self._write, self._files, states))

    def _write(self, files: "StateFiles", states: "Sequence[PackState]") -> None:
        self._written.append((states, files.write(states)))  # what the disk refuses must not keep rows back
