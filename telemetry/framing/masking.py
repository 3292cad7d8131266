"""Passwords out of what a serial line brings, before it is kept: bytes in, as many bytes out, maybe later.

Promises:

- A good message comes out with a mask in place of its passwords: as long, with a right check.
- A good message of another protocol on the same line comes out as it is.
- In bytes that are part of no good message every word of two printable letters or more is masked, since a
  spoiled message may hold a password as well.
- Bytes wait only while they may be the beginning of a message, or are garbage without an end so far.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from telemetry_core.frames.batch import FrameBatch

from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import Framing
from telemetry.framing.secrets import PASSWORD, Secret

MASK = b"*"
_WORD = re.compile(rb"[!-~]{2,}")
_PART_OF_A_NUMBER = re.compile(rb"[!-~]{4,}")
_NUMBER = re.compile(rb"(?!Checksum\t)[!-~]{6,}")  # but the label by which VE.Direct's blocks are found
_LONGEST_GARBAGE = 1024
_KEPT_GARBAGE = 64  # of garbage that is let go before its end: a word may be cut there


def masked_words(data: bytes) -> bytes:
    """Return the same bytes with a mask for each letter of a word."""
    return _WORD.sub(_masked, data)


def masked_numbers(data: bytes) -> bytes:
    """Return the same of words that may be serial numbers, being so long."""
    return _NUMBER.sub(_masked, data)


def masked_parts_of_numbers(data: bytes) -> bytes:
    """Return the same of words that may be what is left of serial numbers."""
    return _PART_OF_A_NUMBER.sub(_masked, data)


def _masked(word: "re.Match[bytes]") -> bytes:
    return MASK * len(word[0])


class Changing(Protocol):
    """What changes the bytes of a line, and may hold some back for a while."""

    def mask(self, data: bytes) -> bytes:
        """Take bytes, and return those that are decided by now, in their order."""
        ...

    def rest(self) -> bytes:
        """Return what has waited: nothing follows."""
        ...


def hidden(framing: Framing, message: bytes, secrets: Iterable[Secret]) -> bytes:
    """Return a good message with a mask in place of its passwords."""
    passwords = (one.place for one in secrets if one.kind == PASSWORD)
    return framing.changed(message, ((place, MASK * len(message[place])) for place in passwords))


def _hiding(framing: Framing) -> Callable[[bytes], bytes] | None:
    if not framing.has_passwords:
        return None
    secrets = framing.make_reader().secrets
    return lambda message: hidden(framing, message, secrets(message))


class Garbage:
    """Bytes that are part of no good message. They wait for one another, since a word may come in pieces."""

    def __init__(self, change: Callable[[bytes], bytes] = masked_words) -> None:
        """Begin empty. change: makes of bytes as many that may be kept."""
        self._change = change
        self._waiting = b""

    def mask(self, data: bytes) -> bytes:
        """Do as Changing says."""
        self._waiting += data
        return (
            self._let_go(len(self._waiting) - _KEPT_GARBAGE) if len(self._waiting) > _LONGEST_GARBAGE else b""
        )

    def rest(self) -> bytes:
        """Do as Changing says."""
        return self._let_go(len(self._waiting))

    def _let_go(self, count: int) -> bytes:
        changed = self._change(self._waiting)[:count]
        self._waiting = self._waiting[count:]
        return changed


class Masker(MessageFramer):
    """Masks what one port brings, by a framing whose reader says what to hide.

    others: the framings of further protocols on the line, whose good messages are not garbage. last: what
    gets the bytes of no good message; None: they stay, and wait for nothing. hide: what becomes of the good
    messages of a framing; None: they stay.
    """

    def __init__(
        self,
        framing: Framing,
        others: Sequence[Framing] = (),
        *,
        hide: Callable[[Framing], Callable[[bytes], bytes] | None] = _hiding,
        last: Changing | None,
    ) -> None:
        super().__init__(framing, lambda _: None)
        self._hide = hide(framing)
        self._others = last  # it gets what is no message here
        if others:
            self._others = Masker(others[0], others[1:], hide=hide, last=last)
        self._settled: list[bytes] = []
        self._none = FrameBatch(1)  # no frame is made

    def mask(self, data: bytes) -> bytes:
        """Take bytes, and return those that are decided by now, in their order."""
        self._kept += data
        self._stamps.append((len(self._kept), 0))
        self._settle(self._none, is_end=False)
        return self._taken()

    def rest(self) -> bytes:
        """Return what has waited: nothing follows."""
        self._settle(self._none, is_end=True)
        self._end_garbage()
        return self._taken()

    def _take(self, message: bytes, time_ns: int, frames: FrameBatch) -> None:  # noqa: ARG002 - it makes none
        self._end_garbage()
        self._settled.append(self._hide(message) if self._hide is not None else message)

    def _drop(self, dropped: bytes) -> None:
        self._settled.append(dropped if self._others is None else self._others.mask(dropped))

    def _end_garbage(self) -> None:
        if self._others is not None:
            self._settled.append(self._others.rest())

    def _taken(self) -> bytes:
        settled, self._settled = b"".join(self._settled), []
        return settled


def maskers_of(framings: Iterable[object]) -> list[Masker]:
    """Return one for a line on which messages of some framing hold something to hide; otherwise none.

    Framings whose messages prove nothing cannot say what is good: words in them are masked.
    """
    known = dict.fromkeys(one for one in framings if isinstance(one, Framing))
    hiding = [one for one in known if one.has_passwords]
    others = [one for one in known if not one.has_passwords and all(shape.is_checked for shape in one.shapes)]
    return [Masker(hiding[0], (*hiding[1:], *others), last=Garbage())] if hiding else []


def maskers_of_unknown(framings: Iterable[object]) -> list[Masker]:
    """Return what masks a line whose protocol nobody knows: it hides good messages of `framings` alone."""
    known = dict.fromkeys(one for one in framings if isinstance(one, Framing))
    return [Masker(one, last=None) for one in known if one.has_passwords]
