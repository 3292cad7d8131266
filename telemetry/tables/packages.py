"""Packages that an answer is made with, where the caller asks for their own types."""

import importlib
from types import ModuleType
from typing import Any

from telemetry.errors import MissingPackageError


def require(name: str, what: str, hint: str = "") -> Any:
    """Import the package `name`. Raises MissingPackageError that says what needs it, and how to get it."""
    try:
        module: ModuleType = importlib.import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f"{what} needs the package {name.partition('.')[0]}", hint=hint or f"pip install {name}"
        ) from error
    return module
