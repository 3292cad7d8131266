"""Errors without the place in the file, for tests of what they say of a key."""

import re


def without_place(error: object) -> str:
    """Return the error's line without `…gateway.toml:12: ` before the key's path."""
    return re.sub(r"^[^\n]*?gateway\.toml(:[0-9]+)?: ", "", str(error))
