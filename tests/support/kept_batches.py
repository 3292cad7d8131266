"""Batches that grow, and what keeps them in memory."""

import gzip
from pathlib import Path

from telemetry_core.text.lines import LineBuffer

from telemetry.spool.batch import EncodedBatch
from telemetry.spool.write_through import Left, WriteThrough

BOOT = "0123456789abcdef" * 2


def opened(memory: Path, *, boot_id: str = BOOT, spool: str = "spool") -> WriteThrough:
    return WriteThrough([memory], memory.parent / spool, boot_id=boot_id)


class Batch:
    """A batch that grows, point by point."""

    def __init__(self) -> None:
        self.lines = LineBuffer()

    def add(self, *stamps: int) -> "Batch":
        for stamp in stamps:
            self.lines.append(b"m v=%d %d" % (stamp, stamp), stamp)
        return self

    def keep(self, kept: WriteThrough, sequence: int, boot_id: str = "") -> None:
        count = self.lines.lines
        kept.keep(sequence, self.lines, {"points/made/m": count}, {"log": count}, boot_id)


def keep(kept: WriteThrough, sequence: int, *deliveries: tuple[int, ...]) -> bytes:
    """Keep a batch, delivery by delivery; its lines."""
    batch = Batch()
    for stamps in deliveries:
        batch.add(*stamps)
        batch.keep(kept, sequence)
    return bytes(memoryview(batch.lines))


def batch_of(left: Left) -> EncodedBatch:
    assert left.batch is not None
    return left.batch


def lines_of(left: Left) -> bytes:
    return gzip.decompress(batch_of(left).payload)
