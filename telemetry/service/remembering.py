"""Keeps what battery health remembers: over restarts in files beside the spool, over reloads in memory.

Promises:
- It is written each minute of rows, and when a charge begins or ends: a kill costs no more.
- It is written in the thread that commits, after the rows that follow from it. So a kill between the two
  makes these rows again.
- A pack whose `[[health]]` is taken away keeps its file, and goes on when it is back.
- Packs of logs are not remembered: another run reads their logs again, from the first frame on.
"""

from collections.abc import Iterable
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
        self._known: dict[str, PackState] = {}  # by file
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
            self._known = {state.file_name: state for state in self._files.read()}
        of_logs = (source for source in sources if source.resume_as)
        bindings = (binding for source in of_logs for binding in composition.bindings(source))
        health.recorded = {pack for binding in bindings for pack in health.packs_of(binding)}
        health.remember(state for state in self._known.values() if state.pack not in health.recorded)

    def tick(self) -> None:
        """Write what is known if that is due."""
        health = self._health
        if health is not None and (health.has_news or abs(health.newest_ns - self._saved_ns) >= EVERY_NS):
            self.save()

    def save(self) -> None:
        """Write what is known now, once it is committed what rows follow from it."""
        if self._health is None or self._files is None:
            return
        self._health.has_news = False
        self._saved_ns = self._health.newest_ns
        states = [state for state in self._health.memory() if state.pack not in self._health.recorded]
        self._known |= {state.file_name: state for state in states}
        self._committer.follow_with(partial(self._files.write, states))
