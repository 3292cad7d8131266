"""Values as a configuration has them, and names that it takes."""

import json
import re
from collections import Counter
from collections.abc import Sequence

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
        self._given: Counter[str] = Counter()

    def new(self, wanted: str) -> str:
        """Return a name as `wanted`, in letters that names may have."""
        name = _NOT_IN_NAMES.sub("_", wanted).strip("_.:-")[: _LONGEST_NAME - 4] or "bus"
        self._given[name] += 1
        count = self._given[name]
        return name if count == 1 else self.new(f"{name}-{count}")
