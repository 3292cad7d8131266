"""MF4, ASAM's measurement files, whose frames are stored in a way that the compiled reader does not know.

Promises:

- Any log ends, in frames or in one error, in time and memory of the blocks that exist: `mf4_blocks` has
  checked what asammdf would follow for ever, and what would crash it.
- Stamps depend on the log alone, and not on the zone of this machine.
- asammdf prints nothing, and leaves no copy of a log that it made whole.

asammdf itself reports any other fault of a block.

Relies on python-can's reader and asammdf, imported only when such a log is read.
"""

import importlib.util
import logging
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry_core.logs.mf4_data import LAST_LENGTH, LAST_LIST
from telemetry_core.logs.mf4_layout import Layout

from telemetry.errors import DataError, MissingPackageError
from telemetry.logs.content import cannot_copy

if TYPE_CHECKING:
    import can
    from asammdf.blocks.mdf_v4 import MDF4, Group
    from asammdf.blocks.utils import Fragment


LOG = logging.getLogger(__name__)
FINISHED, UNFINISHED = b"MDF     ", b"UnFinMF "  # how a log begins
HEADER_BYTES = 168
MOST_BLOCK_BYTES = 64 << 20  # that one compressed block inside of a log may be


class Mf4:
    """A log whose groups of CAN bus logging are merged in the order of time.

    A log that its logger did not finish is read up to its last whole record: asammdf finishes a copy of it,
    in the temporary folder.

    Raises MissingPackageError without asammdf; DataError when it cannot read the file; StorageError when the
    temporary folder cannot be written.
    """

    def __init__(self, path: Path, where: Path, why: str) -> None:
        """Open it. path: of the log, not compressed; where: what people call it; why: it takes asammdf."""
        if importlib.util.find_spec("asammdf") is None:
            raise MissingPackageError(
                f"reading this MF4 log needs the package asammdf: it has {why}",
                where=str(where),
                hint="pip install 'nev-telemetry[mf4]'",
            )
        with path.open("rb") as file:
            layout = Layout(file)
        if layout.most_lists > 1 and layout.unfinished & (LAST_LIST | LAST_LENGTH):
            raise DataError(
                "is no MF4 log that can be read",
                where=str(where),
                hint=f"it has {why}, and asammdf cannot finish one with several lists of data",
            )
        import can

        class TidyMf4Reader(can.MF4Reader):
            # As it is, python-can's reader leaves a file open that asammdf refuses, and takes local time for
            # that of this machine.
            def __init__(self, path: Path) -> None:
                try:
                    super().__init__(path)
                    self._start_timestamp = layout.start_ns / 10**9
                except BaseException:
                    self.file.close()
                    raise

        _mend_asammdf()
        try:
            self._file = TidyMf4Reader(path)
        except OSError as error:  # the log was read already: it is the copy that cannot be written
            raise cannot_copy(where, error) from error
        except Exception as error:
            raise DataError("is no MF4 log", where=str(where), hint=" ".join(str(error).split())) from error
        self.is_unfinished, self.lacks_zone = layout.is_unfinished, layout.lacks_zone
        self.first_channel = 0 if self._has_channel_0(where) else 1

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

    def _has_channel_0(self, where: Path) -> bool:
        """Return whether a message is of channel 0: loggers number them from 1, python-can from 0."""
        try:
            return any(message.channel == 0 for message in self._file)
        except Exception as error:  # noqa: BLE001 - of a damaged log, whose messages are read all the same
            LOG.warning("%s: taken to count its channels from 1: %s", where, " ".join(str(error).split()))
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
