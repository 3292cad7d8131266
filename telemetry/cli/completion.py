"""`nev-telemetry completion SHELL`: prints the script that lets a shell complete this command.

shtab makes the scripts from the argument parsers, for commands that are added later too. Pressing Tab starts
no Python. Files are offered where an argument is a path, by its type or its metavar; a scenario is a name or
a file.
"""

import argparse
import sys
from pathlib import Path

import shtab

from firmware_sim.scenario import scenario_names
from telemetry.__main__ import COMMANDS, build_parser
from telemetry.cli.sim_charge import PARTS
from telemetry.errors import EXIT_OK

EXAMPLES = ("bash",)
PATHS = ("FILE", "PATH", "LOG", "CONFIG", "CAPTURE", "DIR", "DIRECTORY")  # endings of metavars


def add_arguments(parser: argparse.ArgumentParser) -> None:
    shells = shtab.SUPPORTED_SHELLS
    parser.add_argument(
        "shell", choices=shells, metavar="SHELL", help=f"{', '.join(shells[:-1])} or {shells[-1]}"
    )


def run(arguments: argparse.Namespace) -> int:
    sys.stdout.write(script(build_parser(COMMANDS), arguments.shell))
    return EXIT_OK


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of one of shtab's shells for the command that `parser` reads."""
    _say_what_completes(parser)
    return f"{shtab.complete(parser, shell)}\n"


def _say_what_completes(parser: argparse.ArgumentParser) -> None:
    """Set shtab's `complete` on each argument. argparse has no public list of its actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _say_what_completes(below)
            continue
        metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        if metavar == "SCENARIO":
            action.complete = _scenarios()  # type: ignore[attr-defined]  # shtab's interface
        elif action.type is Path or metavar.endswith(PATHS):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's interface


def _scenarios() -> dict[str, object]:
    """Return a function of each shell that offers a name or a file. tcsh can offer files alone."""
    names = " ".join((*scenario_names(), *PARTS))
    function = "_nev_telemetry_scenario_or_file"  # shtab lets bash complete folders where a name says file
    return {
        "bash": function,
        "zsh": function,
        "fish": f"({function})",
        "tcsh": "f",
        "powershell": function,
        "preamble": {
            "bash": f'{function}() {{ compgen -W "{names}" -- "$1"; _shtab_compgen_files "$1"; }}',
            "zsh": f"{function}() {{ _alternative 'names:scenario:({names})' 'files:file:_files'; }}",
            "fish": f"""function {function}
  printf '%s\\n' {names}
  __fish_complete_path (commandline -ct)
end""",
            "powershell": f"""function {function} {{
  param([string]$WordToComplete)
  "{names}".Split() | Where-Object {{ $_ -like "$WordToComplete*" }}
  _shtab_powershell_compgen_files $WordToComplete
}}""",
        },
    }
