"""`decode --format dataset`: its options, and what it says."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.cli.arguments import flag
from telemetry.cli.options import add_option
from telemetry.decode.screen import Screen
from telemetry.errors import UsageError
from telemetry.model.ids import IsoTpId

if TYPE_CHECKING:  # with pyarrow
    from telemetry.lake.task import Outcome
    from telemetry.tables.databases import Databases

_WITHOUT = ("wide", "raw_text", "log_column", "from_time", "to_time", "unknown")


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    dataset = parser.add_argument_group(
        "into a dataset (--format dataset)",
        "Writes Parquet files of each vehicle's day into --output, a folder or an address (s3://, gs://, "
        "abfs://). What is there already is skipped; what has changed is made again.",
    )
    add_option(
        dataset,
        "--recordings FILE",
        "a csv file with the header path,vehicle,start: recordings and their vehicles",
        type=Path,
    )


def check_dataset(arguments: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go with a dataset."""
    if arguments.output is None:
        raise UsageError("is a dataset", where="--format dataset", hint="name its folder: --output DIR")
    for key in _WITHOUT:
        if getattr(arguments, key):
            raise UsageError("stands beside --format dataset", where=flag(key), hint="leave it out")


def write_dataset(
    arguments: argparse.Namespace, databases: "Databases | None", isotp: Sequence[IsoTpId], screen: Screen
) -> None:
    """Write it. Raises DataError at the end where a part failed."""
    from telemetry import lake

    written = lake.write(
        *arguments.logs,
        to=arguments.output,
        databases=databases,
        config=arguments.config,
        source=arguments.source or "",
        protocol=arguments.protocol,
        registers=arguments.registers,
        messages=arguments.messages,
        value_texts=arguments.value_texts,
        signals=arguments.signal,
        protect=arguments.protect,
        isotp=isotp,
        vehicle=arguments.vehicle or "",
        recordings=arguments.recordings,
        report=lambda outcome: _say(outcome, screen),
        warn=lambda lines: screen.warn([*lines]),
    )
    screen.warn([*written.unread, *written.errors])
    read = written.accounts.get("bus/logs/read", 0)
    screen.say(f"{read:,} frames in {len(written.outcomes)} partitions")
    written.raise_failed()


def _say(outcome: "Outcome", screen: Screen) -> None:
    if outcome.reason:
        screen.say(f"{outcome.vehicle} {outcome.day}: {outcome.reason}: {outcome.rows:,} rows")
    screen.warn(outcome.problems)
