"""`decode --format dataset`: its options, and what it says."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.cli.arguments import flag
from telemetry.cli.options import add_option
from telemetry.clock import Clock
from telemetry.decode.output import Progress
from telemetry.decode.screen import Screen
from telemetry.errors import UsageError
from telemetry.live.words import counted
from telemetry.logs.content import STDIN
from telemetry.model.ids import IsoTpId

if TYPE_CHECKING:  # with pyarrow
    from telemetry.lake.task import Outcome
    from telemetry.tables.databases import Databases

_WITHOUT = ("wide", "raw_text", "log_column", "from_time", "to_time", "unknown")
_AS_THEY_ARE = (
    *("config", "protocol", "vehicle_profile", "registers", "messages", "value_texts", "protect"),
    *("recordings", "address", "jobs"),
)
_SAID_EVERY_S = 60.0


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    dataset = parser.add_argument_group(
        "into a dataset (--format dataset)",
        "Writes Parquet files of each vehicle's day into --output, a folder or an address (s3://, gs://, "
        "abfs://). What is there already is skipped; what has changed is made again.",
    )
    add_option(
        dataset,
        "--recordings FILE",
        "a csv file with the header path,vehicle,start: recordings, vehicles, and when those began whose "
        "stamps are no dates",
        type=Path,
    )
    add_option(
        dataset,
        "--engine NAME",
        "who does the work: local, processes of this machine, as many as --jobs says (default); dask or ray, "
        "a cluster that runs already and sees the same files",
        default="",
    )
    add_option(
        dataset,
        "--address ADDRESS",
        "of that cluster: tcp://HOST:8786 of Dask, auto or HOST:PORT of Ray",
        default="",
    )


def check_dataset(arguments: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go with a dataset."""
    if arguments.output is None:
        what, hint = "needs a place for its files", "name a folder or an address: --output DIR"
        raise UsageError(what, where="--format dataset", hint=hint)
    if STDIN in arguments.logs:
        raise UsageError(
            "is no recording of a dataset, which is made of files", where="-", hint="name a file"
        )
    for key in _WITHOUT:
        if getattr(arguments, key):
            raise UsageError("stands beside --format dataset", where=flag(key), hint="leave it out")


def write_dataset(
    arguments: argparse.Namespace, databases: "Databases | None", isotp: Sequence[IsoTpId], screen: Screen
) -> None:
    """Write it. Raises DataError at the end where a part failed."""
    from telemetry import lake

    reporter = Reporter(screen, Clock())
    written = lake.write(
        *arguments.logs,
        to=arguments.output,
        databases=databases,
        source=arguments.source or "",
        signals=arguments.signal,
        isotp=isotp,
        vehicle=arguments.vehicle or "",
        engine=arguments.engine or "local",
        **{name: getattr(arguments, name) for name in _AS_THEY_ARE},
        report=reporter.ended,
        meanwhile=reporter.show,
        warn=lambda lines: screen.warn([*lines]),
    )
    screen.clear()
    screen.warn([*written.unread, *written.errors])
    skipped = sum(not each.reason for each in written.outcomes)
    screen.say(
        f"{_balance(written.accounts)}; {counted(len(written.outcomes), 'partition')}, {skipped:,} skipped"
    )
    written.raise_failed()


def _balance(accounts: Mapping[str, int]) -> str:
    """Return what was read and what became of it."""
    read, ends = 0, dict.fromkeys(("decoded", "absorbed", "unknown", "lost"), 0)
    for name, count in accounts.items():
        account, _, what, *_ = name.split("/")
        if account == "frames":
            ends[what] = ends.get(what, 0) + count
        elif (account, what) == ("bus", "read"):
            read += count
    sum_of = " + ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in ends.items())
    return f"{read:,} frames read {'=' if read == sum(ends.values()) else 'are not'} {sum_of}"


class Reporter:
    """Says how far it is: on a terminal as a line that moves, otherwise each minute."""

    def __init__(self, screen: Screen, clock: Clock) -> None:
        self._screen, self._clock = screen, clock
        self._progress: Progress | None = None
        self._began_s = self._said_s = clock.monotonic_s()

    def ended(self, outcome: "Outcome", progress: Progress) -> None:
        """Say what has become of a partition."""
        self._progress = progress
        if outcome.reason and not outcome.error:
            self._screen.say(f"{outcome.vehicle} {outcome.day}: {outcome.reason}: {outcome.rows:,} rows")
        self._screen.warn(outcome.problems)
        self.show()

    def show(self) -> None:
        """Show it, if it is time."""
        progress, now_s = self._progress, self._clock.monotonic_s()
        if progress is None:
            return
        self._screen.show(progress)
        if not self._screen.is_terminal and now_s - self._said_s >= _SAID_EVERY_S:
            self._said_s = now_s
            rate = progress.count / (now_s - self._began_s)
            done = f"{progress.number:,} of {counted(progress.files, 'partition')}"
            self._screen.say(f"{done}, {progress.count:,} {progress.unit}, {rate:,.0f} {progress.unit}/s")
