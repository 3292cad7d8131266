from typing import Final

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.text.lines import LineBuffer
from telemetry_core.text.series_stamps import SeriesStamps

CSV_HEADER: Final[str]
OWNER_COLUMNS: Final[tuple[str, ...]]  # what set_owner takes

class Encoder:
    """Writes rows of one Schema.

    `shift_ns` is added to each stamp of line protocol. `left_out` counts the values that were not finite.
    `modelled_series` holds the newest stamps written of the data model. `origin_ns` is where relative times
    begin. With `is_guarded` texts of csv that a spreadsheet may take for formulas follow an apostrophe.
    """

    shift_ns: int
    origin_ns: int
    @property
    def schema(self) -> Schema: ...
    @property
    def left_out(self) -> int: ...
    @property
    def modelled_series(self) -> SeriesStamps: ...
    def __init__(self, schema: Schema, *, is_guarded: bool = False) -> None: ...
    def empty_by_measurement(self) -> dict[str, int]:
        """Return how many rows gave no line, since they had no value to write: by measurement, without zeros.

        Hidden rows do not count.
        """
    def set_tags(self, index: int, text: bytes) -> None:
        """Set the text of tag set `index`: escaped `,key=value,…`, sorted by key; empty for no tags.

        Raises ValueError for a text that does not begin with a comma, or holds a newline.
        """
    def set_channel(self, index: int, name: str, address: bytes = b"") -> None:
        """Set the name of channel `index` in csv and ndjson.

        `address` is that of its device, up to 16 letters, and the id of all its rows; empty: the id is the
        frame's. Raises ValueError for a longer one.
        """
    def set_owner(
        self, index: int, pack: str, charger: str, source: str, *, is_of_channel: bool = True
    ) -> None:
        """Let rows of tag set `index` say whose they are: in csv in three columns, in ndjson by these keys.

        Without `is_of_channel` they have an empty channel.
        """
    def csv_cell(self, text: str) -> bytes:
        """Return `text` as one value of its csv."""
    def write_times(self, form: str) -> None:
        """Set how csv and ndjson write a stamp: "ns", "iso" or "relative".

        "ns" is an integer since 1970, and the form before any is set. "iso" is ISO 8601 in UTC with nine
        decimals. "relative" is seconds since `origin_ns`, exact. Raises KeyError for another form.
        """
    def csv_header(self) -> bytes:
        """Return the first line of csv, without its newline."""
    @property
    def time_column(self) -> str:
        """Return the name of the column of stamps."""
    def encode(self, samples: SampleBatch, lines: LineBuffer) -> None:
        """Append the rows to `lines` as line protocol, in their order.

        Afterwards `lines.overlaps` says whether earlier contents may hold the same points of the data model.
        Raises ValueError for rows of another schema.
        """
    def encode_csv(self, samples: SampleBatch, lines: LineBuffer) -> None:
        """Append one csv row a field, in the columns of CSV_HEADER, with the frame's own stamp.

        Flags are 0 and 1. Rows of the data model have no id but the address of their device:
        several messages may have gone into one. Raises ValueError for rows of another schema.
        """
    def encode_ndjson(self, samples: SampleBatch, lines: LineBuffer) -> None:
        """Append one JSON object a row: the frame's own time, channel, id, message, signals by name.

        Raises ValueError for rows of another schema.
        """
