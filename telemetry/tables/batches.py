"""The tables of recordings while these are read, in record batches.

Promises:
- Memory is bounded, however long recordings are: a table is handed on as soon as it has the rows of a batch,
  and the largest tables are where the rows of all take more than `HELD_BYTES`.
- The batches of a table, one after the other, are the table that `read` returns.
- Whoever ends the iteration early, or drops it, closes the recording that is open.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from telemetry.decode.decoder import Decoder
from telemetry.errors import UsageError
from telemetry.tables.accounts import Accounts, Problem, Said, accounts_of
from telemetry.tables.sink import TableSink
from telemetry.tables.table import RecordBatch, Table, Tables


@dataclass(slots=True)
class Prepared:
    """What is read, and by what. accounts: when all is read."""

    decoder: Decoder
    sink: TableSink
    paths: Sequence[Path]
    said: Said
    databases_sha256: str
    accounts: Accounts | None = None

    def pieces(self) -> Iterator[None]:
        """Read on, a piece at a time."""
        with self.decoder.pieces(self.paths) as pieces:
            for piece in pieces:
                self.said.of_log(piece, self.decoder.unread)
                yield
        self.said.of_all(self.decoder.warnings())
        self.accounts = accounts_of(self.decoder, self.databases_sha256)

    def batches(self) -> Generator[tuple[str, RecordBatch]]:
        """Yield the batches of a sink that has them apart."""
        for _ in self.pieces():
            for batches in self.sink.take_ready():
                yield batches.spec.name, RecordBatch(batches)
        for batches in self.sink.take():
            yield batches.spec.name, RecordBatch(batches)

    def tables(self) -> Tables:
        """Read all, and return what the sink has gathered."""
        for _ in self.pieces():
            pass
        return Tables(map(Table, self.sink.take()), self.accounts, self.said.problems)


class RecordBatches(Iterator[tuple[str, RecordBatch]]):
    """Yields names of tables with some rows of each. A context manager, which closes what is open."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._batches = prepared.batches()  # which knows nothing of `self`: dropping that ends it

    def __next__(self) -> tuple[str, RecordBatch]:
        return next(self._batches)

    def close(self) -> None:
        """Read no more, and close what is open. Nothing is yielded after that."""
        self._batches.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def accounts(self) -> Accounts:
        """Return what was read, and what became of it. Raises UsageError before the last batch came."""
        if self._prepared.accounts is None:
            raise UsageError("are there when all is read", where="accounts", hint="take all batches before")
        return self._prepared.accounts

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what warnings have said so far."""
        return tuple(self._prepared.said.problems)
