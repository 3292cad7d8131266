"""Compressing batches, once, when they are made; and opening them again within bounds.

Promises:
- The gzip data is the same for the same bytes: its header has no name and no time.
- ISA-L at level 1 does it where it is installed (a quarter of zlib's time, nearly the same size), otherwise
  zlib at level 1. Densely is zlib at level 6, a fifth fewer bytes of values within bounds.
"""

import zlib
from collections.abc import Callable

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
_DENSE_LEVEL = 6
_GZIP_WBITS = 31  # zlib.h: 16 for a gzip header, 15 for the largest window


def compress(data: bytes | LineBuffer, *, densely: bool = False) -> bytes:
    """Return `data` as one gzip member (RFC 1952). Lines are read in place: a batch of them is large.

    densely: where bytes cost more than time.
    """
    if densely:
        return zlib.compress(data, _DENSE_LEVEL, _GZIP_WBITS)
    return _compress(data, _LEVEL, _GZIP_WBITS)


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
