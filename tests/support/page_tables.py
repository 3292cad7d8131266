"""Tables of docs/, for tests that hold them to the code."""

from collections.abc import Iterator


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first heading that is."""
    return next(table for first, table in _tables(page) if first == heading)


def names(page: str, *headings: str) -> list[str]:
    """Return what stands as code in the first column of all tables whose first heading is one of these."""
    tables = [table for first, table in _tables(page) if first in headings]
    return [name for table in tables for cells in table for name in cells[0].split("`")[1::2]]


def _tables(page: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield the first heading and the rows of each table."""
    table: list[list[str]] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            yield table[0][0], table[2:]
            table = []
