from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch

class Decoder:
    """Decodes frames of any number of channels by one Plan. It keeps only counts.

    With `portable` it uses no instructions that only some processors have. The rows are the same.
    `made_prefix` goes before each name in `made`.
    """

    @property
    def plan(self) -> Plan: ...
    @property
    def is_portable(self) -> bool: ...
    def __init__(self, plan: Plan, *, portable: bool = False, made_prefix: str = "") -> None: ...
    def bind(self, channel: int, bus: int, tags: int, sender_tags: int | None = None) -> None:
        """Set a channel's bus, by its index in the plan (-1: no database), and its tag set, by index.

        `sender_tags` is the index of the first of 256 tag sets, by source address, for messages matched by
        PGN and for those with a `sender_mask`. Raises IndexError for a bus that the plan does not have.
        """
    def decode(self, frames: FrameBatch, samples: SampleBatch) -> None:
        """Append a row to `samples` for each frame that a database knows and that has a valid signal.

        Raises ValueError when `samples` has another schema than the plan.
        """
    def counts(self, channel: int) -> dict[str, int]:
        """Return what became of the channel's frames, each in exactly one count."""
    def payloads(self, channel: int) -> dict[str, int]:
        """Return the number of reassembled payloads with and without a message in the plan."""
    def omitted(self) -> dict[str, int]:
        """Return the number of signals left out of decoded frames, by reason."""
    def made(self) -> dict[str, int]:
        """Return the number of rows by measurement, without zeros and without hidden records."""
