"""Tables of docs/, for tests that hold them to the code."""


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first heading that is."""
    lines = page.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table
