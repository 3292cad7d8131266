"""What is spoken at a serial port of a recording: by one device, or by each that has an address."""

from collections.abc import Callable
from dataclasses import dataclass

from telemetry.protocols.table import SerialProtocol
from telemetry.stages.binding import Binding


@dataclass(frozen=True, slots=True)
class Spoken:
    """hears: whether a message of that address is the device's; None: each address is a device of its own."""

    protocol: SerialProtocol
    binding: Binding
    hears: Callable[[int], bool] | None = None
