"""`nev-telemetry exchanges LOG…`: what testers asked of control units, and what these answered."""

import argparse
import csv
import json
import sys
from collections.abc import Iterator

from telemetry_core.rows.schema import guarded

from telemetry.cli.arguments import (
    add_logs_argument,
    add_raw_text_argument,
    check_raw_text,
    read_as,
    require_logs,
)
from telemetry.cli.options import add_option
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.logs.content import named
from telemetry.logs.files import recording_files
from telemetry.logs.unread import Unread
from telemetry.look.exchanges import Exchange, Exchanges
from telemetry.look.pairs import Pair, known_pairs, one_each
from telemetry.scan.traffic import batches_of_logs
from telemetry.vehicles.known import named as profile_named

EXAMPLES = ("drive.log", "drive.log --pair 7E4:7EC", "drive.log --vehicle-profile bmw-i3 --format json")
COLUMNS = (
    *("time_ns", "channel", "request_id", "response_id", "request", "answer", "outcome", "pending"),
    "latency_ms",
)
Row = dict[str, str | int | float | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_logs_argument(parser)
    add_option(
        parser,
        "--pair REQUEST:ANSWER …",
        "the ids of a unit, in hexadecimal, with an address as in 6F1/07:607/F1 (default: those that makers "
        "of vehicles use); repeatable",
        type=read_as(Pair.read),
    )
    add_option(
        parser,
        "--vehicle-profile NAME",
        "the ids of a profile's units, by its name or file, beside those of --pair",
    )
    add_option(parser, "--format", "default csv", choices=("csv", "json"), default="csv")
    add_raw_text_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a row a request, in the order of the log, and one an answer that nobody has asked for."""
    check_raw_text(arguments)
    try:
        given = one_each([*arguments.pair, *_of_profile(arguments.vehicle_profile)])
    except ValueError as error:
        raise UsageError(str(error), where="--pair", hint="leave one of them out") from error
    logs = recording_files(arguments.logs, lambda lines: [*map(_say, lines)])
    require_logs(logs)
    unread = Unread(logs)
    write = _as_json if arguments.format == "json" else _as_csv
    cell = str if arguments.raw_text or arguments.format == "json" else guarded
    names, exchanges = dict[str, int](), Exchanges(given or known_pairs(), is_guess=not given)

    def rows() -> Iterator[Row]:
        for frames in batches_of_logs(unread, names, _say):
            exchanges.take(frames)
            yield from (_row(one, cell([*names][one.channel])) for one in exchanges.rows())
        yield from (_row(one, cell([*names][one.channel])) for one in exchanges.rows(is_end=True))

    if not write(rows()):
        heard = f"holds no message of {', '.join(map(str, given)) or 'any pair that makers use'}"
        hint = "--pair REQUEST:ANSWER names others; look shows which ids are requests and answers"
        raise DataError(heard, where=named(logs), hint=hint)
    if lost := exchanges.lost_frames():
        _say(f"frames that are no part of a whole message were left out: {lost:,}")
    unread.raise_any()
    return EXIT_OK


def _of_profile(name: str | None) -> Iterator[Pair]:
    """Yield the pairs of a profile; None: of none. Raises ConfigError, UsageError where it has none."""
    if name is None:
        return
    units = profile_named(name, "--vehicle-profile").units.values()
    if not units:
        hint = "leave it out: pairs that makers use are looked for"
        raise UsageError(f"{name} has no unit to ask", where="--vehicle-profile", hint=hint)
    for unit in units:
        yield from (Pair(at.request, at.answer) for at in unit.at)


def _row(one: Exchange, channel: str) -> Row:
    ends = ["" if end is None else str(end) for end in (one.request_end, one.answer_end)]
    payloads = [data.hex().upper() for data in (one.request, one.answer)]
    latency_ms = None if one.latency_ns is None else round(one.latency_ns / 1e6, 6)
    values = (one.time_ns, channel, *ends, *payloads, one.outcome, one.pending, latency_ms)
    return dict(zip(COLUMNS, values, strict=True))


def _as_csv(rows: Iterator[Row]) -> bool:
    """Write rows as they come; return whether there was one."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    is_any = False
    for row in rows:
        if not is_any:
            writer.writeheader()
        writer.writerow(row)
        is_any = True
    return is_any


def _as_json(rows: Iterator[Row]) -> bool:
    """Write rows as one array, a line each; return whether there was one."""
    before = "["
    for row in rows:
        sys.stdout.write(f"{before}\n  {json.dumps(row, ensure_ascii=False)}")
        before = ","
    if before == ",":
        sys.stdout.write("\n]\n")
    return before == ","


def _say(words: str) -> None:
    print(f"warning: {words}", file=sys.stderr, flush=True)
