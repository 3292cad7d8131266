"""From the raw slot of a field to the value that people read, as the encoder would write it."""

import math
from collections.abc import Callable
from typing import Any

from telemetry_core.rows.spec import FieldSpec, SlotKind

Value = float | int | bool | str
Reader = Callable[[Any], Value | None]  # None: there is nothing to show


def reader(spec: FieldSpec) -> Reader:
    """Return how a slot of this field is read."""
    if spec.kind is SlotKind.BOOL:
        return bool
    if spec.kind is SlotKind.ASCII:
        return str
    if spec.kind is SlotKind.TEXT:
        texts = dict(spec.texts)
        return lambda raw: texts.get(int(raw), str(raw))
    if spec.kind is SlotKind.WORD:
        words = dict(spec.texts)
        return lambda raw: words.get(int(raw))
    scale = spec.scale
    if scale is not None and spec.kind is not SlotKind.FLOAT:
        divisor = 10**scale.decimals
        if divisor == 1:
            return lambda raw: int(raw) * scale.multiplier + scale.bias
        return lambda raw: (int(raw) * scale.multiplier + scale.bias) / divisor
    if (spec.factor, spec.offset) == (1.0, 0.0):
        return _finite
    return lambda raw: _finite(raw * spec.factor + spec.offset)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
