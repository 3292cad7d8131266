def restamp(lines: bytes, shift_ns: int) -> bytes:
    """Return `lines` with `shift_ns` added to each line's stamp: for batches stamped relative to boot.

    Raises ValueError if a line lacks its newline or its stamp, or if a stamp leaves 64 bits.
    """

class LineBuffer:
    """Holds consecutive lines. `len()` is their bytes, `lines` their number.

    `room` is the size at first, in bytes. `overlaps`: an earlier content of a buffer may hold one of its
    points of the data model, too.
    """

    def __init__(self, room: int = 65536) -> None: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    @property
    def lines(self) -> int:
        """The number of lines."""
    @property
    def first_ns(self) -> int:
        """The earliest stamp, in ns; 0 when the buffer is empty."""
    @property
    def last_ns(self) -> int:
        """The latest stamp, in ns; 0 when the buffer is empty."""
    @property
    def overlaps(self) -> bool: ...
    def append(self, line: bytes, time_ns: int) -> None:
        """Add one line, given without its newline. Raises ValueError if it is empty or holds a newline."""
    def take(self) -> bytes:
        """Return all lines and empty the buffer."""
    def clear(self) -> None:
        """Forget all lines. The memory stays. Raises BufferError while somebody reads it in place."""
