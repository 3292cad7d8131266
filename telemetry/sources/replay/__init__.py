"""Recorded logs, as fast as they are taken or at the pace at which they were recorded."""
