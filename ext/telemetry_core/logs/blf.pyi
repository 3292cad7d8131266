from telemetry_core.logs.reader import LogReader

class BlfReader(LogReader):
    """Reads the frames of a BLF log. Its channels, counted from 1, are can0, can1 …

    The constructor raises ValueError when the file does not begin as a BLF log does, EOFError when it ends
    inside its header.
    """
