from collections.abc import Iterable

from telemetry_core.rows.spec import RecordSpec

def escape_measurement(name: str) -> bytes:
    """Return `name` as line protocol writes a measurement."""

def escape_key(name: str) -> bytes:
    """Return `name` as line protocol writes a tag key, a tag value or a field key."""

def guarded(text: str) -> str:
    """Return `text` with an apostrophe in front if a spreadsheet may take it for a formula."""

def csv_text(text: str) -> bytes:
    """Return `text` as one value of a csv row: RFC 4180, 2.6 and 2.7."""

class Schema:
    """Packs RecordSpecs. A row's `record` is an index into them.

    `longest_text` is in bytes. The constructor raises ValueError for a spec that no row can have.
    """

    @property
    def record_count(self) -> int: ...
    @property
    def field_count(self) -> int: ...
    @property
    def longest_text(self) -> int: ...
    @property
    def specs(self) -> tuple[RecordSpec, ...]: ...
    def __init__(self, specs: Iterable[RecordSpec]) -> None: ...
