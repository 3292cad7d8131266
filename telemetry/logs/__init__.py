"""Recordings: CAN logs and serial captures, whatever their format, compressed or cut off."""
