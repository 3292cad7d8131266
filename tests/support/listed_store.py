"""A store for the pipeline that keeps what it is given."""

import gzip
from collections.abc import Mapping

from telemetry_core.text.lines import LineBuffer

from telemetry.spool.batch import EncodedBatch
from telemetry.spool.trails import NO_STATE


class ListedStore:
    """Keeps what the pipeline stores, with the accounts as of each batch."""

    keeps = True

    def __init__(self) -> None:
        self.batches: list[tuple[EncodedBatch, dict[str, int], dict[str, int]]] = []
        self.states: list[dict[str, bytes]] = []  # of each batch
        self.replacing: list[EncodedBatch | None] = []  # that went before each batch
        self.commits = 0
        self.kept: list[
            tuple[bytes, dict[str, int], dict[str, int], str]
        ] = []  # of the open batch, each time
        self.kept_states: list[dict[str, bytes]] = []
        self.kept_replacing: list[bytes] = []

    def keep(
        self,
        lines: LineBuffer,
        *,
        accounts: Mapping[str, int],
        positions: Mapping[str, int],
        boot_id: str,
        state: Mapping[str, bytes] = NO_STATE,
        replacing: LineBuffer | None = None,
    ) -> bool:
        self.kept_states.append(dict(state))
        self.kept_replacing.append(bytes(memoryview(replacing)) if replacing is not None else b"")
        self.kept.append((bytes(memoryview(lines)), dict(accounts), dict(positions), boot_id))
        return True

    def append(
        self,
        batch: EncodedBatch,
        *,
        accounts: Mapping[str, int],
        positions: Mapping[str, int],
        state: Mapping[str, bytes] = NO_STATE,
        replacing: EncodedBatch | None = None,
    ) -> None:
        self.states.append(dict(state))
        self.replacing.append(replacing)
        self.batches.append((batch, dict(accounts), dict(positions)))

    def commit(self) -> None:
        self.commits += 1

    def commit_due(self) -> bool:
        return False

    @property
    def text(self) -> bytes:
        return b"".join(gzip.decompress(batch.payload) for batch, _, _ in self.batches)
