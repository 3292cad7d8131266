"""The command `nev-telemetry`: finds the command's module, runs it, turns errors into one line and a code."""

import argparse
import errno
import importlib
import logging
import math
import os
import signal
import sys
import traceback
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from telemetry import __version__
from telemetry.errors import InputMissingError, MissingPackageError, StorageError, TelemetryError, one_line
from telemetry.plugins import GROUPS, Choices, listed
from telemetry.service.stderr_queue import queued_stderr
from telemetry.settings.likeness import closest
from telemetry.stopping import hangups_wait

COMMANDS = {
    "demo": "a simulated vehicle through the real pipeline into InfluxDB, and read back",
    "signals": "the signals of a database or a protocol, and what a log holds of each",
    "look": "what a log holds without a database: ids, counters, checksums, what may be a voltage",
    "exchanges": "what a log's testers asked of control units (UDS, KWP 2000, OBD-II), and the answers",
    "plot": "values of a log's signals over time as a picture, PNG or SVG",
    "decode": "logs and captures to csv, line protocol, ndjson or Parquet, or into InfluxDB",
    "lake": "a day of an InfluxDB into a dataset of Parquet files, such as `decode --format dataset` makes",
    "sessions": "charging sessions: from where to where, how much, how long, who ended them and why",
    "session": "one charging session: all about it as text, a page of HTML, or a picture",
    "health": "battery health: capacity and resistance of packs with an interval, and the cells to look at",
    "scan": "which devices are at serial ports, and what is spoken on a bus",
    "vehicles": "the vehicles that are known by name, and what each of them tells",
    "monitor": "live values in a terminal: of a running service, a bus, a port or a log",
    "capture": "a CAN bus into candump, ASC, BLF or MF4 files, or a serial line into a text file, raw",
    "scrub": "recordings without VINs, serial numbers and positions, to be published",
    "map": "propose the [[map]] of a configuration from a database and a log",
    "check": "validate a configuration without starting anything",
    "run": "the gateway service",
    "status": "how a running service is: what is wrong, values, rates, accounts, events",
    "spool": "look at, export, drain the durable queue; requeue dead letters",
    "blackbox": "raw frames that a trigger has frozen: list them, get one as a log, drop it",
    "files": "write out the unit, udev and sysctl files, a first configuration and the dashboards",
    "retention": "how long a fleet's InfluxDB keeps rows, minutes of them, and records; --apply makes it so",
    "schema": "the JSON schema of the configuration, by which editors complete it",
    "completion": "a script that lets a shell complete this command",
    "sim": "a simulated vehicle on a bus, on serial ports or into a log",
}
EXAMPLES = (
    "demo",
    "signals drive.log ev.dbc",
    "monitor --can can0 --dbc ev.dbc",
    "scan",
    "check gateway.toml",
    "COMMAND --help",
)
SERVICES = ("run",)  # they must go on even if nobody reads their output
OUT_OF_REACH = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
CORE = "telemetry_core"
_MOST_VALUES: Mapping[Any, float] = {None: 1, "?": 1, "*": math.inf, "+": math.inf}  # by nargs
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE
EXIT_INTERRUPTED = 128 + signal.SIGINT


class Command(Protocol):
    """The interface of each module in `telemetry.cli`."""

    EXAMPLES: Sequence[str]  # what may follow the command's name

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


def load_command(name: str) -> Command:
    """Import the command's module: that of its name, with `_` for `-`.

    Ctrl-C waits for it: compiled modules turn it into an ImportError, or lose it.
    """
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return cast(Command, importlib.import_module(f"telemetry.cli.{name.replace('-', '_')}"))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


class _Help(argparse.HelpFormatter):
    """Keeps the lines of examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = max(map(len, COMMANDS)) + 4  # argparse forgets that commands are indented

    def _get_help_string(self, action: argparse.Action) -> str | None:
        words = super()._get_help_string(action)
        added = action.choices.added() if isinstance(action.choices, Choices) else []
        return f"{words}; by packages: {', '.join(added)}" if added else words

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line with exit code 64 (EX_USAGE); argparse prints a page and exits with 2."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.formatter_class = _Help
        self.add_argument(
            *("-v", "--verbose"),
            action="store_true",
            default=argparse.SUPPRESS,  # of an action: what its command was given holds
            help="log more; tracebacks of errors",
        )

    def parse_known_args(  # type: ignore[override]  # argparse overloads the namespace's type
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Take arguments in any order; argparse itself fills `*`, `+` and `?` before the first option."""
        words = sys.argv[1:] if args is None else args
        below = next((one for one in self._actions if isinstance(one, argparse._SubParsersAction)), None)
        if below is not None:
            return super().parse_known_args(self._name_first(words, below.choices), namespace)
        found, left = super().parse_known_args(self._options_first(words), namespace)
        if left := [word for word in left if word != "--"]:
            near = closest(left[0].partition("=")[0], self._option_string_actions, 0.7)
            self.error(f"unrecognized arguments: {' '.join(left)}{f'; did you mean {near}?' if near else ''}")
        return found, []

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is not a choice: name the nearest one, or all where no name is near."""
        is_wrong = isinstance(value, str) and action.choices is not None and value not in action.choices
        if is_wrong and (near := closest(value.casefold(), action.choices or ())):
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}; did you mean {near}?")
        super()._check_value(action, value)

    def _name_first(self, words: Sequence[str], names: Container[str]) -> list[str]:
        """Return `words` with a command's options after its name, if they stand before it."""
        at = next((number for number, word in enumerate(words) if word in names), 0)
        if not at or not words[0].startswith("-"):
            return [*words]
        own = [word for word in words[:at] if word in self._option_string_actions]
        others = [word for word in words[:at] if word not in own]
        return [*own, words[at], *others, *words[at + 1 :]]

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """Return `words` with those that are no options, nor values of options, at the end, after `--`."""
        options: list[str] = []
        others: list[str] = []
        values = 0.0  # that the option before may still have
        for number, word in enumerate(words):
            if word == "--":
                others += words[number + 1 :]
                break
            most = self._most_values(word)
            is_value = most is None and values > 0
            values = values - 1 if is_value else most or 0
            (others if most is None and not is_value else options).append(word)
        return [*options, *(["--", *others] if others else [])]

    def _most_values(self, word: str) -> float | None:
        """Return how many of the next words may be values of the option `word`; None: it is no option."""
        if not word.startswith("-") or len(word) == 1 or word[1] in "0123456789.":
            return None
        known = self._option_string_actions
        name, has_value, _ = word.partition("=")
        actions = [known[name]] if name in known else []
        if word.startswith("--"):
            actions += [action for option, action in known.items() if option.startswith(name)]
        else:  # `-vo FILE`, `-oFILE`
            letters = word[1:]
            while len(letters) > 1 and (action := known.get(f"-{letters[0]}")) and action.nargs == 0:
                letters = letters[1:]
            actions = [known[f"-{letters[0]}"]] if f"-{letters[0]}" in known else []
            has_value = letters[1:]
        if not actions:
            return None if " " in word else 0
        nargs = actions[0].nargs
        return 0 if has_value else _MOST_VALUES.get(nargs) or float(nargs or 0)

    def show_examples(self, words: Iterable[str]) -> None:
        """Let --help end with command lines; words: what follows the program's name."""
        self.epilog = "\n".join(["examples:", *(f"  {self.prog} {each}".rstrip() for each in words)])

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse declares NoReturn; exit() is
        self.exit(64, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Program(_Parser):
    """The parser of the whole program, whose --help ends with what packages add."""

    def format_help(self) -> str:
        for module in ("protocols.known", "logs.formats", "sources.kinds", "sinks.kinds"):
            importlib.import_module(f"telemetry.{module}")  # reserves what is built in
        added = [f"  {group}: {', '.join(found)}\n" for group in GROUPS if (found := listed(group))]
        return "".join([super().format_help(), *(["\nadded by packages:\n"] if added else []), *added])


def build_parser(full: Container[str | None]) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Each command of `full` brings its own arguments, at an import each.
    """
    parser = _Program(prog="nev-telemetry", description="Battery and charging telemetry into InfluxDB.")
    parser.set_defaults(verbose=False)
    parser.add_argument("-V", "--version", action="version", version=f"nev-telemetry {__version__}")
    parser.show_examples(EXAMPLES)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        if name in full:
            module = load_command(name)
            module.add_arguments(subparser)
            subparser.show_examples(module.EXAMPLES)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return its exit code, unless it is a service that this process was started for.

    Such a process ends here. What it had to store is stored, and the interpreter's own end takes longer than
    all that came before: on a machine under load seconds, when nothing ends the process any more.
    """
    arguments_given = list(sys.argv[1:] if argv is None else argv)
    if arguments_given[:1] == ["help"]:
        arguments_given = [*arguments_given[1:], "--help"]
    command = next((word for word in arguments_given if word in COMMANDS), None)
    if sys.stderr is None:  # as Python has it when the descriptor is closed
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of the process
    _warnings_as_words()
    if command in SERVICES:
        with hangups_wait(), queued_stderr():  # a reload may be asked for while it is still being imported
            code = _run(arguments_given, command)
        if argv is None:
            os._exit(code)
        return code
    return _run(arguments_given, command)


def _run(arguments_given: Sequence[str], command: str | None) -> int:
    verbose = not {"-v", "--verbose"}.isdisjoint(arguments_given)
    try:
        if sys.stdout is None:
            raise StorageError("is closed", where="stdout", hint="redirect it")
        arguments = build_parser([command]).parse_args(arguments_given)
        code = load_command(arguments.command).run(arguments)
        sys.stdout.flush()
    except TelemetryError as error:
        return _refused(error, verbose)
    except BrokenPipeError:
        _discard_stdout()  # its reader went away
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - every fault of the program has this exit code
        if isinstance(error, OSError) and error.errno in DISK_FULL and error.filename is None:
            _discard_stdout()  # commands name the files that they open: this was their output
            full = StorageError(f"cannot be written: {error.strerror}", where="stdout")
            return _refused(full, verbose)
        if isinstance(error, OSError) and error.errno in OUT_OF_REACH and error.filename is not None:
            out_of_reach = InputMissingError(
                f"cannot be reached: {error.strerror}",
                where=os.fsdecode(error.filename),
                hint="check path and owner",
            )
            return _refused(out_of_reach, verbose)
        if isinstance(error, ImportError) and (error.name or "").split(".")[0] == CORE:
            return _refused(_core_missing(error), verbose)
        traceback.print_exc()
        return _refused(
            TelemetryError(f"a fault in the program: {type(error).__name__}", hint="please report it")
        )
    return code


def _core_missing(error: ImportError) -> TelemetryError:
    """Return the error where the compiled core, or a part of it, is not there or is of another build."""
    hint = "in a clone: make setup; otherwise: pip install --force-reinstall nev-telemetry"
    return MissingPackageError(f"the compiled core is not whole: {error.msg}", where=CORE, hint=hint)


def _refused(error: TelemetryError, verbose: bool = False) -> int:
    if verbose:
        traceback.print_exc()
    for line in error.lines():
        sys.stderr.write(f"nev-telemetry: {line}\n")
    return error.exit_code


def _discard_stdout() -> None:
    """Drop what is still buffered, so that it does not raise again at interpreter exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class _Words(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"warning: {one_line(record.getMessage())}"


def _warnings_as_words() -> None:
    """Make the log of a command that sets up none look like its other warnings."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Words())


if __name__ == "__main__":
    sys.exit(main())
