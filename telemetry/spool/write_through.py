"""Batches that are not on disk yet, in a file system in memory. They survive the process, but not a power
cut.

Each batch is one file, named by the spool and by the sequence number that the batch will get. Each delivery
appends a piece: new lines, and the accounts, positions and state as of their end. It has the state, and the
names of the numbers, where these differ from the piece before. A file whose batch is on disk is emptied and
used again, since making files and pages costs more than their content. Emptying changes only its first bytes.
The pieces that remain in it do not follow the new ones.

Promises:
- No byte goes to a disk, and nothing is synced.
- A piece counts as a whole or not at all.
- Nothing is taken that another boot, another spool or another user left.
- MOST_BYTES bounds it.

Relies on the holder of the spool's lock as the only writer, and on batches being forgotten once they are on
disk.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from telemetry_core.text.lines import LineBuffer

from telemetry.ownership import create_in, open_trusted, opened_folder, read_own_file
from telemetry.spool.batch import EncodedBatch, Series, TimeBase
from telemetry.spool.compress import compress
from telemetry.spool.piece import EMPTIED, MAGIC, PieceEncoder, pieces_of
from telemetry.spool.trails import NO_STATE, check_state, pack_state

MOST_BYTES = 16 * 1024 * 1024  # of all files
MOST_EMPTIED = 2  # files that wait to be used again
MOST_EMPTIED_BYTES = 2 * 1024 * 1024  # of each
MOST_DESCRIPTORS = 4  # of files whose batches wait for their commit
_SPARE_BYTES = 32 * 1024  # of what newer pieces replace in a file, besides as much as what they do not
_ASIDE = 0  # no batch has this number: a start passes over it
_NAME = re.compile(r"(nev-telemetry\.[0-9a-f]{16}\.)(\d{15})\.batch")


@dataclass(frozen=True, slots=True)
class Left:
    """A batch that a process has left, and what its record would have said."""

    sequence: int
    batch: EncodedBatch | None  # None: no line had come
    accounts: Mapping[str, int]
    positions: Mapping[str, int]
    state: Mapping[str, bytes]
    replacing: EncodedBatch | None  # goes before it, unless it is on disk


@dataclass(slots=True)
class _File:
    folder: Path
    name: str
    size_bytes: int = 0  # of its pieces
    descriptor: int | None = None  # None: it is not used again


class WriteThrough:
    """The files of one spool, which is there.

    folders: that lie in memory; the first is written to, and any may hold what an earlier process left.
    """

    def __init__(self, folders: Sequence[Path], spool: Path, *, boot_id: str) -> None:
        self._folders = folders
        owner = spool.stat()
        path = spool.resolve()
        self._origin = f"{boot_id} {owner.st_dev}:{owner.st_ino} {path}"
        self._prefix = f"nev-telemetry.{hashlib.sha256(bytes(path)).hexdigest()[:16]}."
        self._owner = owner.st_uid
        self._written: int | None = None  # the descriptor of the first folder
        self._files: dict[int, _File] = {}  # by sequence
        self._emptied: list[_File] = []
        self.size_bytes = 0  # of all batches that are kept
        self._newest: _File | None = None  # that pieces are added to
        self._kept_bytes = 0  # of its lines
        self._check = 0  # of its last piece
        self._names: tuple[str, ...] = ()  # of the last piece of all
        self._names_json = b""  # they, as JSON
        self._encoder = PieceEncoder(0)  # with as many numbers
        self._has_names = False  # the newest file has them
        self._state = NO_STATE  # of its last piece
        self._has_gap = False  # a batch that waits for its commit is not kept

    def keep(
        self,
        sequence: int,
        lines: LineBuffer,
        accounts: Mapping[str, int],
        positions: Mapping[str, int],
        boot_id: str,
        state: Mapping[str, bytes] = NO_STATE,
        replacing: LineBuffer | None = None,
    ) -> bool:
        """Keep the batch that will get this number, as far as it has come; return whether it is kept.

        lines: all of it so far. accounts, positions, state: as of its end. boot_id: empty if stamps count
        from 1970. ValueError if the state is too much for one name. replacing: what goes before it as a batch
        of its own; the batch is then complete.
        Where the folder refuses, or the disk has refused for long, nothing is kept until the next commit.
        """
        check_state(state)
        if self._has_gap:
            return False
        try:
            before = self._files.get(sequence)
            most_bytes = 2 * (len(lines) + sum(map(len, state.values()))) + _SPARE_BYTES
            begins = before is None or before.descriptor is None or before.size_bytes > most_bytes
            if begins:
                self._begin(sequence)
            names = (boot_id, *accounts, "", *positions)
            if names != self._names:
                self._names, self._has_names = names, False
                self._names_json = json.dumps([self._origin, *names]).encode()
                self._encoder = PieceEncoder(len(names) - 2)
            self._append(lines, (*accounts.values(), *positions.values()), state, replacing)
            if begins and before is not None:
                self._take_place(self._files[sequence], before)
        except OSError:
            self._give_up()
        if self.size_bytes > MOST_BYTES:
            self._give_up()
        return not self._has_gap

    def _begin(self, sequence: int) -> None:
        self._seal()
        if self._written is None:
            self._written = open_trusted(self._folders[0], os.O_RDONLY | os.O_DIRECTORY)
        before = self._files.get(sequence)  # it stays until the new one says all that it does
        name = self._name(sequence if before is None else _ASIDE)
        if self._emptied:
            file = self._emptied[-1]
            os.rename(file.name, name, src_dir_fd=self._written, dst_dir_fd=self._written)
            self._emptied.pop().name = name
        else:
            file = _File(self._folders[0], name, 0, create_in(self._written, name, os.O_WRONLY))
        if before is not None:
            self._files[_ASIDE] = before
        self._files[sequence] = self._newest = file
        self._kept_bytes = self._check = 0
        self._has_names = False
        self._state = NO_STATE

    def _take_place(self, file: _File, before: _File) -> None:
        """Let a file that was begun aside replace the one before: a kill leaves one of the two."""
        os.rename(file.name, before.name, src_dir_fd=self._written, dst_dir_fd=self._written)
        file.name = before.name
        del self._files[_ASIDE]
        self.size_bytes -= before.size_bytes
        if before.folder == file.folder:
            _let_go(before)
        else:
            self._unlink(before)

    def _append(
        self,
        lines: LineBuffer,
        numbers: tuple[int, ...],
        state: Mapping[str, bytes],
        replacing: LineBuffer | None,
    ) -> None:
        file = self._newest
        if file is None or file.descriptor is None:
            raise OSError(errno.EBADF, "an earlier piece was not taken")
        with memoryview(lines) as view, view[self._kept_bytes :] as new:
            parts, check = self._encoder.encode(
                lines,
                new,
                numbers,
                b"" if self._has_names else self._names_json,
                packed_state=None if not state else b"" if state == self._state else pack_state(state),
                replacing=replacing if replacing is not None and replacing.lines else None,
                check=self._check,
            )
            size_bytes = sum(map(len, parts))
            written = os.pwritev(file.descriptor, parts, file.size_bytes)
        if written != size_bytes:
            raise OSError(errno.ENOSPC, "a piece was taken in part")
        self._kept_bytes = len(lines)
        self._check = check
        self._has_names = True
        self._state = state
        file.size_bytes += size_bytes
        self.size_bytes += size_bytes

    def appended(self, sequence: int) -> None:
        """Note that this batch waits for its commit.

        After one that is not kept, nothing is: accounts must balance.
        """
        if sequence not in self._files:
            self._give_up()

    def committed(self, last_sequence: int, *, waiting: Sequence[int]) -> None:
        """Forget the batches up to this one, which are on disk. waiting: those appended after it."""
        self._remove([sequence for sequence in self._files if sequence <= last_sequence])
        self._has_gap = any(sequence not in self._files for sequence in waiting)

    def _give_up(self) -> None:
        self._remove(list(self._files))
        self._remove_emptied()
        self._has_gap = True

    def close(self) -> None:
        """Stop writing; what is kept stays."""
        self._remove_emptied()
        for file in self._files.values():
            _let_go(file)
        self._newest = None
        if self._written is not None:
            os.close(self._written)
            self._written = None
        self._has_gap = True

    def renumber(self, sequence: int) -> None:
        """Give the batch with this number the next one; where that fails, nothing is kept."""
        if sequence in self._files:
            file, name = self._files[sequence], self._name(sequence + 1)
            try:
                with opened_folder(file.folder) as folder:
                    os.rename(file.name, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                self._give_up()
            else:
                file.name = name
                self._files[sequence + 1] = self._files.pop(sequence)

    def pass_over(self, sequence: int) -> None:
        """Remove a batch that is of no use."""
        self._remove([sequence])

    def left(self) -> list[Left]:
        """Return what an earlier process left, oldest first; remove what is of no use."""
        found = {}
        for path in self._folders:
            with contextlib.suppress(OSError), opened_folder(path) as folder:
                for name, prefix, sequence in _batches_in(folder):
                    if prefix == self._prefix and (left := self._left_in(folder, name, sequence)):
                        found[sequence] = left
                        self._files[sequence] = _File(path, name)
        return [found[sequence] for sequence in sorted(found)]

    def remove_orphans(self) -> None:
        """Remove what spools that no longer exist have left. There may be hundreds: no start should wait."""
        for path in self._folders:
            with contextlib.suppress(OSError), opened_folder(path) as folder:
                for name, prefix, _ in _batches_in(folder):
                    if prefix != self._prefix:
                        self._remove_orphan(folder, name)

    def _left_in(self, folder: int, name: str, sequence: int) -> Left | None:
        with contextlib.suppress(OSError):
            content = read_own_file(folder, name, 2 * MOST_BYTES, owner=self._owner)
            if left := self._read(sequence, content):
                return left
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        return None

    def _remove_orphan(self, folder: int, name: str) -> None:
        """Remove what this user left of a spool that no longer exists: nothing would ever adopt it."""
        with contextlib.suppress(OSError, ValueError, LookupError):
            content = read_own_file(folder, name, 2 * MOST_BYTES)
            first = next(pieces_of(MAGIC + content[len(EMPTIED) :]), None)
            if first is None:
                return
            spool = Path(json.loads(first.names_json)[0].split(" ", 2)[2])
            if spool.parent.exists() and not spool.exists():  # otherwise its disk may be elsewhere
                os.unlink(name, dir_fd=folder)

    def _read(self, sequence: int, content: bytes) -> Left | None:
        pieces = list(pieces_of(content))
        lines = b"".join(piece.lines for piece in pieces)
        names_json = next((piece.names_json for piece in reversed(pieces) if piece.names_json), b"[]")
        if not pieces or lines.count(b"\n") != pieces[-1].points:
            return None
        last = pieces[-1]
        state = NO_STATE
        try:
            origin, boot_id, *names = json.loads(names_json)
            if origin != self._origin:
                return None
            split = names.index("")
            batches = [
                EncodedBatch(
                    payload=compress(each.lines),
                    points=each.points,
                    first_ns=each.first_ns,
                    last_ns=each.last_ns,
                    ordered=each.ordered,
                    time_base=TimeBase.BOOT if boot_id else TimeBase.UNIX,
                    boot_id=boot_id,
                    series=series,
                    urgent=each.urgent,
                )
                for each, series in (
                    (last.replacing, Series.SESSIONS),
                    (replace(last, lines=lines), Series.OTHERS),
                )
                if each is not None and each.points
            ]
            accounts = dict(zip(names[:split], last.numbers[:split], strict=True))
            positions = dict(zip(names[split + 1 :], last.numbers[split:], strict=True))
            for piece in pieces:
                state = piece.state_after(state)
        except (ValueError, TypeError):
            return None
        batch = batches.pop() if batches else None
        return Left(sequence, batch, accounts, positions, state, batches[0] if batches else None)

    def _name(self, sequence: int) -> str:
        return f"{self._prefix}{sequence:015d}.batch"

    def _seal(self) -> None:
        """Add no more to the newest file. It is used again unless too many wait for that."""
        if self._newest is not None and len(self._files) > MOST_DESCRIPTORS:
            _let_go(self._newest)
        self._newest = None

    def _remove(self, sequences: list[int]) -> None:
        """Remove the newest first: so what a kill leaves has no gap, and its accounts balance."""
        for sequence in sorted(sequences, reverse=True):
            file = self._files.pop(sequence)
            self.size_bytes -= file.size_bytes
            if file is self._newest:
                self._newest = None
            if not self._empty(file):
                self._unlink(file)

    def _empty(self, file: _File) -> bool:
        """Empty it to be used again, if possible; return whether it is."""
        if (
            file.descriptor is None
            or file.size_bytes > MOST_EMPTIED_BYTES
            or len(self._emptied) == MOST_EMPTIED
        ):
            return False
        try:
            os.pwrite(file.descriptor, EMPTIED, 0)
        except OSError:
            return False
        file.size_bytes = 0
        self._emptied.append(file)
        return True

    def _remove_emptied(self) -> None:
        while self._emptied:
            self._unlink(self._emptied.pop())

    def _unlink(self, file: _File) -> None:
        _let_go(file)
        with contextlib.suppress(OSError), opened_folder(file.folder) as folder:
            os.unlink(file.name, dir_fd=folder)


def _batches_in(folder: int) -> Iterator[tuple[str, str, int]]:
    """Yield each batch's name, what it says of the spool, and the sequence number."""
    for name in os.listdir(folder):
        match = _NAME.fullmatch(name)
        if match is not None:
            yield name, match[1], int(match[2])


def _let_go(file: _File) -> None:
    if file.descriptor is not None:
        descriptor, file.descriptor = file.descriptor, None
        os.close(descriptor)


def folders_in_memory() -> list[Path]:
    """Return those that are there and may be written to, the one to write to first."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]  # systemd.exec(5)
    # The last one is for everybody: files in it are made exclusively, and only this owner's are read (S108).
    folders = [Path(name) for name in (runtime, "/run/nev-telemetry", "/dev/shm") if name]  # noqa: S108
    return [path for path in folders if os.access(path, os.W_OK | os.X_OK) and _is_in_memory(path)]


def keeping_in_memory(boot_id: str) -> Callable[[Path], WriteThrough | None]:
    """Return what, for a spool's directory, keeps its batches; None without a file system in memory."""

    def keep(spool: Path) -> WriteThrough | None:
        usable = folders_in_memory()
        return WriteThrough(usable, spool, boot_id=boot_id) if usable else None

    return keep


def _is_in_memory(folder: Path) -> bool:
    """Return whether it is on a tmpfs."""
    try:
        device = folder.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    return any(mount.split()[2] == number and " - tmpfs " in mount for mount in mounts)
