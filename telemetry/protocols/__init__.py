"""Devices whose bytes need no database, one table of fields a device."""
