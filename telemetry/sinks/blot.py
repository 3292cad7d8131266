"""Taking secrets out of what others wrote: a server, a proxy or a library may quote what we sent it.

Promises:
- No secret is left in a text that has passed: neither as it is, nor in the encodings in which software
  quotes. These are JSON's escapes, percent-encoding, HTML entities, and base64 of anything that holds it, at
  any alignment.
- No user and password are left in a URL, even those of somebody else.
- The time is proportional to the text.

Used where texts enter (`InfluxClient`), so that nothing after it has to think of secrets.
"""

import base64
import json
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from telemetry.errors import without_login

BLOT = "***"
_MIN_CHARACTERS = 4  # a shorter secret would blot out half of what a server says
_NAMES_IN_HTML = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_MAX_DEPTH = 20  # of JSON: nothing that is shown lies deeper
_PLUS_OF_BASE64 = r"(?:[+-]|%(?:25){0,4}2[bB]|\\{1,8}u002[bB])"  # of either alphabet
_SLASH_OF_BASE64 = r"(?:\\{0,8}/|_|%(?:25){0,4}2[fF]|\\{1,8}u002[fF])"
_ENCODED_BACKSLASH = r"%(?:25){0,4}5[cC]|\\{1,8}u005[cC]|&#(?:92|[xX]5[cC]);?"


class Blotter:
    """Blots some secrets out of any text."""

    def __init__(self, secrets: Iterable[str], encoded: Iterable[str] = ()) -> None:
        """Take the secrets that are long enough. encoded: those in base64 only, such as `user:password`."""
        self._secrets = [text for text in secrets if len(text) >= _MIN_CHARACTERS]
        self._encoded = [text for text in encoded if text]

    def text(self, text: str) -> str:
        """Return `text` without any secret."""
        return without_login(self._pattern.sub(BLOT, text) if self._pattern else text)

    def body(self, body: bytes) -> bytes:
        """Return an answer's body without any secret, in its words as JSON decodes them too; as UTF-8."""
        if not body:
            return body
        blotted = self.text(_as_text(body)).encode("utf-8", "surrogateescape")
        try:
            parsed = json.loads(blotted)
            decoded = self._decoded(parsed, _MAX_DEPTH)
        except (ValueError, RecursionError):
            return blotted
        return blotted if decoded == parsed else json.dumps(decoded).encode()

    def _decoded(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if depth and isinstance(value, list):
            return [self._decoded(one, depth - 1) for one in value]
        if depth and isinstance(value, dict):
            return {self.text(name): self._decoded(one, depth - 1) for name, one in value.items()}
        return value

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        """Return a pattern of all forms of all secrets; None without secrets."""
        plain = sorted(self._secrets, key=len, reverse=True)
        in_base64 = sorted({*self._encoded, *self._secrets}, key=len, reverse=True)
        forms = [form for text in in_base64 for form in _forms_in_base64(text)]
        forms += [_quoted(text) for text in plain]
        if not forms:
            return None
        # Where none of them can begin is passed over at once.
        first = {core[0] for text in in_base64 for core in _cores(text)} | {text[0] for text in plain}
        return re.compile(f"(?=[{re.escape(''.join(sorted(first)))}\\\\%&+_-])(?:{'|'.join(forms)})")


def _as_text(body: bytes) -> str:
    """Decode it: JSON may be UTF-16 or 32. What is no text keeps its bytes, but for NULs between letters."""
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8"):
        return body.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    return body.decode(encoding, "replace")


def _quoted(secret: str) -> str:
    """Return a pattern of the secret, each character as it is or in any of the encodings."""
    runs = re.findall(r"\\+|[^\\]", secret, re.DOTALL)
    last = len(runs) - 1
    return "".join(
        _backslashes(len(run), most=at == last) if run[0] == "\\" else _character(run)
        for at, run in enumerate(runs)
    )


def _backslashes(count: int, *, most: bool) -> str:
    """Return a pattern of a run of backslashes: as many, or more by escaping, or each of them encoded.

    most: nothing follows that may begin with one, as an encoded `u` does.
    """
    return rf"(?:(?:{_ENCODED_BACKSLASH}){{{count}}}|\\{{{count},{8 * count}}}{'' if most else '?'})"


def _character(character: str) -> str:
    # Repetitions are bounded: a text of backslashes alone must not cost its square.
    code = ord(character)
    octets = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass")
    forms = [
        "".join(rf"\\{{1,8}}u{_hex(units[at])}{_hex(units[at + 1])}" for at in range(0, len(units), 2)),
        "".join(f"%(?:25){{0,4}}{_hex(octet)}" for octet in octets),
        rf"&#(?:0{{0,6}}{code}|[xX]0{{0,6}}{_any_case(f'{code:x}')});?",
    ]
    if code < 0x100:
        forms.append(rf"\\{{1,8}}x{_hex(code)}")
    if character in _NAMES_IN_HTML:
        forms.append(f"&{_NAMES_IN_HTML[character]};")
    if character == " ":
        forms.append(r"\+")
    # At last, since an encoded form may begin with the character itself.
    forms.append(("" if character.isalnum() else r"\\{0,8}") + re.escape(character))
    return f"(?:{'|'.join(forms)})"


def _hex(octet: int) -> str:
    return _any_case(f"{octet:02x}")


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def _forms_in_base64(secret: str) -> list[str]:
    """Return patterns of it in base64, whatever stands before and after it, in either alphabet."""
    special = {"+": _PLUS_OF_BASE64, "/": _SLASH_OF_BASE64}
    mixed = rf"(?:[A-Za-z0-9]|{_PLUS_OF_BASE64}|{_SLASH_OF_BASE64})?"  # with bits of what follows
    tail = rf"{mixed}(?:=|%(?:25){{0,4}}3[dD]|\\{{1,8}}u003[dD]){{0,2}}"
    return ["".join(special.get(letter, letter) for letter in core) + tail for core in _cores(secret)]


def _cores(secret: str) -> list[str]:
    """Return the letters of base64 that depend on the secret alone, after 0, 1 and 2 other octets."""
    octets = secret.encode("utf-8", "surrogatepass")
    cores = []
    for before in range(3):
        letters = base64.b64encode(b"\0" * before + octets).decode().rstrip("=")
        begin = (before * 8 + 5) // 6
        cores.append(letters[begin : (before + len(octets)) * 8 // 6])
    return [core for core in cores if len(core) >= _MIN_CHARACTERS]
