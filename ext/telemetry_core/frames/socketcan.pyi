from telemetry_core.frames.batch import FrameBatch

def set_stamp_options(fd: int, *, hardware: bool = False) -> None:
    """Make the kernel report, with each message, when it came and how many messages it has dropped.

    Call this before binding or connecting: earlier messages carry no stamp. Raises OSError.
    """

def control_of(parts: bytes) -> tuple[int, int, int | None]:
    """Return what a reader finds in `parts`, the control part of a message as recvmsg gives it.

    That is the software and the hardware stamp in ns (0: none) and the kernel's drop counter (None: absent).
    """

class CanReader:
    """Reads one socket. The caller owns both descriptors and keeps them open while the reader lives.

    `channel` goes into each frame. The reader counts from its creation: `messages_read` (frames good and
    bad), `kernel_dropped` (a lower bound: known with the next message), `bad_length` and `error_frames`.
    """

    @property
    def messages_read(self) -> int: ...
    @property
    def kernel_dropped(self) -> int: ...
    @property
    def bad_length(self) -> int: ...
    @property
    def error_frames(self) -> int: ...
    def __init__(self, fd: int, stop_fd: int, channel: int = 0) -> None: ...
    def read(self, batch: FrameBatch, timeout_ms: int, gather_ms: int = 50) -> int:
        """Append frames to `batch` and return their number. 0: none came in time, or the reader was stopped.

        Waits up to `timeout_ms` for the first frame (-1: without end), then `gather_ms` for more. Raises
        OSError for an error of the socket (ENETDOWN, ENODEV …) and EOFError at its end, each after the frames
        before it. Raises IndexError for a full batch.
        """

class ErrorStates:
    """Collects what the error frames of one bus report about its controller.

    `state` is the state after the newest frame, `worst` the worst since `forget_worst`. Both are 0 (error
    active), 1 (warning), 2 (passive) or 3 (bus off), and `state_ns` and `worst_ns` are the stamps of their
    frames.

    The other attributes count the frames that report:

    - `restarts`: the controller was restarted.
    - `controller_overflows`: the controller had no room for a frame.
    - `bus_errors`: an error on the wire.
    - `not_acknowledged`: nobody acknowledged a frame.
    - `transceiver_faults`: a fault of the transceiver.
    """

    @property
    def state(self) -> int: ...
    @property
    def state_ns(self) -> int: ...
    @property
    def worst(self) -> int: ...
    @property
    def worst_ns(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def controller_overflows(self) -> int: ...
    @property
    def bus_errors(self) -> int: ...
    @property
    def not_acknowledged(self) -> int: ...
    @property
    def transceiver_faults(self) -> int: ...
    def __init__(self) -> None: ...
    def scan(self, batch: FrameBatch, start: int = 0) -> None:
        """Read the error frames of `batch` from index `start` on. Raises IndexError for a wrong `start`."""
    def forget_worst(self) -> None:
        """Set `worst` back to the present state."""
