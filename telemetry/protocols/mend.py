"""DBC text that cantools refuses, mended in memory before it sees it."""

import re
from dataclasses import dataclass, field

from cantools.database.can import Message

_MESSAGE = re.compile(r"^\s*BO_\s+(\d+)\s+(\w+)\s*:")


@dataclass(frozen=True, slots=True)
class Mended:
    """A text, and what was done to it."""

    text: str
    warnings: tuple[tuple[int, str], ...] = ()  # line, what
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, message: Message) -> int:
        return self.lines.get(message.name, 1)


def mend(text: str) -> Mended:
    return Mended(text)
