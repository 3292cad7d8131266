"""What a command line may consist of, taken out of an `argparse` parser: plain values for the generators.

Relies on argparse's own tables of actions (`_actions`, `_SubParsersAction`), which have no public door; they
have been the same since Python 2.7, and a test walks all our commands through here.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.scenario import scenario_names

_PATHS = ("FILE", "PATH", "LOG", "CONFIG", "CAPTURE", "DIR", "DIRECTORY", "SCENARIO")  # endings of metavars
_NAMES = {"SCENARIO": scenario_names}  # of metavars that take a name or a file


@dataclass(frozen=True, slots=True)
class Value:
    """What stands behind an option or as an argument: one of `choices`, a path, either, or anything."""

    name: str
    choices: tuple[str, ...] = ()
    is_path: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """flags: `-v`, `--verbose`; value: None if it takes none."""

    flags: tuple[str, ...]
    summary: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Command:
    """words: the way to it, `("spool", "export")`; empty for the program itself."""

    words: tuple[str, ...]
    summary: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...]
    commands: "tuple[Command, ...]"

    @property
    def name(self) -> str:
        """The last of its words."""
        return self.words[-1] if self.words else ""

    @property
    def path(self) -> str:
        """`/spool/export`; empty for the program itself."""
        return "".join(f"/{word}" for word in self.words)

    def all(self) -> "list[Command]":
        """This command and those below it."""
        return [self, *(below for command in self.commands for below in command.all())]


def shape(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), summary: str = "") -> Command:
    """What `parser` takes."""
    options, arguments, commands = [], [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            commands += [
                shape(below, (*words, name), summaries.get(name, ""))
                for name, below in action.choices.items()
            ]
        elif action.help == argparse.SUPPRESS:
            continue
        elif action.option_strings:
            value = None if action.nargs == 0 else _value(action)
            options.append(Option(tuple(action.option_strings), _summary(action), value))
        else:
            arguments.append(_value(action))
    return Command(words, summary, tuple(options), tuple(arguments), tuple(commands))


def _value(action: argparse.Action) -> Value:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    choices = tuple(str(choice) for choice in action.choices or ())
    if metavar in _NAMES:
        choices = tuple(_NAMES[metavar]())
    return Value(metavar, choices, is_path=action.type is Path or metavar.endswith(_PATHS))


def _summary(action: argparse.Action) -> str:
    text = (action.help or "").replace("%%", "%")
    return " ".join(text.split())
