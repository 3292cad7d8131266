from telemetry_core.serial.framer import Framer
from telemetry_core.serial.framing import TextFraming

class TextFramer(Framer):
    @property
    def framing(self) -> TextFraming: ...
    def __init__(self, framing: TextFraming, channel: int = 0) -> None: ...
