"""Which protocols the bytes of a serial line may be of, by what each finds in them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from telemetry_core.frames.batch import FrameBatch

from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import Framer

_SLICE_BYTES = 1024
_GOOD = ("messages", "echoes", "other_messages", "lost/error_reply", "lost/bad_length")


class FoundMessages(NamedTuple):
    """What a protocol finds: bytes of no message, and good messages, those without values too."""

    outside: int
    messages: int
    name: str


def good_messages(framers: Iterable[Framer]) -> int:
    """Return how many whole messages were found: those without values too, such as echoes and refusals."""
    return sum(framer.counts().get(name, 0) for framer in framers for name in _GOOD)


def spoken_in(lines: Mapping[str, bytes]) -> Sequence[FoundMessages]:
    """Return the protocols that find messages in what came on some lines, by how few bytes they leave."""
    found = []
    for name, protocol in PROTOCOLS.items():
        framers = [protocol.make_framer() for _ in lines]
        for framer, data in zip(framers, lines.values(), strict=True):
            _feed(framer, data)
        if messages := good_messages(framers):
            outside = sum(
                framer.counts()["garbage_bytes"] + framer.counts().get("padding_bytes", 0)
                for framer in framers
            )
            found.append(FoundMessages(outside, messages, name))
    return sorted(found)


def _feed(framer: Framer, data: bytes) -> None:
    for start in range(0, len(data), _SLICE_BYTES):
        part = data[start : start + _SLICE_BYTES]
        framer.feed(part, start, FrameBatch(max(1, framer.room_needed(len(part)))))
    framer.finish(FrameBatch(max(1, framer.room_needed(0))))
