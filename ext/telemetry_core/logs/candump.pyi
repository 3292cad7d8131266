from telemetry_core.logs.reader import LineReader

class CandumpReader(LineReader):
    """Reads the frames of a candump log. A channel has the name that the log gives its interface."""
