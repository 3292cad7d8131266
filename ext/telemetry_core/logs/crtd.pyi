from telemetry_core.logs.reader import LineReader

class CrtdReader(LineReader):
    """Reads the frames of a CRTD log. Its buses, counted from 1, are can0, can1 …"""
