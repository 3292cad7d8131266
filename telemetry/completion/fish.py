"""The completion script for fish 3 and newer."""

from collections.abc import Iterator

from telemetry.completion.shape import Command, Option, Value

_HEAD = """\
# fish completion for {program}, printed by `{program} completion fish`
function __{function}_at
    set -l path ''
    for word in (commandline -opc)[2..-1]
        switch $path/$word
            case {paths}
                set path $path/$word
        end
    end
    test "$path" = "$argv[1]"
end
complete -c {program} -f"""


def script(program: Command, name: str) -> str:
    """The script for `program`, called `name`."""
    return "\n".join(_lines(program, name)) + "\n"


def _lines(program: Command, name: str) -> Iterator[str]:
    function = name.replace("-", "_")
    paths = " ".join(command.path for command in program.all() if command.path)
    yield _HEAD.format(program=name, function=function, paths=paths)
    for command in program.all():
        start = f"complete -c {name} -n '__{function}_at \"{command.path}\"'"
        for below in command.commands:
            yield f"{start} -a {below.name} -d {_quoted(below.summary)}"
        for option in command.options:
            yield f"{start} {_flags(option)} -d {_quoted(option.summary)}"
        for value in command.arguments:
            yield f"{start}{_value(value, 'F')}"


def _flags(option: Option) -> str:
    flags = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
    return " ".join(flags) + (_value(option.value, "rF") if option.value else "")


def _value(value: Value, path_options: str) -> str:
    """path_options: how a file name is asked for, as an argument or behind an option."""
    options = path_options if value.is_path else "x"
    return f" -{options}" + (f" -a {_quoted(' '.join(value.choices))}" if value.choices else "")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
