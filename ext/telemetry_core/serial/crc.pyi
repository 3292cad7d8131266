def crc_16_modbus(data: bytes) -> int:
    """Return the CRC-16 of Modbus: polynomial 0x8005 reflected, start 0xFFFF.

    Over a message with its CRC, low byte first, it is 0.
    """
