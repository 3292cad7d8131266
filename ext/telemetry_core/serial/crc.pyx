"""The CRC of messages on a serial line: in Python it is half of what finding a message of 120 bytes costs."""

from libc.stdint cimport uint8_t, uint16_t

cdef enum:
    POLYNOMIAL = 0xA001          # reflected 0x8005

cdef uint16_t TABLE[256]


cdef void _fill_table() noexcept:
    cdef uint16_t remainder
    cdef int byte, step
    for byte in range(256):
        remainder = <uint16_t>byte
        for step in range(8):
            remainder = remainder >> 1 ^ (POLYNOMIAL if remainder & 1 else 0)
        TABLE[byte] = remainder


_fill_table()


def crc_16_modbus(bytes data not None):
    """Return the CRC-16 of Modbus: polynomial 0x8005 reflected, start 0xFFFF.

    Over a message with its CRC, low byte first, it is 0.
    """
    cdef const uint8_t* at = data
    cdef uint16_t crc = 0xFFFF
    cdef Py_ssize_t index
    for index in range(len(data)):
        crc = crc >> 8 ^ TABLE[(crc ^ at[index]) & 0xFF]
    return crc
