"""Devices on a serial line, one file each."""
