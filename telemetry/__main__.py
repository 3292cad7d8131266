"""The command `nev-telemetry`: finds the command's module, runs it, turns errors into one line and a code."""

import argparse
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Protocol, cast

from telemetry import __version__
from telemetry.errors import TelemetryError

COMMANDS = {
    "run": "the gateway service",
    "check": "validate a configuration without starting anything",
    "status": "the accounts of a running service",
    "decode": "logs to csv, line protocol or ndjson",
    "spool": "look at, export, drain the durable queue; requeue dead letters",
    "sim": "a simulated ECU on a bus, a socket or into a log",
    "demo": "a simulated vehicle through the real pipeline into InfluxDB, and read back",
}
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE
EXIT_INTERRUPTED = 128 + signal.SIGINT


class Command(Protocol):
    """What each module in `telemetry.cli` offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


def load_command(name: str) -> Command:
    """The command's module."""
    return cast(Command, importlib.import_module(f"telemetry.cli.{name}"))


class _Parser(argparse.ArgumentParser):
    """One line and exit code 64 (EX_USAGE) where argparse prints a page and exits with 2."""

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse declares NoReturn; exit() is
        self.exit(64, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser(command: str | None) -> argparse.ArgumentParser:
    parser = _Parser(prog="nev-telemetry", description="Battery and charging telemetry into InfluxDB.")
    parser.add_argument("--version", action="version", version=f"nev-telemetry {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.add_argument("-v", "--verbose", action="store_true", help="log more; tracebacks of errors")
        if name == command:
            load_command(name).add_arguments(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments_given = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in arguments_given if not word.startswith("-")), None)
    try:
        arguments = _parser(command).parse_args(arguments_given)
        code = load_command(arguments.command).run(arguments)
        sys.stdout.flush()
    except TelemetryError as error:
        if not {"-v", "--verbose"}.isdisjoint(arguments_given):
            traceback.print_exc()
        sys.stderr.write(f"nev-telemetry: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        # The reader went away; what is still buffered must not raise again at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
