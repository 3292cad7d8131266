"""The state that travels with each record: what the one who appends must know again after a restart.

To the spool it is bytes by name. It is written as a whole where it has changed, and where the accounts are
whole. So a damaged record costs it no more than the next change gives back.
"""

import struct
import zlib
from collections.abc import Mapping
from types import MappingProxyType

NO_STATE: Mapping[str, bytes] = MappingProxyType({})
MOST_BYTES = 2048  # of each name
_AS_BEFORE = b""  # in place of a block
_LENGTHS = struct.Struct("<HH")  # of the name and of its bytes
_MOST_PACKED_BYTES = 1 << 22  # more is damage that a CRC let through


class StateTrail:
    """Follows the state from record to record, for the writer."""

    def __init__(self) -> None:
        self._written = NO_STATE

    def block(self, state: Mapping[str, bytes], *, whole: bool) -> bytes | None:
        """Return what the next record says of the state: None without one, no bytes for the one before.

        whole: the record must do without those before it.
        """
        if not state:
            self._written = NO_STATE
            return None
        if state == self._written and not whole:
            return _AS_BEFORE
        block = zlib.compress(pack_state(state))
        self._written = state
        return block


def check_state(state: Mapping[str, bytes]) -> None:
    """Raise ValueError if one name has too much."""
    for name, content in state.items():
        if len(content) > MOST_BYTES:
            raise ValueError(f"{len(content)} bytes of state for {name}; at most {MOST_BYTES} are kept")


def follow(before: Mapping[str, bytes], block: bytes | None) -> Mapping[str, bytes]:
    """Return the state after a record that says this of it. ValueError if it is not well formed."""
    if block is None:
        return NO_STATE
    if block == _AS_BEFORE:
        return before
    stream = zlib.decompressobj()
    try:
        packed = stream.decompress(block, _MOST_PACKED_BYTES)
    except zlib.error as error:
        raise ValueError("a state that does not decompress") from error
    if not stream.eof:
        raise ValueError("a state that does not end")
    return unpack_state(packed)


def pack_state(state: Mapping[str, bytes]) -> bytes:
    parts: list[bytes] = []
    for name, content in state.items():
        encoded = name.encode()
        parts += (_LENGTHS.pack(len(encoded), len(content)), encoded, content)
    return b"".join(parts)


def unpack_state(packed: bytes) -> dict[str, bytes]:
    """Read what `pack_state` wrote. ValueError if it did not."""
    state = {}
    at = 0
    while at < len(packed):
        if at + _LENGTHS.size > len(packed):
            raise ValueError("a state that ends too early")
        name_bytes, content_bytes = _LENGTHS.unpack_from(packed, at)
        name_at = at + _LENGTHS.size
        content_at = name_at + name_bytes
        at = content_at + content_bytes
        if at > len(packed):
            raise ValueError("a state that ends too early")
        state[packed[name_at:content_at].decode()] = packed[content_at:at]
    return state
