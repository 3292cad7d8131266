from telemetry_core.serial.framer import Framer
from telemetry_core.serial.framing import TextFraming

class TextFramer(Framer):
    """Finds the blocks that a TextFraming describes. Raises ValueError for a framing that makes no sense."""

    @property
    def framing(self) -> TextFraming: ...
    def __init__(self, framing: TextFraming, channel: int = 0) -> None: ...
