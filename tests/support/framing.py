"""Serial bytes for tests: messages and blocks that are right, and framers fed in pieces."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.protocols.table import Framer, SerialProtocol


def jbd_message(register: int, data: bytes, status: int = 0) -> bytes:
    """Make a reply of a JBD, as it is on the wire."""
    covered = bytes((status, len(data))) + data
    return bytes((0xDD, register)) + covered + (-sum(covered) % 65536).to_bytes(2, "big") + b"\x77"


def vedirect_block(fields: Mapping[str, str] | Sequence[tuple[str, str]]) -> bytes:
    """Make a text block with the checksum byte that it needs."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    text = b"".join(b"\r\n%b\t%b" % (label.encode(), value.encode()) for label, value in pairs)
    text += b"\r\nChecksum\t"
    return text + bytes((-sum(text) % 256,))


def block_with_sum(fields: Mapping[str, str], checksum: int) -> bytes:
    """Make the same block with a serial number such that the checksum byte is `checksum`."""
    missing = (vedirect_block({**fields, "SER#": "A" * 6})[-1] - checksum) % 256
    letters = [ord("A") + min(57, max(0, missing - 57 * number)) for number in range(6)]  # A to z
    return vedirect_block({**fields, "SER#": bytes(letters).decode()})


def feed_pieces(
    framer: Framer, pieces: Iterable[bytes], *, finish: bool = True, capacity: int = 4096
) -> list[FrameTuple]:
    """Return all frames; each piece is stamped with the number of bytes up to its end."""
    frames = FrameBatch(capacity)
    fed = 0
    for piece in pieces:
        fed += len(piece)
        framer.feed(piece, fed, frames)
    if finish:
        framer.finish(frames)
    return list(frames)


def frames_of(protocol: SerialProtocol, data: bytes, *, finish: bool = False) -> list[FrameTuple]:
    """Return the frames of `data`, fed whole."""
    return feed_pieces(protocol.make_framer(), [data], finish=finish)


def pieces_of(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut `data` at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in itertools.pairwise(places)]
