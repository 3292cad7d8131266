"""`nev-telemetry spool …`: look at the durable queue, export, drain and verify it, requeue dead letters."""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from telemetry.cli.ending import stopped_by_signals
from telemetry.cli.options import add_option
from telemetry.cli.output import writing_to
from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.errors import EXIT_OK, DataError, UsageError
from telemetry.service.drain import DrainProgress, drain
from telemetry.spool.batch import lines_of
from telemetry.spool.deadletters import hand_over
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.limits import spool_directory
from telemetry.spool.view import SpoolView

EXAMPLES = (
    "list gateway.toml",
    "export gateway.toml",
    "drain gateway.toml",
    "requeue gateway.toml --all",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    action = _add_action(actions, "list", "what waits, and the dead letters")
    add_option(action, "--json", "as one JSON object")

    action = _add_action(actions, "export", "what waits, as line protocol, oldest first")
    add_option(action, "--dead", "the lines of the dead letters instead")
    add_option(action, "--output, -o FILE", "default: standard output", type=Path)

    _add_action(actions, "verify", "read every byte; exit code 65 if points are lost")

    action = actions.add_parser("drain", help="deliver what waits, without a service")
    action.add_argument("config", metavar="CONFIG", type=Path, help="the service's configuration")
    add_option(action, "--timeout S", "give up after so many seconds (default: never)", type=float)

    action = _add_action(actions, "requeue", "send dead letters again, by the service or the next drain")
    action.add_argument("names", metavar="LETTER", nargs="*", help="as `list` names them")
    add_option(action, "--all", "all dead letters")
    add_option(action, "--reason REASON", "all dead letters with this reason")
    add_option(
        action,
        "--boot-time T",
        "when the boot began that the stamps of letters with the reason no_time count from, ISO 8601 "
        "(`journalctl --list-boots` knows)",
        type=_instant_ns,
    )


def _add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=summary, description=summary)
    action.add_argument(
        "spool", metavar="SPOOL", type=Path, help="the spool's folder, or the service's configuration"
    )
    return action


def run(arguments: argparse.Namespace) -> int:
    match arguments.action:
        case "list":
            return _list(spool_directory(arguments.spool), as_json=arguments.json)
        case "export":
            return _export(spool_directory(arguments.spool), dead=arguments.dead, output=arguments.output)
        case "verify":
            return _verify(spool_directory(arguments.spool))
        case "requeue":
            return _requeue(spool_directory(arguments.spool), arguments)
        case _:
            return _drain(arguments)


def _view(directory: Path) -> SpoolView:
    return SpoolView(FileSystem(), directory, Clock())


def _list(directory: Path, *, as_json: bool) -> int:
    view = _view(directory)
    segments, letters = list(view.segments()), list(view.letters())
    if as_json:
        content = {
            "waiting_points": view.waiting_points,
            "last_sequence": view.last_sequence,
            "state_bytes": {name: len(content) for name, content in view.state.items()},
            "segments": [asdict(segment) for segment in segments],
            "dead_letters": [asdict(letter) for letter in letters],
        }
        print(json.dumps(content, indent=2))
        return EXIT_OK
    size_mb = sum(segment.size_bytes for segment in segments) / 1e6
    print(f"{view.waiting_points:,} points wait, {size_mb:.1f} MB; last batch {view.last_sequence}")
    if view.state:
        sizes = ", ".join(f"{name} ({len(content):,} bytes)" for name, content in view.state.items())
        print(f"open, or held, when the last batch was stored: {sizes}")
    if segments:
        print(f"\n{'segment':<27}{'bytes':>12}{'waiting':>14}{'written':>16}")
    for segment in segments:
        age = _age(segment.age_s)
        print(f"{segment.name:<27}{segment.size_bytes:>12,}{segment.waiting_points:>14,}{age:>16}")
    if letters:
        print(f"\n{'dead letter':<28}{'points':>9}  {'stored':<20} {'reason':<18} what the server said")
    for named in letters:
        letter = named.letter
        stored = datetime.fromtimestamp(letter.stored_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        reason = "handed over" if named.handed_over else letter.reason
        print(f"{named.name:<28}{letter.points:>9,}  {stored} {reason:<18} {' '.join(letter.words.split())}")
    return EXIT_OK


def _age(age_s: float) -> str:
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if age_s >= 2 * length_s:
            return f"{age_s / length_s:.0f} {unit} ago"
    return f"{age_s:.0f} s ago"


def _export(directory: Path, *, dead: bool, output: Path | None) -> int:
    view = _view(directory)
    left_out = 0
    with writing_to(output, ()) as stream:
        if dead:
            for named in view.letters():
                if named.letter.boot_id:
                    left_out += named.letter.points
                else:
                    stream.write(view.letter_lines(named))
        else:
            for batch in view.waiting():
                if batch.boot_id:
                    left_out += batch.points
                else:
                    stream.write(lines_of(batch))
        stream.flush()
    if left_out:
        print(f"left out: {left_out} points whose stamps count from a boot", file=sys.stderr)
    return EXIT_OK


def _verify(directory: Path) -> int:
    view = _view(directory)
    lost = 0
    for finding in view.verify():
        lost += finding.points if finding.costs else 0
        points = f" ({finding.points} points)" if finding.points else ""
        print(f"{finding.name}: {finding.what}{points}{'' if finding.costs else ', nothing is lost by it'}")
    print(f"{view.waiting_points} points wait, {lost} are lost by damage")
    return DataError.exit_code if lost else EXIT_OK


def _requeue(directory: Path, arguments: argparse.Namespace) -> int:
    letters = {named.name: named.letter for named in _view(directory).letters() if not named.handed_over}
    names = list(arguments.names)
    if arguments.reason and arguments.reason not in (known := {letter.reason for letter in letters.values()}):
        hint = f"there are {', '.join(sorted(known))}" if known else "the spool has no dead letter"
        raise UsageError(f"no dead letter has the reason {arguments.reason!r}", where="--reason", hint=hint)
    if arguments.all or arguments.reason:
        names += [name for name, letter in letters.items() if arguments.reason in (None, letter.reason)]
    if not names and not arguments.all and not arguments.reason:
        raise UsageError("nothing to requeue", hint="name letters, or give --all or --reason")
    points = 0
    for name in dict.fromkeys(names):
        if name not in letters:
            raise UsageError("there is no such dead letter", where=name, hint="`spool list` has them")
        points += hand_over(FileSystem(), directory, name, boot_time_ns=arguments.boot_time)
    print(f"{points} points are handed over; the service takes them within seconds, or the next drain")
    return EXIT_OK


def _drain(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    show = _show_progress if sys.stderr.isatty() else lambda _: None
    with stopped_by_signals() as stop:
        end = drain(config, Clock(), stop, timeout_s=arguments.timeout, on_progress=show)
    print(f"{end.acknowledged_points} points delivered, {end.dead_points} made dead letters")
    return EXIT_OK


def _show_progress(progress: DrainProgress) -> None:
    print(
        f"\r\x1b[K{progress.waiting_points:,} points wait  {progress.trouble}",
        end="" if progress.waiting_points else "\n",
        file=sys.stderr,
        flush=True,
    )


def _instant_ns(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 2026-11-24T08:00:00Z") from None
    if instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone; for UTC append a Z")
    return round(instant.timestamp() * 1_000_000) * 1000
