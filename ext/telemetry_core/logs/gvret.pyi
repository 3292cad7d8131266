from telemetry_core.logs.reader import LineReader

class GvretReader(LineReader):
    """Reads the frames of a GVRET log. Its buses, counted from 0, are can0, can1 …

    `is_rebased`: the first stamp was impossible. All count from it, and it is `start_ns`: without its sign
    where it is negative, since SavvyCAN subtracts the moment at which it began; otherwise 0.
    """

    @property
    def is_rebased(self) -> bool: ...
    @property
    def start_ns(self) -> int: ...
