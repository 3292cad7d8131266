"""Several devices on one serial line, as on an RS485 bus: each hears all, and those that are meant answer."""

from collections.abc import Iterable

from firmware_sim.links.serial_line import DeviceEnd


class SharedLine:
    """The devices' end of the line. Two that are asked at once answer one after the other, in their order."""

    def __init__(self, devices: Iterable[DeviceEnd]) -> None:
        self._devices = tuple(devices)

    def feed(self, data: bytes) -> list[bytes]:
        """What they answer, message by message."""
        return [answer for device in self._devices for answer in device.feed(data)]

    def due(self, until_ns: int) -> list[bytes]:
        """What they say by themselves before this simulated time, and did not yet."""
        return [message for device in self._devices for message in device.due(until_ns)]

    def forget(self) -> None:
        """Forget half a request: the line was broken."""
        for device in self._devices:
            device.forget()
