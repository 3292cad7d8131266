"""Variables of the environment in texts of a configuration: `${NAME}` and `${NAME:-default}`.

Promises:

- `$${` stands for `${`; any other `$` stands for itself.
- A default holds where the variable is unset or empty, as in a shell. It ends at the first `}`.
- A variable that is unset and has no default, and a `${` that begins none, raise VariableError. Its words
  never hold a value.
- What a variable holds is taken as it is: a `${` in it begins no other one.
- An error shows a text as the file has it, and never what a variable holds (`as_written`).
"""

import contextlib
import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")
_OF_A_SHELL = re.compile(r"(?<!\$)\$([A-Z][A-Z0-9_]+)")


class VariableError(ValueError):
    """what: the fault, in one clause; hint: what to do about it."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """Return `text` with the values of its variables. Raises VariableError."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match[1], match[2]
        if name is None:
            raise VariableError(
                "${ begins no variable", "as ${NAME} or ${NAME:-default}; $${ stands for ${ itself"
            )
        found = environment.get(name)
        if default is not None:
            return found or default
        if found is None:
            raise VariableError(
                f"the variable {name} is not set", f"set it, or give a default as in ${{{name}:-default}}"
            )
        return found

    return _VARIABLE.sub(value, text) if "$" in text else text


def as_written(words: str, text: str, environment: Mapping[str, str]) -> str:
    """Return `words` with what comes of `text`, and of each of its variables, as `text` has them."""
    names = [match[1] for match in _VARIABLE.finditer(text) if match[1]]
    if not names:
        return words
    parts = {environment.get(name, ""): f"${{{name}}}" for name in names}
    with contextlib.suppress(VariableError):  # it has no value
        parts = {expanded(text, environment): text, **parts}
    for value, written in parts.items():
        for shown in {value, repr(value)[1:-1]} - {""}:
            words = re.sub(rf"(?<!\w){re.escape(shown)}(?!\w)", written.replace("\\", r"\\"), words)
    return words


def is_variable(text: str) -> bool:
    """Return whether `text` is one variable without a default, and nothing beside it."""
    match = _VARIABLE.fullmatch(text)
    return match is not None and match[1] is not None and match[2] is None


def looks_like_variable(text: str) -> str:
    """Return the name of the first `$NAME`, as a shell has variables; here it stands for itself."""
    found = _OF_A_SHELL.search(text)
    return found[1] if found else ""
