"""Which databases describe which bus, and the result of loading them. Plain values, no parser."""

from dataclasses import dataclass, field
from pathlib import Path

from telemetry_core.decode.spec import PlanSpec


@dataclass(frozen=True, slots=True)
class BusDatabases:
    """The databases of one bus, and how to read them."""

    name: str
    databases: tuple[Path, ...]
    first_wins: bool = False  # of an id in two databases the first message counts; otherwise it is an error
    j1939: bool = False  # extended ids are matched by PGN even where a message does not declare J1939
    keep_not_available: bool = False  # J1939 "error" and "not available" are values like any other
    value_texts: bool = False  # a signal with a value table has a second field, which holds the word
    standard_mask: int = 0x7FF  # the bits in which ids are compared
    extended_mask: int = 0x1FFFFFFF


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan and the warnings of its making: one text line each, with file and line.

    sha256: of what the databases hold, with their options; the same wherever they lie.
    """

    spec: PlanSpec
    warnings: tuple[str, ...]
    sha256: str = field(default="", compare=False)
