"""Options of commands, declared as help shows them. Imports nothing that a service could do without."""

import argparse
from typing import Any

Arguments = argparse.ArgumentParser | argparse._ArgumentGroup  # what arguments are added to


def add_option(parser: Arguments, usage: str, words: str, **options: Any) -> None:
    """Add an option that help shows as `usage`: `--wide` is a flag, `-j N, --jobs N` has a value.

    A `…` after the value: it may be given again. words: its help; options: more of argparse's.
    """
    *others, last = usage.split(", ")
    name, _, value = last.partition(" ")
    if value.endswith(" …"):
        options |= {"action": "append", "default": []}
    if value:
        options["metavar"] = value.removesuffix(" …")
    elif "choices" not in options:
        options["action"] = "store_true"
    parser.add_argument(*others, name, help=words, **options)
