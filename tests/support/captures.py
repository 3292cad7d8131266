"""Captures made byte by byte, after the drafts of pcap and pcapng."""

import struct

SOCKETCAN, SLL, SLL2, ETHERNET = 227, 113, 276, 1
US, NS = 10**6, 10**9
Packet = tuple[int, bytes]  # the stamp in ns, and what was captured


def socketcan(id: int, data: bytes, flags: int = 0, *, order: str = ">", size: int = 8) -> bytes:
    return struct.pack(f"{order}LBBH", id, len(data), flags, 0) + data.ljust(size, b"\0")


def cooked(id: int, data: bytes, order: str, *, version: int = 1, protocol: int = 0x0C) -> bytes:
    head = struct.pack(">HHH8sH", 4, 280, 0, b"", protocol)
    if version == 2:
        head = struct.pack(">HHLHBB8s", protocol, 0, 3, 280, 0, 4, b"")
    return head + socketcan(id, data, order=order, size=64 if protocol == 0x0D else 8)


def capture(packets: list[Packet], link: int = SOCKETCAN, order: str = "<", per_s: int = US) -> bytes:
    """Make a pcap file."""
    magic = 0xA1B23C4D if per_s == NS else 0xA1B2C3D4
    made = struct.pack(f"{order}LHHlLLL", magic, 2, 4, 0, 0, 262144, link)
    for time_ns, packet in packets:
        part = time_ns % NS * per_s // NS
        made += struct.pack(f"{order}LLLL", time_ns // NS, part, len(packet), len(packet)) + packet
    return made


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(f"{order}L", 12 + len(body))
    return struct.pack(f"{order}L", kind) + size + body + size


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def interface(
    order: str = "<", link: int = SOCKETCAN, name: str = "", unit: int = 6, offset_s: int = 0
) -> bytes:
    options = option(order, 2, name.encode()) if name else b""
    options += option(order, 9, bytes([unit])) + option(order, 14, struct.pack(f"{order}q", offset_s))
    return block(order, 1, struct.pack(f"{order}HHL", link, 0, 0) + options + option(order, 0, b""))


def packet_block(number: int, stamp: int, packet: bytes, order: str = "<") -> bytes:
    high, low = divmod(stamp, 1 << 32)
    head = struct.pack(f"{order}LLLLL", number, high, low, len(packet), len(packet))
    return block(order, 6, head + packet + b"\0" * (-len(packet) % 4) + option(order, 0, b""))


def section(order: str = "<") -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(f"{order}LHHq", 0x1A2B3C4D, 1, 0, -1))
