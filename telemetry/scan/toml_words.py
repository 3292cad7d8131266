"""Values as a configuration has them, and names that it takes."""

import json
import re
from collections.abc import Sequence
from itertools import chain, count

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:-]+")
_LONGEST_NAME = 64


def text(words: str) -> str:
    """Return a TOML string: JSON's escapes are TOML's, which also wants DEL as one."""
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007F")


def texts(words: Sequence[str]) -> str:
    """Return a list of TOML strings."""
    return f"[{', '.join(map(text, words))}]"


class SourceNames:
    """Names of sources that differ from one another."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, wanted: str) -> str:
        """Return a name as `wanted`, in letters that names may have."""
        fit = _NOT_IN_NAMES.sub("_", wanted).strip("_.:-")[: _LONGEST_NAME - 4] or "bus"
        names = chain([fit], (f"{fit}-{number}" for number in count(2)))
        name = next(name for name in names if name not in self._given)
        self._given.add(name)
        return name
