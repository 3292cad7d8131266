"""Recordings: CAN logs and serial captures, in any format, compressed or cut off."""
