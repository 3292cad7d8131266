from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class Points:
    """Collects rows of one Schema."""

    @property
    def schema(self) -> Schema: ...
    def __init__(self, schema: Schema) -> None: ...
    def observe(self, samples: SampleBatch) -> None:
        """Add the values of `samples`. Raises ValueError for rows of another schema."""
    def of(self, record: int, field: int) -> tuple[bytes, bytes, bytes]:
        """Return a field's times in ns, its values and their origins, 64 bits each in native order.

        Times are int64 since 1970, values doubles, origins `channel << 32 | id`, with bit 31 set for 29 bits.
        Raises IndexError for a field that the schema does not have.
        """
