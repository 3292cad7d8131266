"""A store for the pipeline that keeps what it is given."""

import gzip
from collections.abc import Mapping

from telemetry_core.text.lines import LineBuffer

from telemetry.spool.batch import EncodedBatch


class ListedStore:
    """Keeps what the pipeline stores, with the accounts as of each batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[EncodedBatch, dict[str, int], dict[str, int]]] = []
        self.commits = 0
        self.kept: list[
            tuple[bytes, dict[str, int], dict[str, int], str]
        ] = []  # of the open batch, each time

    def keep(
        self, lines: LineBuffer, *, accounts: Mapping[str, int], positions: Mapping[str, int], boot_id: str
    ) -> bool:
        self.kept.append((bytes(memoryview(lines)), dict(accounts), dict(positions), boot_id))
        return True

    def append(
        self, batch: EncodedBatch, *, accounts: Mapping[str, int], positions: Mapping[str, int]
    ) -> None:
        self.batches.append((batch, dict(accounts), dict(positions)))

    def commit(self) -> None:
        self.commits += 1

    def commit_due(self) -> bool:
        return False

    @property
    def text(self) -> bytes:
        return b"".join(gzip.decompress(batch.payload) for batch, _, _ in self.batches)
