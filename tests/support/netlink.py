"""What the kernel answers to RTM_GETLINK, laid out as its rtnl_fill_ifinfo and can_fill_info do."""

import struct

RTM_NEWLINK = 16
NESTED = 0x8000  # NLA_F_NESTED, which newer kernels set and older ones do not


def attribute(kind: int, content: bytes) -> bytes:
    """struct nlattr, padded to 4 bytes; its length is that without the padding."""
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def bit_timing(rate: int) -> bytes:
    """struct can_bittiming: bitrate, sample_point, tq, prop_seg, phase_seg1, phase_seg2, sjw, brp."""
    return struct.pack("=8I", rate, 875, 125, 6, 7, 2, 1, 5)


def can_data(rate: int | None, data_rate: int | None = None) -> bytes:
    """IFLA_INFO_DATA of a CAN controller, in the kernel's order."""
    parts = [] if rate is None else [attribute(1, bit_timing(rate))]
    parts += [
        attribute(2, b"mcp251xfd\0\0\0\0\0\0\0" + struct.pack("=8I", 2, 256, 1, 128, 128, 1, 256, 1)),
        attribute(3, struct.pack("=I", 40_000_000)),  # clock
        attribute(4, struct.pack("=I", 0)),  # state
        attribute(5, struct.pack("=II", 0, 0x20)),  # mode
        attribute(6, struct.pack("=I", 100)),  # restart-ms
        attribute(8, struct.pack("=HH", 0, 0)),  # error counters
    ]
    parts += [] if data_rate is None else [attribute(9, bit_timing(data_rate))]
    return b"".join(parts)


def link(kind: bytes, data: bytes | None, *, nested: int = 0) -> bytes:
    """Make the whole answer. kind: `can`, `vcan`, …; data: None without IFLA_INFO_DATA."""
    info = attribute(
        1, kind + (b"\0" if kind == b"can" else b"")
    )  # with its zero or, from older ones, without
    info += b"" if data is None else attribute(2 | nested, data)
    content = struct.pack("=BxHiII", 0, 280, 7, 0x10C1, 0)
    content += (
        attribute(3, b"can0\0") + attribute(13, struct.pack("=I", 10)) + attribute(4, struct.pack("=I", 72))
    )
    content += attribute(18 | nested, info) + attribute(23, bytes(196))
    return struct.pack("=IHHII", 16 + len(content), RTM_NEWLINK, 0, 0, 4711) + content
