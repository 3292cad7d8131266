from telemetry_core.logs.reader import LineReader

class TableReader(LineReader):
    """Reads the frames of a table. Its buses, counted from 0, are can0, can1 …"""
