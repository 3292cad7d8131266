"""Bytes of a serial line into the messages of a device."""
