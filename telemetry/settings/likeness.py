"""Which of some names was probably meant. difflib is imported for a wrong name alone: few starts have one."""

from collections.abc import Iterable


def closest(name: str, names: Iterable[str], alike: float = 0.6) -> str:
    """Return the most alike of `names`; empty: none is alike enough. alike: the least likeness, of 1."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=alike)), "")
