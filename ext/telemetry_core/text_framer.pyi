from telemetry_core.framer import Framer
from telemetry_core.framing import TextFraming

class TextFramer(Framer):
    @property
    def framing(self) -> TextFraming: ...
    def __init__(self, framing: TextFraming, channel: int = 0) -> None: ...
