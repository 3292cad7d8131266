"""Where messages begin and end on a serial line: a resynchroniser, and what protocols say of messages."""
