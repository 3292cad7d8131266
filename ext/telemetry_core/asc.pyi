from telemetry_core.log_reader import LineReader

class AscReader(LineReader):
    @property
    def undated_line(self) -> int: ...
    @property
    def undated_start_ns(self) -> int: ...
