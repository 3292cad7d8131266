"""The durable queue of encoded batches, which knows nothing of samples (docs/spool.md has the format)."""

from telemetry.spool.batch import EncodedBatch, Entry, TimeBase
from telemetry.spool.deadletters import DeadLetters, Letter
from telemetry.spool.figures import Gauges, Recovery
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.spool import Spool

__all__ = [
    "DeadLetters",
    "EncodedBatch",
    "Entry",
    "FileSystem",
    "Gauges",
    "Letter",
    "Recovery",
    "Spool",
    "SpoolLimits",
    "TimeBase",
]
