"""A store for the pipeline that keeps what it is given."""

import gzip
from collections.abc import Mapping

from telemetry_core.lines import LineBuffer

from telemetry.spool.batch import EncodedBatch
from telemetry.spool.write_through import OpenBatch


class ListedStore:
    """Keeps what the pipeline stores, with the accounts as of each batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[EncodedBatch, dict[str, int], dict[str, int]]] = []
        self.commits = 0
        self.kept: list[tuple[bytes, OpenBatch]] = []  # of the open batch, each time

    def keep(self, lines: LineBuffer, batch: OpenBatch) -> None:
        self.kept.append((bytes(memoryview(lines)), batch))

    def append(
        self, batch: EncodedBatch, *, accounts: Mapping[str, int], positions: Mapping[str, int]
    ) -> int:
        self.batches.append((batch, dict(accounts), dict(positions)))
        return len(self.batches)

    def commit(self) -> None:
        self.commits += 1

    def commit_due(self) -> bool:
        return False

    @property
    def text(self) -> bytes:
        return b"".join(gzip.decompress(batch.payload) for batch, _, _ in self.batches)
