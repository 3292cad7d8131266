"""Packages that an answer is made with, where the caller asks for their own types."""

import importlib
from types import ModuleType
from typing import Any

from telemetry.errors import MissingPackageError

_COMES_BY = {"pyarrow": "'nev-telemetry[parquet]'"}


def require(name: str, what: str) -> Any:
    """Import the package `name`. Raises MissingPackageError that says what needs it, and how to get it."""
    try:
        module: ModuleType = importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        hint = f"pip install {_COMES_BY.get(package, package)}"
        raise MissingPackageError(f"{what} needs the package {package}", hint=hint) from error
    return module
