"""Identifiers and transport frames of SAE J1939-21, as bytes.

Facts: the Linux kernel's net/can/j1939/transport.c and its documentation. Numbers of packets count from 1.
"""

from enum import IntEnum
from math import ceil

from firmware_sim.wire.layout import CAN_EFF_FLAG

CONTROL_PGN, DATA_PGN = 0xEC00, 0xEB00
PACKET_BYTES = 7  # of data, in each frame
MAX_BYTES = 255 * PACKET_BYTES
NO_LIMIT = 0xFF  # packets for each CTS
FILL = 0xFF


class Control(IntEnum):
    """The first byte of a control frame."""

    RTS = 16
    CTS = 17
    END_OF_MESSAGE = 19
    ABORT = 255


class AbortReason(IntEnum):
    """Why a transfer ends early."""

    RESOURCES = 2
    TIMEOUT = 3
    RETRANSMIT_LIMIT = 5
    OTHER = 250


def frame_id(pgn: int, priority: int, destination: int, source: int) -> int:
    """Return the identifier, with CAN_EFF_FLAG, of a message to one address (PDU1)."""
    return CAN_EFF_FLAG | priority << 26 | pgn << 8 | destination << 8 | source


def split_id(id: int) -> tuple[int, int, int]:
    """Return PGN, destination and source of a message to one address; the priority is left out."""
    return id >> 8 & 0x3FF00, id >> 8 & 0xFF, id & 0xFF


def packet_count(size: int) -> int:
    """Return how many packets carry `size` bytes."""
    return ceil(size / PACKET_BYTES)


def rts(pgn: int, size: int, packets: int | None = None) -> bytes:
    """Return a request to send; `packets` other than those of `size` contradict it, as a fault."""
    count = packet_count(size) if packets is None else packets
    return bytes((Control.RTS, *size.to_bytes(2, "little"), count, NO_LIMIT)) + _pgn(pgn)


def cts(pgn: int, packets: int, next_packet: int) -> bytes:
    """Return a clear to send `packets` from `next_packet` on."""
    return bytes((Control.CTS, packets, next_packet, FILL, FILL)) + _pgn(pgn)


def end_of_message(pgn: int, size: int) -> bytes:
    """Return what a receiver says that has everything."""
    return bytes((Control.END_OF_MESSAGE, *size.to_bytes(2, "little"), packet_count(size), FILL)) + _pgn(pgn)


def abort(pgn: int, reason: int) -> bytes:
    """Return what either side says to end the transfer."""
    return bytes((Control.ABORT, reason, FILL, FILL, FILL)) + _pgn(pgn)


def data_packet(number: int, payload: bytes) -> bytes:
    """Return the packet of this number, from 1; the last one is filled up."""
    part = payload[(number - 1) * PACKET_BYTES : number * PACKET_BYTES]
    return bytes((number,)) + part.ljust(PACKET_BYTES, bytes((FILL,)))


def _pgn(pgn: int) -> bytes:
    return pgn.to_bytes(3, "little")
