"""The bit rate of a CAN interface, asked of the kernel by rtnetlink (rtnetlink(7), linux/can/netlink.h).

Promises: whatever the kernel answers is a bit rate or None, never an error; no rights are needed. Relies on
Linux.
"""

import socket
import struct

from telemetry.model.bit_rate import BitRate

ANSWER_BYTES = 64 * 1024

_NLMSGHDR = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_IFINFOMSG = struct.Struct("=BxHiII")  # family, device type, index, flags, change
_ATTRIBUTE = struct.Struct("=HH")  # length with this head, type
_BIT_RATE = struct.Struct("=I")  # the first member of struct can_bittiming

_NLM_F_REQUEST = 1
_RTM_NEWLINK = 16
_RTM_GETLINK = 18
_NLA_TYPE_MASK = 0x3FFF  # the two highest bits of a type are flags
_IFLA_LINKINFO = 18
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_CAN_BITTIMING = 1
_IFLA_CAN_DATA_BITTIMING = 9
_CAN_BITRATE_UNSET = 0
_CAN_BITRATE_UNKNOWN = 0xFFFFFFFF


def interface_bit_rate(name: str) -> BitRate | None:
    """Return the rate that is set in the kernel; None: no such interface, or one without a wire (vcan)."""
    try:
        index = socket.if_nametoindex(name)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
            asking.sendto(link_request(index), (0, 0))
            # The kernel has answered before the request's call returns.
            answer = asking.recv(ANSWER_BYTES, socket.MSG_DONTWAIT)
    except OSError:
        return None
    return parse_bit_rate(answer)


def link_request(index: int) -> bytes:
    """Return RTM_GETLINK for the interface of that index."""
    length = _NLMSGHDR.size + _IFINFOMSG.size
    head = _NLMSGHDR.pack(length, _RTM_GETLINK, _NLM_F_REQUEST, 0, 0)
    return head + _IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, 0, 0)


def parse_bit_rate(answer: bytes) -> BitRate | None:
    """Return what the kernel's answer to `link_request` says of the bit rate; None if it says nothing."""
    if len(answer) < _NLMSGHDR.size:
        return None
    length, kind, *_ = _NLMSGHDR.unpack_from(answer)
    if kind != _RTM_NEWLINK:
        return None
    link = _attributes(answer[_NLMSGHDR.size + _IFINFOMSG.size : length])
    info = _attributes(link.get(_IFLA_LINKINFO, b""))
    if info.get(_IFLA_INFO_KIND, b"").rstrip(b"\0") != b"can":
        return None
    can = _attributes(info.get(_IFLA_INFO_DATA, b""))
    nominal = _bit_rate(can.get(_IFLA_CAN_BITTIMING, b""))
    return None if nominal is None else BitRate(nominal, _bit_rate(can.get(_IFLA_CAN_DATA_BITTIMING, b"")))


def _attributes(content: bytes) -> dict[int, bytes]:
    """Return attributes that follow one another, each on a boundary of 4 bytes, as far as they are whole."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(content):
        length, kind = _ATTRIBUTE.unpack_from(content, at)
        if not _ATTRIBUTE.size <= length <= len(content) - at:
            break
        found[kind & _NLA_TYPE_MASK] = content[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def _bit_rate(bit_timing: bytes) -> int | None:
    if len(bit_timing) < _BIT_RATE.size:
        return None
    (rate,) = _BIT_RATE.unpack_from(bit_timing)
    return None if rate in (_CAN_BITRATE_UNSET, _CAN_BITRATE_UNKNOWN) else int(rate)
