from collections.abc import Iterable, Sequence

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.spec import TableSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class Columns:
    """Takes rows of one Schema into the tables that `tables`, TableSpecs, lay out.

    `first_rows` and `most_rows` are those of a table's first chunk and of any. `left_out` counts the values
    that were not finite. The constructor raises ValueError for a table that does not fit the schema.
    """

    @property
    def schema(self) -> Schema: ...
    @property
    def tables(self) -> tuple[TableSpec, ...]: ...
    @property
    def left_out(self) -> int: ...
    def __init__(
        self,
        schema: Schema,
        tables: Iterable[TableSpec],
        first_rows: int = 1024,
        most_rows: int = 65536,
    ) -> None: ...
    def set_word(self, head: str, index: int, text: str | None) -> None:
        """Say what the columns of a head hold for rows of channel or tag set `index`; None: nothing.

        A head that no table has is ignored.
        """
    def append(self, samples: SampleBatch) -> None:
        """Add the rows. Raises ValueError for rows of another schema."""
    def append_row(self, table: int, values: Sequence[int | float | bool | str | None]) -> None:
        """Add one row from Python: a value for each column, None where it is absent.

        For what comes rarely. A value that a column cannot hold raises TypeError or OverflowError, and adds
        no row.
        """
    def rows(self, table: int) -> int:
        """Return how many rows `take` would give of a table."""
    def tables_of(self, rows: int) -> list[int]:
        """Return the indexes of the tables that have at least so many rows."""
    def take(self, table: int) -> Batches:
        """Return the rows of a table as Batches. They are not here any more."""
