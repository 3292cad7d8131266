"""Any interface of python-can as a link: `udp_multicast` between two processes, an adapter, a virtual bus."""

import contextlib
from typing import TYPE_CHECKING, Any, Self

from firmware_sim.errors import NotUsableError
from firmware_sim.links.can import DuplexLink
from firmware_sim.wire.layout import CAN_EFF_FLAG

if TYPE_CHECKING:
    import can


class PythonCanLink(DuplexLink):
    """A bus of python-can; relies on its closing."""

    def __init__(self, bus: "can.BusABC") -> None:
        super().__init__()
        self._bus = bus

    @classmethod
    def open(cls, interface: str, channel: str | None) -> Self:
        """Open the bus. Raises NotUsableError."""
        import can  # by this link alone: it takes 0.1 s

        options: dict[str, Any] = {"interface": interface}
        if channel is not None:
            options["channel"] = channel
        try:
            return cls(can.Bus(**options))
        except (can.CanError, ImportError, OSError, ValueError, TypeError) as error:
            raise NotUsableError(f"cannot be opened: {error}", where=interface) from error

    def send(self, id: int, data: bytes) -> None:
        import can

        extended = bool(id & CAN_EFF_FLAG)
        message = can.Message(arbitration_id=id & 0x1FFFFFFF, is_extended_id=extended, data=data)
        try:
            self._bus.send(message)
        except (can.CanError, OSError):
            self.not_sent += 1

    def receive(self, wait_s: float) -> list[tuple[int, bytes]]:
        """Return what others have sent, data frames alone."""
        frames = []
        message = self._bus.recv(wait_s)
        while message is not None:
            if not (message.is_error_frame or message.is_remote_frame):
                flag = CAN_EFF_FLAG if message.is_extended_id else 0
                frames.append((message.arbitration_id | flag, bytes(message.data)))
            message = self._bus.recv(0.0)
        return frames

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._bus.shutdown()
