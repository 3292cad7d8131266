"""What the arguments of several commands are read as."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from telemetry.databases.files import database_files
from telemetry.decode.channels import Database

Value = TypeVar("Value")


def read_as(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Return `read` as a type of argparse, which shows what its ValueError says."""

    def typed(text: str) -> Value:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return typed


def databases(text: str) -> list[Database]:
    """Read `[CHANNEL=]FILE`, or a folder or a glob in place of FILE. Raises ConfigError where it has none."""
    channel, equals, file = text.partition("=")
    if not text or (equals and not (channel and file)):
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE or CHANNEL=FILE")
    if equals and "/" not in channel and not Path(text).exists():
        return [Database(path, channel) for path in database_files(Path(file))]
    return [Database(path) for path in database_files(Path(text))]
