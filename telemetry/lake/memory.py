"""What stages remember at the end of a day, as text of a marker.

Relies on a marker's version: what stages remember in another version of this program is not read.
"""

import base64
import zlib

from telemetry.stages.memory import Memory, pack_memory, unpack_memory
from telemetry.stages.stages import Stages

_MOST_BYTES = 1 << 28


def text_of(stages: Stages) -> str:
    """Return what the stages remember of rows so far; "": nothing."""
    content = pack_memory(stages)
    return base64.b85encode(zlib.compress(content, 6)).decode() if content else ""


def read_memory(text: str) -> Memory:
    """Return the channels in their order, and the memory. Raises ValueError for another text."""
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b85decode(text), _MOST_BYTES)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"has a damaged memory: {error}") from error
    if not unpacker.eof:
        raise ValueError("has a damaged memory: it is cut, or too long")
    return unpack_memory(content)
