"""Warnings of the commands as warnings of Python."""

import sys
import warnings
from collections.abc import Iterable


def warn(lines: Iterable[str]) -> None:
    """Warn with each line, at the caller's own line outside this package."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("telemetry."):
        frame = frame.f_back
        level += 1
    for line in lines:
        warnings.warn(line, stacklevel=level)
