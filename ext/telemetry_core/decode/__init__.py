"""Frames into rows: the plan of a database, packed, and the decoder that follows it."""
