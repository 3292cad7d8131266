from typing import Any

from typing_extensions import Buffer

from telemetry_core.columns.spec import ColumnKind, TableSpec

def bits_of(kind: ColumnKind) -> int:
    """Return how many bits of a chunk a value of a kind takes."""

def new_batches(spec: TableSpec, words: list[Words | None]) -> Batches:
    """Return no rows of the table `spec`, whose columns have these Words, or None."""

class Words:
    """The texts of a column, by code."""

class Batches:
    """Some rows of one table; `len()` is their number. `spec` is the TableSpec."""

    @property
    def spec(self) -> TableSpec: ...
    def __len__(self) -> int: ...
    def schema(self) -> Any:
        """Return the capsule `arrow_schema` of a struct with a child a column."""
    def stream(self) -> Any:
        """Return a capsule `arrow_array_stream` of all rows. They are not copied."""
    def texts(self, column: int) -> tuple[str, ...]:
        """Return the words of a column of words; a code is an index of them."""
    def absent(self, column: int) -> int:
        """Return how many rows have no value in a column."""
    def copy(self, column: int, values: Buffer, absent: Buffer | None = None) -> None:
        """Write the values of a column side by side, as bytes: flags one a byte, others as the kind has them.

        An absent float is NaN, any other absent value 0. `absent` gets a 1 for each absent value, and 0
        otherwise. Raises ValueError for room that does not fit.
        """
