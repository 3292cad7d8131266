from telemetry_core.logs.reader import LineReader

class AscReader(LineReader):
    @property
    def undated_line(self) -> int: ...
    @property
    def undated_start_ns(self) -> int: ...
