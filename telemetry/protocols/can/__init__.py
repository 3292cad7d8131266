"""Protocols of charger buses, a table of messages each."""
