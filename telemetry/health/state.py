"""What is remembered of packs from one run to the next: a file for each pack and each identity of it.

Promises:
- A file is of one moment, and is replaced as a whole. It has MOST_BYTES at most.
- One that is damaged, or of another version, is set aside and told. What it remembered begins again.
- What has not changed is not written again.

Relies on a folder that one process uses at a time: it lies in the spool's.
"""

import json
import logging
import zlib
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from operator import index
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from telemetry.health.history import PackHistory
from telemetry.spool.filesystem import FileSystem, read_file, replace_file

LOG = logging.getLogger("telemetry.service")

MOST_BYTES: Final = 98_304
_VERSION = 1
_ENDING = ".state"


class PackState(NamedTuple):
    """One pack at one moment. identity: what it calls itself, empty: nobody knows.

    last_ns: of its last row, and later than those of identities that were there before;
    memory: of the compiled Health; history: of `PackHistory.to_json`.
    """

    vehicle: str
    pack: str
    identity: str
    last_ns: int
    memory: bytes
    history: Any

    @property
    def file_name(self) -> str:
        """Return its name, which says the pack for people, and is one of its own."""
        named = sha256(json.dumps(self[:3]).encode()).hexdigest()[:16]
        return f"{quote(self.pack, safe='')[:40]}-{named}{_ENDING}"

    def packed(self) -> bytes:
        """Return it as the bytes of a file: a line of JSON, and the memory as it is."""
        line = json.dumps([_VERSION, *self[:4], self.history], separators=(",", ":"))
        return zlib.compress(line.encode() + b"\n" + self.memory)


def unpacked(content: bytes) -> PackState:
    """Return what the bytes of a file say. Raises ValueError for those of another kind or version."""
    try:
        line, _, memory = zlib.decompress(content).partition(b"\n")
        version, *parts = json.loads(line)
        if version == _VERSION:
            vehicle, pack, identity, last_ns, history = parts
            known = PackHistory.from_json(history).to_json()  # with what earlier versions did not know
            return PackState(vehicle, pack, identity, index(last_ns), memory, known)
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("it is damaged") from error
    raise ValueError(f"it is of version {version}, and not {_VERSION}")


class StateFiles:
    """The files in one folder."""

    def __init__(self, folder: Path, filesystem: FileSystem | None = None) -> None:
        """Have those in `folder`, which need not be there."""
        self._folder = folder
        self._filesystem = filesystem or FileSystem()
        self._written: dict[str, PackState] = {}  # the last time, by file
        self._is_failing = False

    def find(self, vehicle: str, pack: str, identity: str) -> PackState | None:
        """Return what one of them remembers; None: it is not there."""
        return next(self.read(PackState(vehicle, pack, identity, 0, b"", None).file_name), None)

    def newest(self, vehicle: str, packs: Collection[str]) -> Iterable[PackState]:
        """Return of each of these packs what remembers the newest row, and all of which rows still wait."""
        found: dict[str, PackState] = {}
        waiting: dict[str, PackState] = {}
        for state in self.read():
            if state.vehicle == vehicle and state.pack in packs:
                before = found.setdefault(state.pack, state)
                found[state.pack] = max(before, state, key=lambda one: one.last_ns)
                if state.history["waiting"]:
                    waiting[state.file_name] = state
        waiting |= {state.file_name: state for state in found.values()}
        self._written |= waiting
        return waiting.values()

    def read(self, name: str = "") -> Iterator[PackState]:
        """Yield what all that can be read remember. name: of one file."""
        try:
            names = self._filesystem.names(self._folder)
        except OSError:  # there is none yet, or the spool says what is wrong with the disk
            return
        for path in (self._folder / each for each in sorted(names) if each.endswith(name or _ENDING)):
            try:
                state = unpacked(read_file(self._filesystem, path, MOST_BYTES))
            except (OSError, ValueError) as error:
                self._set_aside(path, error)
            else:
                yield state

    def _set_aside(self, path: Path, error: Exception) -> None:
        aside = path.with_name(f"{path.name}.damaged")
        why = error.strerror if isinstance(error, OSError) else error
        try:
            self._filesystem.rename(path, aside)
            LOG.warning("%s: %s: set aside as %s; what it remembered begins again", path, why, aside.name)
        except OSError:
            LOG.warning("%s: %s: what it remembered begins again", path, why)

    def write(self, states: Iterable[PackState]) -> bool:
        """Write those that have changed; return whether all are on disk.

        What the disk refuses is reported once, and written later.
        """
        before, self._written = self._written, {}
        try:
            for state in states:
                name = state.file_name
                if before.get(name) != state:
                    self._put(self._folder / name, state)
                self._written[name] = state
        except OSError as error:
            if not self._is_failing:
                LOG.warning("%s: %s: a stop now would forget battery health", self._folder, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False
        return not self._is_failing

    def _put(self, path: Path, state: PackState) -> None:
        content = state.packed()
        if len(content) > MOST_BYTES:
            words = "more than is kept: of this pack's health the charges alone survive a restart"
            LOG.warning("%s: %d bytes, %s", path, len(content), words)
            content = state._replace(memory=b"").packed()
        self._filesystem.make_directory(self._folder)
        replace_file(self._filesystem, path, content)
