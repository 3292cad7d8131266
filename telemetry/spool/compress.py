"""Compressing batches, once, when they are made; and opening them again within bounds.

Promises:
- The gzip data is the same for the same bytes: its header has no name and no time.
- ISA-L at level 1 does it where it is installed (a quarter of zlib's time, nearly the same size), otherwise
  zlib at level 1.
- Joint lines are a quarter fewer bytes: by zlib at level 8, each series together, each measurement with codes
  of its own. Lines of a series stay in their order, since later ones may replace earlier ones.
"""

import zlib
from collections.abc import Callable
from itertools import groupby

from telemetry_core.text.lines import LineBuffer

from telemetry.errors import DataError

try:
    from isal import isal_zlib
except ImportError:
    _compress: Callable[..., bytes] = zlib.compress
    crc32: Callable[..., int] = zlib.crc32
else:
    _compress = isal_zlib.compress
    crc32 = isal_zlib.crc32  # a quarter of zlib's time, and the same

_LEVEL = 1
_DENSE_LEVEL = 8
_GZIP_WBITS = 31  # zlib.h: 16 for a gzip header, 15 for the largest window


def compress(data: bytes | LineBuffer) -> bytes:
    """Return `data` as one gzip member (RFC 1952). Lines are read in place: a batch of them is large."""
    return _compress(data, _LEVEL, _GZIP_WBITS)


def compress_joint(lines: bytes) -> bytes:
    """Return these lines as one gzip member, where bytes cost more than time."""
    member = zlib.compressobj(_DENSE_LEVEL, zlib.DEFLATED, _GZIP_WBITS)
    in_turn = sorted((line for line in lines.split(b"\n") if line), key=lambda line: line.partition(b" ")[0])
    parts = []
    for _, alike in groupby(in_turn, key=lambda line: line.partition(b",")[0]):
        parts += [member.compress(b"\n".join(alike) + b"\n"), member.flush(zlib.Z_BLOCK)]
    return b"".join([*parts, member.flush()])


def decompress(data: bytes, limit_bytes: int) -> bytes:
    """Return what gzip `data` holds, all its members one after another.

    DataError if it is damaged or cut off, or holds more than `limit_bytes`: what is over is not unpacked.
    """
    parts: list[bytes] = []
    left_bytes = limit_bytes
    while data or not parts:
        member = zlib.decompressobj(_GZIP_WBITS)
        try:
            part = member.decompress(data, left_bytes + 1)
        except zlib.error as error:
            raise DataError(f"damaged gzip data: {error}") from error
        left_bytes -= len(part)
        if left_bytes < 0:
            raise DataError(f"gzip data holds more than {limit_bytes} bytes")
        if not member.eof:
            raise DataError("gzip data is cut off")
        parts.append(part)
        data = member.unused_data
    return b"".join(parts)
