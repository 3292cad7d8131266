from telemetry_core.logs.reader import LineReader

class GvretReader(LineReader):
    @property
    def is_rebased(self) -> bool: ...
    @property
    def start_ns(self) -> int: ...
