"""The CRC-16 of Modbus, which several battery boards use as well."""

_POLYNOMIAL = 0xA001  # 0x8005, bits reversed
_START = 0xFFFF


def crc16_modbus(data: bytes) -> bytes:
    """Return its two bytes in the order of the wire, low byte first. 0x37 0x4B for b"123456789"."""
    remainder = _START
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (_POLYNOMIAL if remainder & 1 else 0)
    return remainder.to_bytes(2, "little")
