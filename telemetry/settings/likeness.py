"""Which of some names was probably meant. difflib is imported for a wrong name alone: few starts have one."""

import re
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def closest(name: str, names: Iterable[str], alike: float = 0.6) -> str:
    """Return the most alike of `names`; empty: none is alike enough. alike: the least likeness, of 1."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=alike)), "")


def likely(name: str, names: Iterable[str], most: int = 3) -> Sequence[str]:
    """Return which of `names` were meant, case apart: of these initials or holding it, otherwise alike."""
    import difflib

    wanted, folded = name.casefold(), {each.casefold(): each for each in names}
    initials = [each for each in folded.values() if _initials(each) == wanted]
    holding = [each for key, each in folded.items() if wanted and wanted in key]
    alike = difflib.get_close_matches(wanted, folded, n=most, cutoff=0.5)
    return list(dict.fromkeys(initials + holding))[:most] or [folded[key] for key in alike]


def _initials(name: str) -> str:
    return "".join(word[0] for word in _WORD.findall(name)).casefold()
