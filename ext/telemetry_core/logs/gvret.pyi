from telemetry_core.logs.reader import LineReader

class GvretReader(LineReader):
    """Reads the frames of a GVRET log. Its buses, counted from 0, are can0, can1 …"""
