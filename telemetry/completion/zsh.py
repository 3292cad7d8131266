"""The completion script for zsh: one function for each command, made of `_arguments` specifications."""

import shlex
from collections.abc import Iterator

from telemetry.completion.shape import Command, Option, Value


def script(program: Command, name: str) -> str:
    """The script for `program`, called `name`; lies on `fpath` as `_NAME`, or is sourced after compinit."""
    return "\n".join(_lines(program, name)) + "\n"


def _lines(program: Command, name: str) -> Iterator[str]:
    yield f"#compdef {name}"
    yield f"# zsh completion for {name}, printed by `{name} completion zsh`"
    for command in program.all():
        yield from _function(command, name)
    yield f"_{name}_words_or_files() {{"
    yield """    _alternative "names:name:($*)" 'files:file:_files'"""
    yield "}"
    yield f'if [ "$funcstack[1]" = "_{name}" ]; then'
    yield f'    _{name} "$@"'
    yield "else"
    yield f"    compdef _{name} {name}"
    yield "fi"


def _function(command: Command, name: str) -> Iterator[str]:
    function = "_".join(["", name, *command.words])
    yield f"{function}() {{"
    yield "    local context state state_descr line"
    yield "    typeset -A opt_args"
    specifications = [_option(option, name) for option in command.options]
    if command.commands:
        specifications += ["'1:command:->command'", "'*::argument:->argument'"]
    last = len(command.arguments)
    specifications += [
        shlex.quote(f"{'*' if number == last else number}{_value(value, name)}")
        for number, value in enumerate(command.arguments, start=1)
    ]
    yield "    _arguments -s -S " + " \\\n        ".join(specifications)
    if command.commands:
        yield "    case $state in"
        yield "        command)"
        yield "            local -a commands=("
        for below in command.commands:
            yield f"                {shlex.quote(f'{below.name}:{below.summary}')}"
        yield "            )"
        yield "            _describe command commands ;;"
        yield "        argument)"
        yield "            case $words[1] in"
        for below in command.commands:
            yield f"                {below.name}) {function}_{below.name} ;;"
        yield "            esac ;;"
        yield "    esac"
    yield "}"


def _option(option: Option, name: str) -> str:
    text = f"[{_escaped(option.summary)}]{_value(option.value, name) if option.value else ''}"
    # Any option may be given again: argparse takes the last, or all.
    return " ".join(shlex.quote(f"*{flag}{text}") for flag in option.flags)


def _value(value: Value, name: str) -> str:
    words = " ".join(value.choices)
    if value.is_path:
        action = f" _{name}_words_or_files {words}" if words else "_files"
    else:
        action = f"({words})" if words else " "
    return f":{_escaped(value.name)}:{action}"


def _escaped(text: str) -> str:
    for letter in "\\:[]":
        text = text.replace(letter, f"\\{letter}")
    return text
