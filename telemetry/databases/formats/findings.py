"""What is wrong with databases: one text line for each kind of fault in each file, not for each fault."""

from dataclasses import dataclass

from telemetry.errors import printable

LONGEST_SUBJECT = 200  # characters


@dataclass(slots=True)
class _Kind:
    first_line: int | None
    first_subject: str
    count: int


class Findings:
    """Collects faults; each has a file, a line where one is known, a kind and a subject."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def add(self, file: str, line: int | None, kind: str, subject: str) -> None:
        """Add a fault. `kind` says what is wrong and what became of it, `subject` its statement or name."""
        found = self._kinds.setdefault((file, kind), _Kind(line, subject, 0))
        found.count += 1

    def lines(self) -> tuple[str, ...]:
        """Return each as `file:line: kind: subject (and n more)`."""
        return tuple(_line(file, kind, found) for (file, kind), found in self._kinds.items())


def _line(file: str, kind: str, found: _Kind) -> str:
    where = file if found.first_line is None else f"{file}:{found.first_line}"
    more = f" (and {found.count - 1} more)" if found.count > 1 else ""
    return f"{where}: {kind}: {shortened(found.first_subject)}{more}"


def shortened(text: str, most: int = LONGEST_SUBJECT) -> str:
    """Return `text` on one line, without control characters; `...` after `most` of them."""
    return " ".join(printable(text[:most], " ").split()) + ("..." if len(text) > most else "")
