"""One finding of `check`: a line about a configuration, and how much it matters."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from telemetry.errors import UnavailableError, one_line


class Grade(Enum):
    """How much a finding matters."""

    FACT = ""
    WARNING = "warning: "
    FAULT = "fault: "  # the service would start, but would not do its work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check`.

    rate: the figures of a line about one, for programs; block: lines below it, as they are, to be copied;
    exit_code: of a fault.
    """

    level: Grade
    text: str
    rate: Mapping[str, Any] | None = None
    block: str = ""
    exit_code: int = UnavailableError.exit_code

    def __str__(self) -> str:
        return self.level.value + one_line(self.text) + (f"\n\n{self.block}\n" if self.block else "")
