r"""The small files beside the segments that say what is settled: one for each sink that the spool ever had.

Each has two slots, each with a CRC.
- Writing is not synced. After a power cut a slot may be old or torn, and then some batches are sent again.
- It is synced before a segment is unlinked, so that what is gone is known to be settled.
- After a sync, writing goes on in the other slot, so that the synced one is never at risk.

    offset  size  what (little endian)
         0     4  magic "nTa\x01"
         4     4  CRC-32 of the rest
         8     8  generation: the higher of two good slots holds, and the highest of all is of the sink in use
        16     8  sequence of the last record known to be on disk
        24     8  place after that record
        32     4  1 after a clean stop, otherwise 0
        36     4  number of stretches
        40    56  each: start, end, acknowledged, evicted, damaged, dead, pinned
"""

import contextlib
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.spool.filesystem import FileSystem, replace_file
from telemetry.spool.settled import Stretch, Tally

FILE_NAME = "acknowledged"  # of a sink; others add a dot and their name
ISLANDS = 16

_MAGIC = b"nTa\x01"
_CHECK = struct.Struct("<4sI")
_HEAD = struct.Struct("<QQQII")
_STRETCH = struct.Struct("<7Q")
_SLOT_BYTES = 4096  # one page and one sector each, so that one torn write cannot hit both


@dataclass(frozen=True, slots=True)
class Slot:
    """What the file says."""

    generation: int = 0
    last_sequence: int = 0
    end: int = 0
    clean: bool = False
    stretches: list[Stretch] = field(default_factory=list)


def encode_slot(slot: Slot) -> bytes:
    """Return its bytes, without padding."""
    body = bytearray(
        _HEAD.pack(slot.generation, slot.last_sequence, slot.end, int(slot.clean), len(slot.stretches))
    )
    for s in slot.stretches:
        t = s.tally
        body += _STRETCH.pack(s.start, s.end, t.acknowledged, t.evicted, t.damaged, t.dead, int(s.pinned))
    return _CHECK.pack(_MAGIC, zlib.crc32(body)) + body


def decode_slot(data: bytes) -> Slot | None:
    """Return the slot; None unless the bytes are a whole one that makes sense."""
    if len(data) < _CHECK.size + _HEAD.size:
        return None
    magic, check = _CHECK.unpack_from(data)
    generation, last_sequence, end, clean, count = _HEAD.unpack_from(data, _CHECK.size)
    length = _CHECK.size + _HEAD.size + count * _STRETCH.size
    if magic != _MAGIC or length > len(data) or zlib.crc32(data[_CHECK.size : length]) != check:
        return None
    stretches = []
    for start, stop, acknowledged, evicted, damaged, dead, pinned in _STRETCH.iter_unpack(
        data[_CHECK.size + _HEAD.size : length]
    ):
        tally = Tally(acknowledged, evicted, damaged, dead)
        stretches.append(Stretch(start, stop, tally, bool(pinned)))
    return Slot(generation, last_sequence, end, bool(clean), stretches)


def is_cursor(name: str) -> bool:
    """Return whether a file of this name may say what a sink has settled."""
    return name.partition(".")[0] == FILE_NAME and not name.endswith(".new")


def read_cursors(filesystem: FileSystem, directory: Path) -> dict[str, Slot | None]:
    """Return the newest good slot of each sink by its file's name; None: both are damaged.

    A file of such a name that has not the size of two slots is something else, such as a note of its owner.
    """
    found: dict[str, Slot | None] = {}
    for name in filter(is_cursor, filesystem.names(directory)):
        with contextlib.suppress(OSError):  # it is removed meanwhile
            slot = read_slot(filesystem, directory, name)
            if slot or filesystem.size(directory / name) == 2 * _SLOT_BYTES:
                found[name] = slot
    return found


def latest_cursor(filesystem: FileSystem, directory: Path) -> str:
    """Return the name of the cursor of the sink that used the spool last: its generation is the highest."""
    slots = {name: slot for name, slot in read_cursors(filesystem, directory).items() if slot}
    return max(slots, key=lambda name: slots[name].generation, default=FILE_NAME)


def read_slot(filesystem: FileSystem, directory: Path, cursor: str = FILE_NAME) -> Slot | None:
    """Return the newest good slot; None without one."""
    try:
        descriptor = filesystem.open_to_read(directory / cursor)
    except OSError:
        return None
    try:
        slots = [
            decode_slot(filesystem.read_at(descriptor, _SLOT_BYTES, offset)) for offset in (0, _SLOT_BYTES)
        ]
    except OSError:
        return None
    finally:
        filesystem.close(descriptor)
    return max((slot for slot in slots if slot), key=lambda slot: slot.generation, default=None)


class SlotFile:
    """Writes the slots. A file that failed a write or a sync is suspect, and replaced by a new one."""

    def __init__(
        self, filesystem: FileSystem, directory: Path, generation: int, cursor: str = FILE_NAME
    ) -> None:
        self._filesystem = filesystem
        self._path = directory / cursor
        self._generation = generation
        self._offset = 0  # of the slot that is written
        self._is_synced = True
        self._descriptor: int | None = None
        self.bytes_written = 0
        self.syncs = 0

    @property
    def next_generation(self) -> int:
        """Return that of the next slot to write."""
        return self._generation + 1

    def write(self, slot: Slot) -> None:
        """Put `slot` (of the next generation) in place, unsynced; OSError if the disk refuses."""
        data = encode_slot(slot)
        if self._descriptor is None:
            self._replace(data)
        else:
            offset = self._offset
            self._is_synced = False
            try:
                while data:
                    written = self._filesystem.write_at(self._descriptor, data, offset)
                    self.bytes_written += written
                    offset, data = offset + written, data[written:]
            except OSError:
                self.close()
                raise
        self._generation = slot.generation

    def sync(self) -> None:
        """Put what was written last on the medium. Raises OSError."""
        if self._descriptor is None or self._is_synced:
            return
        self.syncs += 1
        try:
            self._filesystem.sync(self._descriptor)
        except OSError:
            self.close()
            raise
        self._offset = _SLOT_BYTES - self._offset
        self._is_synced = True

    def close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # it is closed all the same, and `sync` reports on the medium
                self._filesystem.close(descriptor)

    def _replace(self, data: bytes) -> None:
        # both slots are given their blocks now: writing in place works on a full disk
        image = data.ljust(2 * _SLOT_BYTES, b"\0")
        self.bytes_written += len(image)
        self.syncs += 2
        replace_file(self._filesystem, self._path, image)
        self._descriptor = self._filesystem.open_to_update(self._path)
        self._offset = _SLOT_BYTES
        self._is_synced = True
