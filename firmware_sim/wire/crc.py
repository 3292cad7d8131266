"""Cyclic checks: the CRC-8 of SAE J1850, by which vehicle.dbc protects its messages (see its comment), and
the CRC-16 of Modbus, which several battery boards use as well.
"""

_POLYNOMIAL = 0x1D
_START = 0xFF
_INVERT = 0xFF
_MODBUS_POLYNOMIAL = 0xA001  # 0x8005, bits reversed


def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry << 1 ^ _POLYNOMIAL if entry & 0x80 else entry << 1) & 0xFF
        entries.append(entry)
    return tuple(entries)


_TABLE = _table()


def crc8_remainder(data: bytes, remainder: int = _START) -> int:
    """Return the running remainder after `data`: to start many checksums that begin with the same bytes."""
    for byte in data:
        remainder = _TABLE[remainder ^ byte]
    return remainder


def crc8(data: bytes, remainder: int = _START) -> int:
    """Return CRC-8 SAE J1850 of `data`: polynomial 0x1D, start 0xFF, inverted. 0x4B for b"123456789"."""
    return crc8_remainder(data, remainder) ^ _INVERT


def crc16_modbus(data: bytes) -> bytes:
    """Return its two bytes in the order of the wire, low byte first. 0x37 0x4B for b"123456789"."""
    remainder = 0xFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (_MODBUS_POLYNOMIAL if remainder & 1 else 0)
    return remainder.to_bytes(2, "little")
