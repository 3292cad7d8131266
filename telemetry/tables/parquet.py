"""Tables as Parquet files, one a message or measurement, while a log is read.

Promises:
- Memory is bounded: a file gets a row group as soon as its table has 32,768 rows.
- A file has its name only when it is whole; until then `.part` follows it. What a failed decode leaves is
  removed, folders that were made for it too.
- Units are metadata of the columns.

Relies on pyarrow, which is imported when such files are asked for.
"""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.spec import ColumnKind

from telemetry.errors import UsageError, printable, writing
from telemetry.tables.packages import require
from telemetry.tables.sink import TableSink
from telemetry.tables.table import Table

ENDING = ".parquet"
_GROUP_ROWS = 32_768
_LONGEST_NAME = 200  # bytes: file systems take 255


class ParquetFolder:
    """Writes what `sink` gets into files of one folder.

    A context manager, which discards what is not finished.
    """

    def __init__(self, folder: Path, *, with_log: bool = False) -> None:
        """Make the folder if it is missing. with_log: as of `TableSink`.

        Raises UsageError if it holds such files, which a reader of the folder would take for this log's,
        StorageError if it cannot be made, MissingPackageError without pyarrow.
        """
        self._parquet: Any = require("pyarrow.parquet", "Parquet")
        self._arrow: Any = require("pyarrow", "Parquet")
        self.sink = TableSink(with_log=with_log)
        self._folder = folder
        self._writers: dict[str, Any] = {}
        self._files: dict[str, Path] = {}
        with writing(folder):
            self._made = [each for each in (folder, *folder.parents) if not each.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            earlier = sum(file.suffix == ENDING for file in folder.iterdir())
        if earlier:
            what = f"holds {earlier} {ENDING} file{'s' if earlier > 1 else ''} of an earlier run"
            raise UsageError(what, where=str(folder), hint="give a new or empty folder")

    def write_groups(self) -> None:
        """Write the row groups that have their rows. Raises StorageError."""
        for batches in self.sink.take(_GROUP_ROWS):
            self._write(batches)

    def finish(self) -> list[Path]:
        """Write the rest and give the files their names, which are returned. Raises StorageError."""
        for batches in self.sink.take():
            self._write(batches)
        for name, writer in self._writers.items():
            with writing(self._files[name]):
                writer.close()
        for file in self._files.values():
            with writing(file):
                _part(file).replace(file)
        written = list(self._files.values())
        self._writers, self._files, self._made = {}, {}, []
        return written

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as closing:
            for made in reversed(self._made):  # called last to first: files, then folders from the inside
                closing.callback(_remove_empty, made)
            for name, writer in self._writers.items():
                closing.callback(_discard, writer, _part(self._files[name]))

    def _write(self, batches: Batches) -> None:
        name = batches.spec.name
        table = self._arrow.table(Table(batches))
        if name not in self._writers:
            self._files[name] = self._file(name)
            with writing(self._files[name]):
                self._writers[name] = self._parquet.ParquetWriter(
                    _part(self._files[name]),
                    table.schema,
                    compression="lz4",  # a tenth less work than snappy
                    use_dictionary=[
                        column.name for column in batches.spec.columns if column.kind in _FEW_VALUES
                    ],
                )
        with writing(self._files[name]):
            self._writers[name].write_table(table, row_group_size=len(table))

    def _file(self, name: str) -> Path:
        """Return a file for a table: its name, as far as file systems take it, and used once."""
        plain = printable(name.replace("/", "_"), "_")
        plain = plain.encode()[:_LONGEST_NAME].decode(errors="ignore")
        if plain.startswith("."):
            plain = f"_{plain[1:]}"
        taken = {file.stem.casefold() for file in self._files.values()}
        unused, number = plain, 1
        while unused.casefold() in taken:
            number += 1
            unused = f"{plain}_{number}"
        return self._folder / f"{unused}{ENDING}"


_FEW_VALUES = (ColumnKind.WORDS, ColumnKind.ID)


def _part(file: Path) -> Path:
    return file.with_name(f"{file.name}.part")


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _discard(writer: Any, part: Path) -> None:
    with suppress(OSError):
        writer.close()
    part.unlink(missing_ok=True)
