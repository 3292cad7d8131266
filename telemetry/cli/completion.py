"""`nev-telemetry completion SHELL`: prints the completion script of a shell."""

import argparse
import sys

from telemetry.__main__ import COMMANDS, build_parser
from telemetry.completion import bash, fish, zsh
from telemetry.completion.shape import shape
from telemetry.errors import EXIT_OK

HELP = "a script that lets bash, zsh or fish complete this command"
PROGRAM = "nev-telemetry"
SCRIPTS = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """SHELL."""
    parser.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help="bash, zsh or fish")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    program = shape(build_parser(COMMANDS))
    sys.stdout.write(SCRIPTS[arguments.shell](program, PROGRAM))
    return EXIT_OK
