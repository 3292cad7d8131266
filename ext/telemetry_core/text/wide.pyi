from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

class WideRows:
    """Writes rows of the schema of `encoder`, whose times, channels and counts are theirs.

    `columns` has the names of the signals' columns, as csv writes them. `columns_before` and `columns_after`
    are empty columns, for what another WideRows writes into the same lines.
    """

    columns_before: int
    columns_after: int
    @property
    def columns(self) -> list[bytes]: ...
    def __init__(self, encoder: Encoder) -> None: ...
    def header(self) -> bytes:
        """Return the first line of csv, without its newline."""
    def encode(self, samples: SampleBatch, lines: LineBuffer) -> None:
        """Append one csv row a row: a column for each signal, empty where the row has no value.

        A column is `message.signal`; values and times are as in Encoder.encode_csv. A row without any value
        gives no line. Raises ValueError for rows of another schema.
        """
