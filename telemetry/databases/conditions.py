"""The decodable part of a message, while it is made."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from telemetry_core.decode.spec import Condition, FieldSpec, SignalSpec

Tell = Callable[[str, str], None]  # kind of fault, signal


@dataclass(frozen=True, slots=True)
class MessageLayout:
    """Fields and signals have the same indexes."""

    fields: tuple[FieldSpec, ...]
    signals: tuple[SignalSpec, ...]
    conditions: tuple[Condition, ...]


def exclude(one: int, other: int, conditions: tuple[Condition, ...]) -> bool:
    """Whether no frame meets both conditions, -1 being none."""
    if one < 0 or other < 0 or conditions[one].selector != conditions[other].selector:
        return False
    ranges = [*conditions[one].ranges, *conditions[other].ranges]
    return all(high < low for (_, high), (low, _) in itertools.pairwise(sorted(ranges)))
