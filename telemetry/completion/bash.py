"""The completion script for bash 4.1 and newer."""

import shlex
from collections.abc import Iterator, Sequence

from telemetry.completion.shape import Command, Value

# An empty answer stands for file names (-o default), unless the function says otherwise.
_HEAD = """\
# bash completion for {name}, printed by `{name} completion bash`
_{function}_nothing() {{ compopt +o bashdefault +o default; }}
_{function}_words() {{
    _{function}_nothing
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}}
_{function}_words_or_files() {{
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -W "$1" -- "$2")
}}
_{function}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} path= index
    COMPREPLY=()
    # --option=value comes as three words
    if [[ $current == "=" ]]; then
        current=
    elif [[ $previous == "=" ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    for ((index = 1; index < COMP_CWORD; index++)); do
        case "$path/${{COMP_WORDS[index]}}" in
            {paths})
                path+="/${{COMP_WORDS[index]}}" ;;
        esac
    done"""


def script(program: Command, name: str) -> str:
    """The script for `program`, called `name`."""
    return "\n".join(_lines(program, name)) + "\n"


def _lines(program: Command, name: str) -> Iterator[str]:
    function = name.replace("-", "_")
    every = program.all()
    paths = " | ".join(command.path for command in every if command.path)
    yield _HEAD.format(name=name, function=function, paths=paths)
    yield '    case "$path $previous" in'
    for command in every:
        for option in command.options:
            if option.value is not None:
                words = " | ".join(f'"{command.path} {flag}"' for flag in option.flags)
                yield f"        {words}) {_value(option.value, function)}; return ;;"
    yield "    esac"
    yield '    case "$path $current" in'
    for command in every:
        flags = " ".join(flag for option in command.options for flag in option.flags)
        yield f'        "{command.path} "-*) {_words(flags, function)} ;;'
        yield f'        "{command.path} "*) {_arguments(command, function)} ;;'
    yield "    esac"
    yield "}"
    yield f"complete -o bashdefault -o default -F _{function} {name}"


def _arguments(command: Command, function: str) -> str:
    words = [below.name for below in command.commands]
    words += [choice for value in command.arguments for choice in value.choices]
    return _offered(words, function, is_path=any(value.is_path for value in command.arguments))


def _value(value: Value, function: str) -> str:
    return _offered(value.choices, function, is_path=value.is_path)


def _offered(words: Sequence[str], function: str, *, is_path: bool) -> str:
    if words:
        return _words(" ".join(words), function, "words_or_files" if is_path else "words")
    return ":" if is_path else f"_{function}_nothing"


def _words(words: str, function: str, kind: str = "words") -> str:
    return f'_{function}_{kind} {shlex.quote(words)} "$current"'
