"""The CRC-8 of SAE J1850, as vehicle.dbc protects its messages with it (see its comment)."""

_POLYNOMIAL = 0x1D
_START = 0xFF
_INVERT = 0xFF


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
