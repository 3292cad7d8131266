"""What captures say of where packets come from: pcap in its header, pcapng in a block for each interface.

Facts: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, and the list of link types at tcpdump.org.
"""

import struct
from typing import NamedTuple

_OTHERS = {1: "Ethernet", 101: "IP", 105: "Wi-Fi", 127: "Wi-Fi", 189: "USB", 249: "USB", 280: "VPP"}
_NANOSECONDS = (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
_NAME, _UNIT, _OFFSET = 2, 9, 14  # options of an interface
_MOST_LETTERS = 32
_FAR_S = 2**33  # an offset that far makes no time


class Interface(NamedTuple):
    """name: "" for none; per_s: units of a stamp in a second; offset_s: added to stamps."""

    link_type: int
    name: str
    per_s: int
    offset_s: int


def of_file(header: bytes) -> tuple[bool, Interface]:
    """Return whether a pcap file is big-endian, and its only interface, by the first 24 bytes."""
    is_big = header.startswith(b"\xa1\xb2")
    (link_type,) = struct.unpack_from(">L" if is_big else "<L", header, 20)
    return is_big, Interface(link_type & 0xFFFF, "", 10**9 if header[:4] in _NANOSECONDS else 10**6, 0)


def of_block(block: bytes, *, is_big: bool) -> Interface:
    """Return what a whole block of pcapng says of its interface; what cannot be true of it is left out."""
    order = ">" if is_big else "<"
    (link_type,) = struct.unpack_from(f"{order}H", block, 8)
    name, per_s, offset_s, at = "", 10**6, 0, 16
    while at + 8 <= len(block):
        code, size = struct.unpack_from(f"{order}HH", block, at)
        value = block[at + 4 : at + 4 + size]
        if code == _NAME:
            name = "".join(filter(str.isprintable, value.decode("utf-8", "replace")))[:_MOST_LETTERS]
        elif code == _UNIT and value:
            per_s = 2 ** min(value[0] & 0x7F, 63) if value[0] & 0x80 else 10 ** min(value[0], 19)
        elif code == _OFFSET and len(value) == 8:
            (offset_s,) = struct.unpack(f"{order}q", value)
        at += 4 + (size + 3) // 4 * 4
    return Interface(link_type, name, per_s, max(-_FAR_S, min(offset_s, _FAR_S)))


def words(link_type: int) -> str:
    """Return what has this link type, for people."""
    return f"{_OTHERS.get(link_type, 'something')} (link type {link_type})"
