from telemetry_core.logs.reader import LineReader

class AscReader(LineReader):
    """Reads the frames of an ASC log. Its channels, counted from 1, are can0, can1 …

    `undated_line` is the first line whose date has an unknown form, if frames may follow it; 0: there is
    none. `undated_start_ns` is the moment that their stamps count from instead: the date before, or 1970 (0).
    """

    @property
    def undated_line(self) -> int: ...
    @property
    def undated_start_ns(self) -> int: ...
