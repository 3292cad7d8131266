"""MF4, ASAM's measurement files, through python-can's reader and asammdf.

Promises:

- Any log ends, in frames or in one error.
- Stamps depend on the log alone, and not on the zone of this machine.
- asammdf prints nothing, and leaves no copy of a log that it made whole.

Relies on asammdf, imported only when such a log is read, and on `mf4_links` for what that would follow for
ever.
"""

import importlib.util
import logging
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.errors import DataError, MissingPackageError
from telemetry.logs.content import cannot_copy
from telemetry.logs.mf4_links import check_links

if TYPE_CHECKING:
    import can
    from asammdf.blocks.mdf_v4 import MDF4, Group
    from asammdf.blocks.utils import Fragment

LOG = logging.getLogger(__name__)
FINISHED, UNFINISHED = b"MDF     ", b"UnFinMF "  # how a log begins
HEADER_BYTES = 168
MOST_BLOCK_BYTES = 64 << 20  # that one compressed block inside of a log may be
RECORDS_AT_ONCE = 50_000  # of whose channels one looks at, some megabytes
_LOCAL_TIME, _HAS_OFFSETS = 1, 2  # flags of a stamp: what it counts in, and whether it says its zone


class Mf4:
    """ASAM's measurement files: what their groups hold of CAN bus logging, merged in the order of time.

    A log that its logger did not finish (power was cut, or it streams) says so by its beginning, and is read
    up to its last whole record: asammdf finishes a copy of it, in the temporary folder.

    Raises MissingPackageError without asammdf; DataError when it cannot read the file at all, EOFError when
    that ends inside its header; StorageError when the temporary folder cannot be written.
    """

    def __init__(self, path: Path, where: Path) -> None:
        """Open it. path: of the log, not compressed; where: what people call it."""
        if importlib.util.find_spec("asammdf") is None:
            raise MissingPackageError(
                "reading MF4 needs the package asammdf",
                where=str(where),
                hint="pip install 'nev-telemetry[mf4]'",
            )
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        require_mf4(header, where)
        if len(header) < HEADER_BYTES:
            raise EOFError(f"inside its header, at byte {len(header)}")
        self.is_unfinished = header.startswith(UNFINISHED)
        import can

        class TidyMf4Reader(can.MF4Reader):
            # As it is, python-can's reader leaves a file open that asammdf refuses, and takes local time for
            # that of this machine.
            def __init__(self, path: Path) -> None:
                try:
                    super().__init__(path)
                    offset_s = _offset_of_local_s(self._mdf)
                    # As integers: a float of so many nanoseconds is off by 128 of them.
                    start_ns = int(self._mdf.header.abs_time) - (offset_s or 0) * 10**9
                    self._start_timestamp = start_ns / 10**9
                    self.lacks_zone = offset_s is None
                except BaseException:
                    self.file.close()
                    raise

        try:
            with path.open("rb") as file:
                check_links(file)
        except ValueError as error:
            raise DataError("is no MF4 log", where=str(where), hint=str(error)) from error
        _mend_asammdf()
        try:
            self._file = TidyMf4Reader(path)
        except OSError as error:  # the log was read already: it is the copy that cannot be written
            raise cannot_copy(where, error) from error
        except Exception as error:
            raise DataError("is no MF4 log", where=str(where), hint=" ".join(str(error).split())) from error
        self.lacks_zone = self._file.lacks_zone  # it counts in local time, and does not say where
        self.first_channel = 0 if _has_channel_0(self._file._mdf, where) else 1

    @property
    def reader(self) -> Iterable["can.Message"]:
        return self._file

    def close(self) -> None:
        """Give the file back."""
        self._file.stop()

    def progress(self) -> int:
        return 0  # so it ends where asammdf gives up: it cannot go on after that

    def place(self) -> str:
        return "its records"

    def is_torn(self) -> bool:
        return False


def require_mf4(beginning: bytes, where: Path) -> None:
    """Raise DataError where a log does not begin as one, whose unpacking is then spared."""
    if not any(known.startswith(beginning[:8]) for known in (FINISHED, UNFINISHED)):
        raise DataError("is no MF4 log", where=str(where), hint="it does not begin with MDF")


def _inflate(data: bytes) -> bytes:
    """Return a block's bytes, of which the standard has at most 4 MiB."""
    inflater = zlib.decompressobj()
    block = inflater.decompress(data, MOST_BLOCK_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError(f"a block unpacks to more than {MOST_BLOCK_BYTES >> 20} MiB")
    return block


def _offset_of_local_s(log: "MDF4") -> int | None:
    """Return how far the stamp in the header is ahead of UTC; None: it is local, of an unknown zone.

    A stamp in local time has no zone. The first entry of the log's history, which its writer made at that
    time, has one.
    """
    if not log.header.time_flags & _LOCAL_TIME:
        return 0
    for entry in log.file_history[:1]:
        if entry.time_flags & _HAS_OFFSETS and not entry.time_flags & _LOCAL_TIME:
            return 60 * (entry.tz_offset + entry.daylight_save_time)
    return None


def _has_channel_0(log: "MDF4", where: Path) -> bool:
    """Return whether a record is of channel 0: loggers number their channels from 1, python-can from 0."""
    try:
        for number, group in enumerate(log.groups):
            for index, channel in enumerate(group.channels):
                if not channel.name.endswith(".BusChannel"):
                    continue
                for offset in range(0, group.channel_group.cycles_nr, RECORDS_AT_ONCE):
                    found = log.get(
                        group=number,
                        index=index,
                        samples_only=True,
                        record_offset=offset,
                        record_count=RECORDS_AT_ONCE,
                    )
                    if (found[0] == 0).any():
                        return True
                    if not len(found[0]):  # a damaged log says that it has more
                        break
    except Exception as error:  # noqa: BLE001 - of a damaged log, whose messages are read all the same
        LOG.warning("%s: taken to count its channels from 1: %s", where, " ".join(str(error).split()))
    return False


def _mend_asammdf() -> None:
    """Make asammdf return from any log, raise its findings instead of printing them, and clean up.

    - A log that it could not build lacks attributes: it would report that on stderr, and leave its copy of an
      unfinished log.
    - It would cut the bytes of a group without a whole record into empty pieces, for ever.
    - It would inflate a compressed block to any size.
    """
    logging.getLogger("asammdf").disabled = True
    from asammdf.blocks.mdf_v4 import MDF4
    from asammdf.blocks.utils import DECOMPRESS_FUNC_MAP
    from asammdf.blocks.v4_constants import DZ_BLOCK_DEFLATE, DZ_BLOCK_TRANSPOSED

    if MDF4.__del__ is _destroy:
        return
    for kind in (DZ_BLOCK_DEFLATE, DZ_BLOCK_TRANSPOSED):
        DECOMPRESS_FUNC_MAP[kind] = _inflate
    load_data = MDF4._load_data

    def load_records(log: "MDF4", group: "Group", *arguments: Any, **options: Any) -> "Iterator[Fragment]":
        if not group.channel_group.cycles_nr:
            group.data_blocks = []
        return load_data(log, group, *arguments, **options)

    # A method is replaced on purpose, twice: mypy cannot know.
    MDF4._load_data = load_records  # type: ignore[assignment, method-assign]
    MDF4._file = None
    MDF4.__del__ = _destroy  # type: ignore[method-assign]


def _destroy(log: "MDF4") -> None:
    with suppress(AttributeError):
        log.close()
